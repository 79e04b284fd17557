# SPDX-License-Identifier: FSL-1.1-MIT
"""The command line."""

# SPDX-License-Identifier: FSL-1.1-MIT
"""Answers queries from an index."""

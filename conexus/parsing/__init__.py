# SPDX-License-Identifier: FSL-1.1-MIT
"""Text to chunks, symbols and skip verdicts. Pure."""

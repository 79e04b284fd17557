# SPDX-License-Identifier: FSL-1.1-MIT
"""Brings an index in line with a tree."""

# SPDX-License-Identifier: FSL-1.1-MIT
"""Implementations of the ports, one technology a module."""

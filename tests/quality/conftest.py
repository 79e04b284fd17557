# SPDX-License-Identifier: FSL-1.1-MIT
"""Keeps pytest out of the repositories that are asked about: their tests are text to be indexed."""

collect_ignore = ["repositories"]

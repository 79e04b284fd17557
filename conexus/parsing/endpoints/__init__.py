# SPDX-License-Identifier: FSL-1.1-MIT
"""Routes and remote methods that code serves and calls, from its syntax tree. Pure."""

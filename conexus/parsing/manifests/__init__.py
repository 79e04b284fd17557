# SPDX-License-Identifier: FSL-1.1-MIT
"""Manifests and lock files of package managers: what they provide and require. Pure; nothing of them is executed."""

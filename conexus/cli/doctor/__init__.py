# SPDX-License-Identifier: FSL-1.1-MIT
"""The checks of ``conexus doctor``, each with a hint that names the next step."""

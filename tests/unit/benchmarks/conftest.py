# SPDX-License-Identifier: FSL-1.1-MIT
"""Lets tests import the modules of the quality benchmark, which are scripts and no package."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[3] / "benchmarks" / "quality"))

# SPDX-License-Identifier: FSL-1.1-MIT
"""Data folders that earlier forms of the catalog and the index left, and what was put into them."""

from __future__ import annotations

import tarfile
from pathlib import Path

DATA = Path(__file__).with_name("data")
REMOTE = "https://example.org/team/earlier.git"
REPO = "example.org/team/earlier"
KEY, WEBHOOK, QUESTION = "ci", "https://ci.example.org/hooks/conexus", "where is the elephant weighed"
POLICY = "permit (principal, action, resource);"
TREE = {
    "scales.py": "def weigh_elephant(scales):\n    '''Weigh the elephant.'''\n    return scales.read() * 1000\n",
    "zoo/keeper.py": "from scales import weigh_elephant\n\n\nclass Keeper:\n    '''Feeds animals.'''\n\n"
    "    def feed(self, animal):\n        return weigh_elephant(animal.scales) / 50\n",
    "zoo/gate.js": "export function openGate(visitors) {\n  return visitors.filter((one) => one.ticket);\n}\n",
    "README.md": "# Zoo\n\nThe gate opens at nine. Elephants are weighed on Mondays.\n",
}
VERSIONS = range(1, 11)


def unpack(version: int, folder: Path) -> None:
    """Put the folders ``data`` and ``home`` of a version of the catalog below a folder."""
    with tarfile.open(DATA / f"catalog-{version}.tar.xz") as archive:
        archive.extractall(folder, filter="data")

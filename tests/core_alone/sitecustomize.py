# SPDX-License-Identifier: FSL-1.1-MIT
"""Takes the paid package away, for every Python process that a test starts: put this folder into ``PYTHONPATH``.

``make test`` runs the core's tests so. To Python the package is then not installed, while the metadata of the
distribution still names its entry point, as in an installation from which its folder was deleted.
"""

import sys
from importlib.machinery import PathFinder


class _Without(PathFinder):
    @classmethod
    def find_spec(cls, fullname, path=None, target=None):  # type: ignore[no-untyped-def]
        """Find everything but ``conexus_ee``."""
        if fullname.partition(".")[0] == "conexus_ee":
            return None
        return super().find_spec(fullname, path, target)


sys.meta_path[:] = [_Without if finder is PathFinder else finder for finder in sys.meta_path]

# SPDX-License-Identifier: FSL-1.1-MIT
"""Which folders may be indexed, and where the working tree of one begins."""

from __future__ import annotations

import os
from pathlib import Path

from conexus.adapters.git_metadata import find_checkout
from conexus.errors import SourceError
from conexus.types import Checkout


def checkout_of(folder: Path, home: Path, *, force: bool = False) -> Checkout:
    """Return the working tree that holds a folder.

    Args:
        folder: What the user named.
        home: The user's home folder.
        force: Let a home folder, and what holds it, pass.

    Raises:
        SourceError: There is no such folder, or it should not be indexed.
    """
    if not folder.exists() or folder.is_file():
        from conexus.adapters.git_refs import ref_at  # noqa: PLC0415 -- brings dulwich

        ref = ref_at(folder.absolute())
        if ref is not None:
            return ref
    check_root(folder, home, force=force)
    checkout = find_checkout(folder.resolve(), home=home)
    check_root(checkout.root, home, force=force)
    return checkout


def check_root(path: Path, home: Path | None, *, force: bool = False) -> Path:
    """Return the real path of a folder that may be indexed.

    Args:
        path: What the user named.
        home: The user's home folder.
        force: Let a home folder, and what holds it, pass. The root of the disk never does.

    Raises:
        SourceError: It is missing, no folder, or holds far more than source code.
    """
    real = Path(os.path.realpath(path))
    if not real.exists():
        raise SourceError(f"{path} does not exist", hint=_similar(real))
    if not real.is_dir():
        raise SourceError(f"{path} is a file, not a folder", hint=f"Name its folder: {real.parent}")
    if real == Path(real.anchor):
        raise SourceError("The root of the disk is not a repository", hint="Name a folder with source code.")
    if home is not None and not force:
        real_home = Path(os.path.realpath(home))
        if real == real_home or real in real_home.parents:
            what = "your home folder" if real == real_home else "a folder that holds your home folder"
            raise SourceError(
                f"{path} is {what}, not a repository",
                hint="Name a folder with source code, or run `conexus index --force` if you mean it.",
            )
    return real


def _similar(missing: Path) -> str:
    try:
        with os.scandir(missing.parent) as found:
            names = [entry.name for entry in found if _is_folder(entry)]
    except OSError:
        return f"{missing.parent} does not exist either."
    import difflib  # noqa: PLC0415 -- only after a mistake

    close = difflib.get_close_matches(missing.name, names, n=3)
    return (
        f"Did you mean {' or '.join(str(missing.parent / name) for name in close)}?" if close else "Check the spelling."
    )


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False

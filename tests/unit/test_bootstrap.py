# SPDX-License-Identifier: FSL-1.1-MIT
"""What is made or thrown away in the data folder, by several processes at once and by one that is killed."""

from __future__ import annotations

import os
import random
import resource
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from conexus import bootstrap
from conexus.config import Config, StoreOptions
from conexus.data_folder import make_private

_ROUNDS = 20
_SHARDS = 400


def test_one_who_is_killed_amid_naming_a_data_folder_leaves_no_empty_name(tmp_path: Path) -> None:
    """Folders of no name would share their collections on a server."""
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # the first byte kills it
        bootstrap._namespace(tmp_path)
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGXFSZ
    assert not (tmp_path / "namespace").exists()
    assert len(bootstrap._namespace(tmp_path)) == 16


def test_those_who_name_a_data_folder_at_once_give_it_one_name(tmp_path: Path) -> None:
    """The first one's name counts, and nothing else is left."""
    with ThreadPoolExecutor(4) as threads:
        for number in range(_ROUNDS):
            folder = tmp_path / str(number)
            folder.mkdir()
            names = set(threads.map(bootstrap._namespace, [folder] * 4))
            assert len(names) == 1
            assert len(names.pop()) == 16
            assert [path.name for path in folder.iterdir()] == ["namespace"]


def data_with_vectors(folder: Path) -> Path:
    """A data folder with many vectors and a catalog that is none, and a file of the system's among them."""
    for number in range(_SHARDS):
        (folder / "vectors" / str(number) / "segments").mkdir(parents=True)
    (folder / "vectors" / ".DS_Store").write_bytes(b"what a file manager leaves")
    (folder / "catalog.sqlite").write_bytes(b"no database")
    (folder / "catalog.sqlite-wal").write_bytes(b"no log")
    return folder


def test_a_damaged_catalog_is_set_aside_with_all_vectors(tmp_path: Path) -> None:
    """A file that is no folder of vectors stops nothing."""
    data = data_with_vectors(tmp_path / "data")
    kept = bootstrap.discard_catalog(Config(store=StoreOptions(path=str(data))))
    assert kept.read_bytes() == b"no database"
    assert list((data / "vectors").iterdir()) == []
    assert sorted(path.name for path in data.iterdir()) == ["catalog.sqlite.damaged", "vectors"]


def test_one_who_is_killed_leaves_no_vectors_without_their_catalog(tmp_path: Path) -> None:
    """A new catalog counts from 1 again: it could take vectors that are left for its own."""
    chance = random.Random(1)  # noqa: S311 -- moments
    for number in range(8):
        data = data_with_vectors(tmp_path / str(number))
        child = os.fork()
        if child == 0:
            bootstrap.discard_catalog(Config(store=StoreOptions(path=str(data))))
            os._exit(0)
        while (data / "vectors" / "0").exists() and (data / "catalog.sqlite").exists():
            time.sleep(0.0001)
        time.sleep(chance.uniform(0, 0.01))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        assert (data / "catalog.sqlite").exists() or list((data / "vectors").iterdir()) == []


def test_a_data_folder_hides_itself_from_git_whatever_was_left_of_that(tmp_path: Path) -> None:
    """Also where a process died between making the file of rules and writing it."""
    (tmp_path / ".gitignore").touch()
    make_private(tmp_path)
    assert (tmp_path / ".gitignore").read_text() == "*\n"

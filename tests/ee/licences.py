# SPDX-License-Identifier: LicenseRef-Conexus-Commercial
"""Makes licences and the surroundings of an edition."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from conexus.adapters.catalog_schema import CATALOG
from conexus.adapters.sqlite_connection import SqliteConnection
from conexus.adapters.sqlite_directory import SqliteDirectory
from conexus.config import Config, LicenseOptions
from conexus.data_folder import edition_context_of
from conexus.edition import EditionContext
from conexus_ee.keys import TEST_SEED
from conexus_ee.licensing import signed

DAY = 86_400
TEST_KEY = Ed25519PrivateKey.from_private_bytes(TEST_SEED)


def claims(**changed: object) -> dict[str, object]:
    """Claims of an enterprise licence that began a while ago and has a year to go."""
    now = int(time.time())
    usual: dict[str, object] = {
        "iss": "conexus",
        "jti": "0123456789abcdef",
        "customer": "Acme",
        "tier": "enterprise",
        "features": ["*"],
        "max_repos": 100,
        "iat": now - DAY,
        "nbf": now - DAY,
        "exp": now + 365 * DAY,
    }
    return {**usual, **changed}


def licence(**changed: object) -> str:
    """A test licence with other claims than the usual ones."""
    return signed(TEST_KEY, claims(**changed))


@dataclass
class Clock:
    """A clock that tests set."""

    at: float = field(default_factory=time.time)

    def __call__(self) -> float:
        """The time."""
        return self.at


@contextmanager
def surroundings(
    folder: Path | None, clock: Clock, key: str = "", *, mode: str = "test", config: Config | None = None
) -> Iterator[EditionContext]:
    """What an edition starts with: a catalog, a clock, and the licence of the settings, if one is given."""
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    path = ":memory:" if folder is None else str(folder / "catalog.sqlite")
    with closing(SqliteConnection(path, CATALOG)) as connection:
        used = replace(config or Config(), license=LicenseOptions(key=key, mode=mode))
        yield replace(edition_context_of(used, folder, connection), now=clock)


def add_repositories(context: EditionContext, *repos: str) -> None:
    """Put repositories into the catalog, as indexing does."""
    directory = context.directory
    assert isinstance(directory, SqliteDirectory)
    with directory._connection.transaction() as db:
        db.executemany("INSERT INTO repositories (repo, name) VALUES (?, ?)", [(repo, repo) for repo in repos])

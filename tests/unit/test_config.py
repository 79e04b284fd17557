# SPDX-License-Identifier: FSL-1.1-MIT
"""Settings have sane bounds, a stable fingerprint, and one row each in the documentation."""

import re
from dataclasses import FrozenInstanceError, fields, replace
from pathlib import Path

import pytest

from conexus.adapters.config_files import DEFAULTS, SECRET_SETTINGS, shown_value
from conexus.config import (
    PROJECT_SETTINGS,
    Config,
    IndexOptions,
    LicenseOptions,
    LogOptions,
    SearchOptions,
    StoreOptions,
)
from conexus.errors import ConfigError

DOCS = Path(__file__).parents[2] / "docs" / "configuration.md"
KINDS = {bool: "true or false", int: "whole number", float: "number", str: "text"}


@pytest.mark.parametrize(
    "values",
    [
        {"max_chunk_chars": 199},
        {"max_chunk_chars": 20_001},
        {"max_file_bytes": 0},
        {"max_data_bytes": 0},
        {"workers": -1},
        {"parse_timeout_s": 0.0},
        {"parse_memory_mb": 0},
    ],
)
def test_options_out_of_range_are_refused(values: dict[str, float]) -> None:
    """The message names the setting."""
    with pytest.raises(ConfigError) as caught:
        replace(IndexOptions(), **values)
    assert f"index.{next(iter(values))}" in caught.value.message


def test_a_search_returns_at_least_one() -> None:
    """A limit of 0 is refused."""
    with pytest.raises(ConfigError, match=r"search\.limit"):
        SearchOptions(limit=0)


@pytest.mark.parametrize("values", [{"queries": "all"}, {"queries": ""}, {"keep_days": 0}, {"keep_days": 3_651}])
def test_what_the_query_log_keeps_is_one_of_three_for_some_days(values: dict[str, object]) -> None:
    """The message names the setting; a word that is not known never counts as the one that keeps most."""
    with pytest.raises(ConfigError) as caught:
        LogOptions(**values)  # type: ignore[arg-type]
    assert f"log.{next(iter(values))}" in caught.value.message


def test_the_query_log_and_webhooks_keep_to_this_machine() -> None:
    """Private addresses are not sent to, and a month of queries is kept, unless the settings say otherwise."""
    assert Config().webhooks.allow_private is False
    assert (Config().log.queries, Config().log.keep_s) == ("text", 30 * 86_400.0)
    assert not {key for key in PROJECT_SETTINGS if key.startswith(("log.", "webhooks."))}


def test_settings_cannot_be_changed() -> None:
    """A configuration in force stays as it is."""
    with pytest.raises(FrozenInstanceError):
        Config().search.limit = 3  # type: ignore[misc]


def test_the_fingerprint_changes_with_what_an_index_holds() -> None:
    """Model and chunk size are in it; what only decides which files go in, or how fast, is not."""
    base = IndexOptions().fingerprint("model-a")
    assert base == IndexOptions().fingerprint("model-a")
    assert base != IndexOptions().fingerprint("model-b")
    assert base != IndexOptions(max_chunk_chars=900).fingerprint("model-a")
    assert base == IndexOptions(workers=4, max_file_bytes=5, skip_vendored=False).fingerprint("model-a")


def test_a_key_is_not_printed() -> None:
    """The representation of the settings, as logs may hold it, leaves secrets out."""
    secret = "k" * 20
    assert secret not in repr(Config(store=StoreOptions(api_key=secret), license=LicenseOptions(key=secret)))
    assert {"store.api_key", "license.key"} == SECRET_SETTINGS


def test_what_a_project_may_set_exists() -> None:
    """Each name is a setting, and none names a model, an address, a folder or a key."""
    assert set(DEFAULTS) >= PROJECT_SETTINGS
    assert all(not isinstance(DEFAULTS[key], str) for key in PROJECT_SETTINGS)


def test_every_section_is_listed() -> None:
    """The catalogue of settings covers every field of every section."""
    sections = {entry.name for entry in fields(Config)} - {"required_edition", "edition"}
    expected = {f"{name}.{entry.name}" for name in sections for entry in fields(getattr(Config(), name))}
    assert set(DEFAULTS) == expected | {"required_edition"}


def test_the_documentation_has_one_row_for_each_setting() -> None:
    """Name, kind, default, variable and who may set it are as in the code, in the same order."""
    rows = re.findall(
        r"^\| `([\w.]+)` \| ([^|]+) \| ([^|]+) \| `(\w+)` \| ([^|]*) \| [^|]+ \|$", DOCS.read_text(), re.M
    )
    expected = [
        (
            key,
            KINDS[type(value)],
            f"`{shown_value(key, value)}`" if value != "" else "empty",
            f"CONEXUS_{key.replace('.', '_').upper()}",
            "yes" if key in PROJECT_SETTINGS else "no",
        )
        for key, value in DEFAULTS.items()
    ]
    assert [tuple(cell.strip() for cell in cells) for cells in rows] == expected

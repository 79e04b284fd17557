# SPDX-License-Identifier: FSL-1.1-MIT
"""Reads settings from TOML files, the environment and flags, and writes the user's file.

Layers, each over the one before: defaults, the user's file, the project's file, the environment,
flags. The project's file comes with a repository, which is not trusted: it may set only what
:data:`conexus.config.PROJECT_SETTINGS` names, up to a ceiling, and is read like hostile input.

Nothing here may slow a start down: TOML and path libraries are imported where a file is there.
"""

from __future__ import annotations

import contextlib
import math
import os
import re
import stat
import tempfile
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from conexus.config import PROJECT_SETTINGS, Config
from conexus.errors import ConfigError
from conexus.values import dataclass

PROJECT_FILE = ".conexus.toml"
MEMORY = ":memory:"
"""Value of ``store.path`` that keeps nothing on disk."""
SECTIONS = ("index", "store", "search", "daemon", "log", "webhooks", "license")
SECRET_SETTINGS = frozenset({"store.api_key", "license.key"})
EDITION_TABLE = "edition"

Value = str | int | float | bool

_MAX_FILE_BYTES = 64 * 1024  # a settings file has a few hundred bytes; the parser is quadratic in places
_MAX_INTEGER = 2**63 - 1
_PROJECT_CEILINGS = {"index.max_file_bytes": 100_000_000, "index.max_data_bytes": 100_000_000, "search.limit": 1_000}
_PATH_SETTINGS = {  # and their values that are no path
    "store.path": ("", ":memory:"),
    "index.model": ("default",),
    "daemon.tls_cert": ("",),
    "daemon.tls_key": ("",),
    "daemon.tls_client_ca": ("",),
    "license.file": ("",),
}
_WORDS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
_KIND_NAMES: dict[type, str] = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
_MAX_SHOWN_CHARS = 80
_MASK = "********"


def _defaults() -> dict[str, Value]:
    config = Config()
    found: dict[str, Value] = {
        f"{section}.{entry.name}": getattr(getattr(config, section), entry.name)
        for section in SECTIONS
        for entry in fields(getattr(config, section))
    }
    found["required_edition"] = config.required_edition
    return found


DEFAULTS: Mapping[str, Value] = _defaults()
"""Every setting that has a single value, ``<section>.<field>``, in the order of :mod:`conexus.config`."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings in force, and where each comes from."""

    config: Config
    origins: Mapping[str, str]
    """By setting: ``default``, ``user file …``, ``project file …``, ``environment …`` or ``flag``."""


@dataclass(frozen=True, slots=True)
class _Setting:
    key: str
    value: Value
    origin: str
    place: str
    """For messages: the file with the line, the variable or the flag."""


def current_environ() -> dict[str, str]:
    """Return a copy of the process's environment."""
    return dict(os.environ)  # noqa: TID251 - the one place that reads it


def user_config_path(environ: Mapping[str, str]) -> Path:
    """Return the user's settings file, which need not exist; ``CONEXUS_CONFIG`` names another one."""
    named = environ.get("CONEXUS_CONFIG")
    if named:
        return _expanded(named, "CONEXUS_CONFIG")
    from platformdirs import user_config_path as platform_path  # noqa: PLC0415 - costs 10 ms

    return platform_path("conexus", appauthor=False) / "config.toml"


def data_dir(config: Config) -> Path:
    """Return the absolute data folder, which need not exist.

    Raises:
        ConfigError: The store is ``:memory:`` and has none.
    """
    if config.store.path == ":memory:":
        raise ConfigError("store.path is :memory:, which keeps nothing on disk")
    if config.store.path:
        return _expanded(config.store.path, "store.path")
    from platformdirs import user_data_path  # noqa: PLC0415 - costs 10 ms

    return user_data_path("conexus", appauthor=False)


def load(environ: Mapping[str, str], project_root: Path | None, flags: Mapping[str, object]) -> Loaded:
    """Read all layers.

    Args:
        environ: Environment variables; empty ones count as not set.
        project_root: Folder that may hold a ``.conexus.toml``, or ``None``.
        flags: Values by setting, over everything else; ``None`` means not given.

    Raises:
        ConfigError: A file cannot be read, or a setting is unknown, out of place, of the wrong type or out of
            range; the message names the file and line, the variable or the flag.
    """
    user_path = user_config_path(environ)
    user_table, user_text = _read_toml(user_path, follow_links=True)
    edition = _edition_table(user_table, user_path)
    layers = [*_file_settings(user_table, user_text, user_path, "user file")]
    if project_root is not None:
        layers += _project_settings(project_root / PROJECT_FILE)
    layers += _environment_settings(environ)
    layers += _flag_settings(flags)
    chosen = {setting.key: setting for setting in layers}
    origins = {key: chosen[key].origin if key in chosen else "default" for key in DEFAULTS}
    if edition:
        origins[EDITION_TABLE] = f"user file {user_path}"
    return Loaded(_build(chosen, edition), origins)


def set_value(path: Path, key: str, text: str) -> None:
    """Write one setting to a user's file; comments and everything else in it stay.

    The file is replaced in one step and is readable by its owner alone.

    Args:
        path: The file; made with its folders if it is not there.
        key: A setting, as ``search.limit``.
        text: Its value as typed.

    Raises:
        ConfigError: The setting is unknown, the value does not fit, or the file cannot be read or written. The
            file is as it was.
    """
    import tomlkit  # noqa: PLC0415 - costs 15 ms, and only this command writes
    from tomlkit.exceptions import TOMLKitError  # noqa: PLC0415

    _require_known(key, "")
    value = _absolute(key, _parsed(key, text, key), key)
    _, before = _read_toml(path, follow_links=True)
    try:
        document = tomlkit.parse(before)
        section, _, name = key.rpartition(".")
        table: MutableMapping[str, Any] = document
        if section:
            if section not in document:
                document[section] = tomlkit.table()
            table = document[section]
            if not isinstance(table, MutableMapping):
                raise ConfigError(f"{path}: {section!r} must be a table, as [{section}]")
        table[name] = value
        after = tomlkit.dumps(document)
    except TOMLKitError as exc:
        raise ConfigError(f"{path}: {exc}") from exc
    parsed = _parse_toml(after, path)
    _edition_table(parsed, path)
    _build({setting.key: setting for setting in _file_settings(parsed, after, path, "user file")}, {})
    try:
        _replace_file(path.resolve(), after)
    except OSError as exc:
        raise ConfigError(f"{path} cannot be written: {exc.strerror or exc}") from exc


def shown_value(key: str, value: object) -> str:
    """Return a value as people may see it: secrets masked, the password of an address too."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if key in SECRET_SETTINGS:
        return _MASK if value else ""
    return re.sub(r"(?<=://)[^/?#\s]*@", f"{_MASK}@", str(value))


# --------------------------------------------------------------------- layers


def _file_settings(table: Mapping[str, object], text: str, path: Path, layer: str) -> Iterator[_Setting]:
    for key, value in _flattened(table, text, path):
        if key.partition(".")[0] == EDITION_TABLE:
            continue
        place = _place(path, text, key)
        _require_known(key, f"{place}: ")
        checked = _checked(key, value, place)
        _require_absolute(key, checked, place)
        yield _Setting(key, checked, f"{layer} {path}", place)


def _project_settings(path: Path) -> list[_Setting]:
    table, text = _read_toml(path, follow_links=False)
    for key, _ in _flattened(table, text, path):
        place = _place(path, text, key)
        if key.partition(".")[0] != EDITION_TABLE:
            _require_known(key, f"{place}: ", PROJECT_SETTINGS)
        if key not in PROJECT_SETTINGS:
            raise ConfigError(
                f"{place}: {key!r} cannot be set by a project's file, since a repository is not trusted",
                hint=f"set it in your own file; a project's may set {', '.join(sorted(PROJECT_SETTINGS))}",
            )
    found = list(_file_settings(table, text, path, "project file"))
    for setting in found:
        ceiling = _PROJECT_CEILINGS.get(setting.key)
        if ceiling is not None and isinstance(setting.value, int) and setting.value > ceiling:
            raise ConfigError(
                f"{setting.place}: {setting.key} is {setting.value}; a project's file may set at most {ceiling}",
                hint="a repository is not trusted; set more in your own file or the environment",
            )
    return found


def _environment_settings(environ: Mapping[str, str]) -> Iterator[_Setting]:
    names = {f"CONEXUS_{key.replace('.', '_').upper()}": key for key in DEFAULTS}
    prefixes = tuple(f"CONEXUS_{section.upper()}_" for section in SECTIONS)
    if environ.get("CONEXUS_HOME"):
        yield _from_variable("CONEXUS_HOME", "store.path", environ["CONEXUS_HOME"])
    for name in sorted(environ):
        if name in names and environ[name]:
            yield _from_variable(name, names[name], environ[name])
        elif name.startswith(prefixes) and name not in names:
            raise ConfigError(f"unknown environment variable {name!r}", hint=_did_you_mean(name, names))


def _from_variable(name: str, key: str, text: str) -> _Setting:
    value = _parsed(key, text, name)
    return _Setting(key, _absolute(key, value, name), f"environment {name}", name)


def _flag_settings(flags: Mapping[str, object]) -> Iterator[_Setting]:
    for key, value in flags.items():
        if value is None:
            continue
        _require_known(key, "")
        place = f"flag {key}"
        checked = _parsed(key, value, place) if isinstance(value, str) else _checked(key, value, place)
        yield _Setting(key, _absolute(key, checked, place), "flag", place)


def _build(chosen: Mapping[str, _Setting], edition: Mapping[str, object]) -> Config:
    parts: dict[str, Any] = {"edition": edition}
    config = Config()
    try:
        for section in SECTIONS:
            prefix = f"{section}."
            values: dict[str, Any] = {
                key.removeprefix(prefix): chosen[key].value for key in chosen if key.startswith(prefix)
            }
            parts[section] = replace(getattr(config, section), **values)
    except ConfigError as exc:
        places = [setting.place for key, setting in chosen.items() if key in exc.message]
        if not places:
            raise
        raise ConfigError(exc.message, hint=f"set by {' and '.join(places)}") from exc
    if "required_edition" in chosen:
        parts["required_edition"] = chosen["required_edition"].value
    return replace(config, **parts)


# --------------------------------------------------------------------- values


def _require_known(key: str, before: str, known: frozenset[str] | Mapping[str, Value] = DEFAULTS) -> None:
    if key in DEFAULTS:
        return
    if key.partition(".")[0] == EDITION_TABLE:
        raise ConfigError(f"{before}{key!r} has no single value", hint="write the [edition] table by hand")
    raise ConfigError(f"{before}unknown setting {_short(key)}", hint=_did_you_mean(key, known))


def _did_you_mean(name: str, known: frozenset[str] | Mapping[str, object]) -> str:
    from difflib import get_close_matches  # noqa: PLC0415 - needed for an error only

    close = get_close_matches(name[:_MAX_SHOWN_CHARS], sorted(known), n=1)
    return f"did you mean {close[0]}?" if close else f"known are {', '.join(sorted(known))}"


def _checked(key: str, value: object, place: str) -> Value:
    """Return ``value`` if it has the type of the setting; a whole number will do for any number."""
    kind = type(DEFAULTS[key])
    if kind is float and type(value) is int:
        value = float(value) if abs(value) <= _MAX_INTEGER else math.inf
    if type(value) is not kind or not isinstance(value, str | int | float):
        raise ConfigError(f"{place}: {key} must be {_KIND_NAMES[kind]}, not {_short(value)}")
    if isinstance(value, str) and not value.isprintable():
        raise ConfigError(
            f"{place}: {key} must be printable text on one line, not {_short(value)}",
            hint="take line ends and control characters out of it",
        )
    if isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(f"{place}: {key} must be a finite number, not {value}")
    if isinstance(value, int) and abs(value) > _MAX_INTEGER:
        raise ConfigError(f"{place}: {key} is too large")
    return value


def _parsed(key: str, text: str, place: str) -> Value:
    """Read a value that was typed as text."""
    kind = type(DEFAULTS[key])
    value: object = text
    with contextlib.suppress(ValueError):
        if kind is bool:
            value = _WORDS.get(text.strip().lower(), text)
        elif kind is not str:
            value = kind(text)
    return _checked(key, value, place)


def _require_absolute(key: str, value: Value, place: str) -> None:
    if key in _PATH_SETTINGS and value not in _PATH_SETTINGS[key] and not str(value).startswith(("/", "~")):
        raise ConfigError(f"{place}: {key} must be an absolute path in a file, not {_short(value)}")


def _absolute(key: str, value: Value, place: str) -> Value:
    """Make a path that was typed absolute, as seen from where it was typed."""
    if key not in _PATH_SETTINGS or value in _PATH_SETTINGS[key]:
        return value
    return str(_expanded(str(value), place))


def _expanded(text: str, place: str) -> Path:
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError as exc:
        raise ConfigError(f"{place}: there is no home folder for {_short(text)}") from exc


def _short(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= _MAX_SHOWN_CHARS else f"{shown[: _MAX_SHOWN_CHARS - 1]}…"


# ---------------------------------------------------------------------- files


def _edition_table(table: Mapping[str, object], path: Path) -> dict[str, object]:
    edition = table.get(EDITION_TABLE, {})
    if not isinstance(edition, dict):
        raise ConfigError(f"{path}: 'edition' must be a table, as [edition]")
    return edition


def _flattened(table: Mapping[str, object], text: str, path: Path) -> Iterator[tuple[str, object]]:
    for name, value in table.items():
        if name in SECTIONS and not isinstance(value, dict):
            raise ConfigError(f"{_place(path, text, name)}: {name!r} must be a table, as [{name}]")
        if isinstance(value, dict) and value and name != EDITION_TABLE:
            yield from ((f"{name}.{field}", inner) for field, inner in value.items())
        elif name not in SECTIONS:
            yield name, value


def _read_toml(path: Path, *, follow_links: bool) -> tuple[dict[str, Any], str]:
    """Return a file's table and text; both empty where it is not there."""
    try:
        data = _read_small(path, follow_links=follow_links)
    except (FileNotFoundError, NotADirectoryError):
        return {}, ""
    except OSError as exc:
        raise ConfigError(f"{path} cannot be read: {exc.strerror or exc}") from exc
    if len(data) > _MAX_FILE_BYTES:
        raise ConfigError(f"{path} is larger than {_MAX_FILE_BYTES} bytes; that is no settings file")
    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as exc:
        raise ConfigError(f"{path} is not UTF-8: byte {exc.start} cannot be read") from exc
    return _parse_toml(text, path), text


def _parse_toml(text: str, path: Path) -> dict[str, Any]:
    import tomllib  # noqa: PLC0415 - costs 8 ms, and most people have no file

    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as exc:  # a number too long is a plain ValueError
        reason = "nested too deeply" if isinstance(exc, RecursionError) else str(exc)
        raise ConfigError(f"{path} is not valid TOML: {reason}") from exc


def _read_small(path: Path, *, follow_links: bool) -> bytes:
    """Read a regular file up to just over the limit; never waits on a FIFO."""
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if follow_links else os.O_NOFOLLOW)
    with os.fdopen(os.open(path, flags), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            if follow_links and path == Path(os.devnull):
                return b""
            raise OSError(0, "it is no regular file")
        return file.read(_MAX_FILE_BYTES + 1)


def _replace_file(path: Path, text: str) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # made with mode 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _place(path: Path, text: str, key: str) -> str:
    """Name the file and, where a look at its lines tells, the line that sets ``key``."""
    section, _, name = key.rpartition(".")
    table = ""
    for number, line in enumerate(text.splitlines(), start=1):
        header = re.match(r"""\s*\[\s*["']?([^\]"']*?)["']?\s*\]""", line)
        if header:
            table = header.group(1)
        entry = re.match(r"""\s*([^=#]+?)\s*=""", line)
        written = re.sub(r"""["'\s]""", "", entry.group(1)) if entry else None
        if written is not None and written == (name if table == section else key if not table else None):
            return f"{path}:{number}"
        if header and key == table:
            return f"{path}:{number}"
    return str(path)

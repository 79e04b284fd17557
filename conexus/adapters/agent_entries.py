# SPDX-License-Identifier: FSL-1.1-MIT
"""Finds, sets and takes out one server's entry in the text of an agent's configuration.

Every function is pure. Each leaves all else as it is, checks its own result by reading it back, and raises
:class:`EntryError` rather than return a text that says something else than was asked for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from enum import StrEnum
from pathlib import PurePath
from typing import Any

from conexus.adapters import jsonc
from conexus.adapters.coding_agents import Agent, Shape
from conexus.adapters.jsonc import Json
from conexus.values import dataclass

Fields = Mapping[str, Json]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_PROGRAM = "conexus"
_NEVER_IN_YAML = re.compile(r"[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


class EntryError(Exception):
    """A configuration cannot be read or edited.

    Attributes:
        reason: Why, with no name of the file.
        line: Line of the place, from 1, or 0 where it is not known.
        column: Column of the place, from 1.
    """

    def __init__(self, reason: str, line: int = 0, column: int = 0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line
        self.column = column


class EntryState(StrEnum):
    """What a configuration says of the server before anything is changed."""

    ABSENT = "absent"
    INSTALLED = "installed"
    """An entry that starts this program."""
    OUTDATED = "outdated"
    """An entry that starts Conexus in another way, as from a place where it was before."""
    FOREIGN = "foreign"
    """An entry of the same name that is something else."""


@dataclass(frozen=True, slots=True)
class Server:
    """The entry that is wanted."""

    agent: Agent
    name: str
    """Letters, digits, ``-`` and ``_``."""
    command: tuple[str, ...]
    """The program and its arguments."""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise EntryError(
                f"{self.name[:80]!r} is no name for a server: use letters, digits, '-' and '_', at most 64"
            )
        try:
            "".join(self.command).encode()
        except UnicodeEncodeError as exc:
            raise EntryError("the path of the program is not UTF-8, and a configuration cannot hold it") from exc

    @property
    def fields(self) -> dict[str, Json]:
        """The fields of the entry, as the agent names them."""
        found: dict[str, Json] = {
            key: list(value) if isinstance(value, tuple) else value for key, value in self.agent.extra
        }
        if self.agent.joined_command:
            return {**found, "command": list(self.command)}
        return {**found, "command": self.command[0], "args": list(self.command[1:])}


def state_of(text: str, server: Server) -> EntryState:
    """Return what a configuration says of the server.

    Raises:
        EntryError: The text cannot be read.
    """
    entry = _entry(text, server)
    if entry is None:
        return EntryState.ABSENT
    if isinstance(entry, Mapping):
        if all(entry.get(key) == value for key, value in server.fields.items()):
            return EntryState.INSTALLED
        if _starts_conexus(entry):
            return EntryState.OUTDATED
    return EntryState.FOREIGN


def with_entry(text: str, server: Server) -> str:
    """Return the text with the entry.

    An entry that starts Conexus already gets the fields that differ and keeps those that a person added; any
    other entry of the name is replaced.

    Raises:
        EntryError: The text cannot be read or edited.
    """
    state = state_of(text, server)
    if state is EntryState.INSTALLED:
        return text
    keep_others = state is EntryState.OUTDATED
    if server.agent.shape is Shape.BLOCK:
        after = block(server)
    elif server.agent.shape is Shape.TOML:
        after = _toml_with_entry(text, server, keep_others=keep_others)
    else:
        after = _json_with_entry(text, server, keep_others=keep_others)
    if state_of(after, server) is not EntryState.INSTALLED:
        raise EntryError("the entry cannot be put there without changing the rest; please do it by hand")
    return after


def without_entry(text: str, server: Server) -> str | None:
    """Return the text without the server's entry, or ``None`` where the file held nothing else.

    Raises:
        EntryError: The text cannot be read or edited.
    """
    if state_of(text, server) is EntryState.ABSENT:
        return text
    if server.agent.shape is Shape.BLOCK:
        return None
    if server.agent.shape is Shape.TOML:
        after = _toml_without_entry(text, server)
    else:
        with _reading_json():
            after = jsonc.without_member(text, _json_path(text, server))
    if state_of(after, server) is not EntryState.ABSENT:
        raise EntryError("the entry cannot be taken out without changing the rest; please do it by hand")
    return after


def _entry(text: str, server: Server) -> Json:
    if server.agent.shape is Shape.BLOCK:
        return _block_entry(text, server)
    if server.agent.shape is Shape.TOML:
        return _toml_entry(_toml_table(text), server)
    with _reading_json():
        path = _json_path(text, server)
        found = jsonc.value_at(text, path)
        return {} if found is None and jsonc.has_member(text, path) else found


def _starts_conexus(entry: Fields) -> bool:
    command, arguments = entry.get("command"), entry.get("args", [])
    words = [
        *(command if isinstance(command, list) else [command]),
        *(arguments if isinstance(arguments, list) else []),
    ]
    texts = [word for word in words if isinstance(word, str)]
    return texts[-1:] == ["mcp"] and any(PurePath(text).stem == _PROGRAM for text in texts[:-1])


# ------------------------------------------------------------------------ JSON


@contextmanager
def _reading_json() -> Iterator[None]:
    try:
        yield
    except jsonc.JsoncError as exc:
        raise EntryError(exc.reason, exc.line, exc.column) from exc


def _json_path(text: str, server: Server) -> jsonc.Path:
    path = server.agent.container
    if server.agent.id == "opencode":
        # OpenCode 2 reads servers from mcp.servers, and from mcp as OpenCode 1 did, which knows no other place.
        nested = jsonc.value_at(text, (*path, "servers"))
        if isinstance(nested, Mapping) and not {"type", "command", "url"} & set(nested):
            path = (*path, "servers")
    return (*path, server.name)


def _json_with_entry(text: str, server: Server, *, keep_others: bool) -> str:
    with _reading_json():
        path = _json_path(text, server)
        if not keep_others:
            return jsonc.with_member(text, path, server.fields)
        for key, value in server.fields.items():
            if jsonc.value_at(text, (*path, key)) != value:
                text = jsonc.with_member(text, (*path, key), value)
        return text


# ------------------------------------------------------------------------ TOML


def _toml_table(text: str) -> dict[str, Any]:
    import tomllib  # noqa: PLC0415 - costs 8 ms, and one agent in twenty has TOML

    try:
        return tomllib.loads(text.replace("\r\n", "\n"))
    except (ValueError, RecursionError) as exc:
        reason = "nested too deeply" if isinstance(exc, RecursionError) else str(exc)
        place = re.fullmatch(r"(.*) \(at line (\d+), column (\d+)\)", reason, re.DOTALL)
        if place is None:
            raise EntryError(reason) from exc
        raise EntryError(place.group(1), int(place.group(2)), int(place.group(3))) from exc


def _toml_entry(table: Mapping[str, Any], server: Server) -> Json:
    (container,) = server.agent.container
    servers = table.get(container, {})
    if not isinstance(servers, Mapping):
        raise EntryError(f"'{container}' must be a table, as [{container}.{server.name}]")
    found: Json = servers.get(server.name)
    return found


def _toml_block(text: str, server: Server) -> str:
    """Return what is put at the end of a file; its first line is empty, and its last has an end if the file's has."""
    import tomlkit  # noqa: PLC0415 - costs 15 ms

    newline = "\r\n" if "\r\n" in text else "\n"
    (container,) = server.agent.container
    lines = [f"[{container}.{server.name}]"]
    lines += [f"{key} = {tomlkit.item(value).as_string()}" for key, value in server.fields.items()]
    before = (newline if text.endswith("\n") else newline * 2) if text else ""
    return before + newline.join(lines) + (newline if not text or text.endswith("\n") else "")


def _toml_with_entry(text: str, server: Server, *, keep_others: bool) -> str:
    table = _toml_table(text)
    if _toml_entry(table, server) is None:
        after = text + _toml_block(text, server)
        if _same_but_entry(text, after, server):
            return after
    return _toml_edited(text, server, keep_others=keep_others)


def _toml_edited(text: str, server: Server, *, keep_others: bool) -> str:
    """Edit a file in which the table cannot just be put at the end."""
    import tomlkit  # noqa: PLC0415 - costs 15 ms
    from tomlkit.items import InlineTable  # noqa: PLC0415

    def edit(document: MutableMapping[str, Any]) -> None:
        (container,) = server.agent.container
        if container not in document:
            document[container] = tomlkit.table(is_super_table=True)
        servers = document[container]
        if not keep_others or server.name not in servers:
            servers[server.name] = tomlkit.inline_table() if isinstance(servers, InlineTable) else tomlkit.table()
        for key, value in server.fields.items():
            if servers[server.name].get(key) != value:
                servers[server.name][key] = value

    return _toml_changed(text, server, edit)


def _toml_without_entry(text: str, server: Server) -> str:
    before = _before_block(text, server)
    if before is not None and _same_but_entry(text, before, server):
        return before

    def edit(document: MutableMapping[str, Any]) -> None:
        (container,) = server.agent.container
        del document[container][server.name]

    return _toml_changed(text, server, edit)


def _before_block(text: str, server: Server) -> str | None:
    """Return what a file was before the entry was put at its end; ``None`` where it does not stand there as written."""
    (container,) = server.agent.container
    start = text.rfind(f"[{container}.{server.name}]")
    if start <= 0:
        return "" if start == 0 and _toml_block("", _as_written(text, server)) == text else None
    newline = "\r\n" if "\r\n" in text else "\n"
    before = text[:start].removesuffix(newline if text.endswith("\n") else newline * 2)
    return before if before + _toml_block(before, _as_written(text, server)) == text else None


def _as_written(text: str, server: Server) -> Server:
    """Return the server with the command that the file has."""
    entry = _toml_entry(_toml_table(text), server)
    if not isinstance(entry, Mapping) or set(entry) != {"command", "args"}:
        return server
    command, arguments = entry["command"], entry["args"]
    if not isinstance(command, str) or not isinstance(arguments, list):
        return server
    return Server(server.agent, server.name, (command, *(str(argument) for argument in arguments)))


def _toml_changed(text: str, server: Server, edit: Callable[[MutableMapping[str, Any]], None]) -> str:
    import tomlkit  # noqa: PLC0415 - costs 15 ms
    from tomlkit.exceptions import TOMLKitError  # noqa: PLC0415

    try:
        document = tomlkit.parse(text)
        if tomlkit.dumps(document) != text:
            raise EntryError("its form would not survive an edit; please do it by hand")
        edit(document)
        after = tomlkit.dumps(document)
    except (TOMLKitError, KeyError, TypeError, AttributeError, ValueError, RecursionError) as exc:
        raise EntryError("the table cannot be edited without changing the rest; please do it by hand") from exc
    if not _same_but_entry(text, after, server):
        raise EntryError("the table cannot be edited without changing the rest; please do it by hand")
    return after


def _same_but_entry(before: str, after: str, server: Server) -> bool:
    try:
        tables = [_toml_table(before), _toml_table(after)]
    except EntryError:
        return False
    (container,) = server.agent.container
    for table in tables:
        table.setdefault(container, {}).pop(server.name, None)
    return tables[0] == tables[1]


# ----------------------------------------------------------------------- YAML


def block(server: Server) -> str:
    """Return the YAML file of a server, which is wholly ours."""
    arguments = "".join(f"      - {_yaml_text(argument)}\n" for argument in server.command[1:])
    return (
        f"name: {server.name}\nversion: 0.0.1\nschema: v1\nmcpServers:\n  - name: {server.name}\n    type: stdio\n"
        f"    command: {_yaml_text(server.command[0])}\n    args:\n{arguments}"
    )


def _yaml_text(text: str) -> str:
    quoted = json.dumps(text, ensure_ascii=False)
    return _NEVER_IN_YAML.sub(lambda match: f"\\u{ord(match.group()):04x}", quoted)


def _block_entry(text: str, server: Server) -> Json:
    """Return the fields of a file that is as we write it; no others are read, since it would take a YAML library."""
    if not text.strip():
        return None
    text = text.replace("\r\n", "\n")
    written = re.search(r'^    command: (".*")\n    args:\n((?:      - ".*"\n)+)', text, re.MULTILINE)
    if written is None:
        return "something else"
    try:
        words = [json.loads(written.group(1))]
        words += [json.loads(line.removeprefix("      - ")) for line in written.group(2).splitlines()]
    except ValueError:
        return "something else"
    found = Server(server.agent, server.name, tuple(words))
    return found.fields if block(found) == text else "something else"

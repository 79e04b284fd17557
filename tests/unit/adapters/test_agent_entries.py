# SPDX-License-Identifier: FSL-1.1-MIT
"""The entry of a server is set and taken out in every agent's form, and nothing else is changed."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace

import pytest
import tomlkit
import yaml
from hypothesis import given
from hypothesis import strategies as st

from conexus.adapters.agent_entries import EntryError, EntryState, Server, block, state_of, with_entry, without_entry
from conexus.adapters.coding_agents import AGENTS, Agent, Shape, agent_named

COMMAND = ("/opt/x y/bin/conexus", "mcp")
BY_ID = {agent.id: agent for agent in AGENTS}
EXPECTED = {
    "claude-code": ("mcpServers", {"type": "stdio", "command": COMMAND[0], "args": ["mcp"]}),
    "claude-desktop": ("mcpServers", {"command": COMMAND[0], "args": ["mcp"]}),
    "vscode": ("servers", {"type": "stdio", "command": COMMAND[0], "args": ["mcp"]}),
    "zed": ("context_servers", {"command": COMMAND[0], "args": ["mcp"]}),
    "opencode": ("mcp", {"type": "local", "command": [*COMMAND]}),
    "amp": ("amp.mcpServers", {"command": COMMAND[0], "args": ["mcp"]}),
    "copilot-cli": ("mcpServers", {"type": "stdio", "tools": ["*"], "command": COMMAND[0], "args": ["mcp"]}),
}


def server(agent: str | Agent, *, name: str = "conexus", command: tuple[str, ...] = COMMAND) -> Server:
    return Server(BY_ID[agent] if isinstance(agent, str) else agent, name, command)


def removed(text: str, wanted: Server) -> str:
    found = without_entry(text, wanted)
    assert found is not None
    return found


@pytest.mark.parametrize(("agent", "container", "entry"), [(key, *value) for key, value in EXPECTED.items()])
def test_each_agent_gets_its_own_form(agent: str, container: str, entry: dict[str, object]) -> None:
    """Field by field, as the agent's documentation has it."""
    assert json.loads(with_entry("", server(agent))) == {container: {"conexus": entry}}


@pytest.mark.parametrize("agent", AGENTS, ids=lambda agent: agent.id)
def test_an_entry_is_put_in_once_and_taken_out(agent: Agent) -> None:
    """From nothing to installed, again with no change, and back."""
    wanted = server(agent)
    after = with_entry("", wanted)
    assert state_of(after, wanted) is EntryState.INSTALLED
    assert with_entry(after, wanted) == after
    back = without_entry(after, wanted)
    if agent.shape is Shape.BLOCK:
        assert back is None
    else:
        assert state_of(removed(after, wanted), wanted) is EntryState.ABSENT


@pytest.mark.parametrize("agent", [agent for agent in AGENTS if agent.shape is Shape.JSON], ids=lambda agent: agent.id)
def test_an_entry_that_moved_keeps_what_a_person_added(agent: Agent) -> None:
    """The program is somewhere else now; settings and comments of the entry stay."""
    wanted, old = server(agent), server(agent, command=("/old/conexus", "mcp"))
    before = with_entry("", old).replace("/old/conexus", '/old/conexus" /* mine */, "env": {"A": "b"}, "note": "')
    before = before.replace('"note": ""', '"note": "n"')
    if agent.joined_command:
        before = with_entry("", old).replace('"type"', '"env": {"A": "b"}, /* mine */ "type"')
    assert state_of(before, wanted) is EntryState.OUTDATED
    after = with_entry(before, wanted)
    assert state_of(after, wanted) is EntryState.INSTALLED
    assert '"env": {"A": "b"}' in after
    assert "/* mine */" in after


@pytest.mark.parametrize(
    "entry",
    ['{"command": "npx", "args": ["conexus"]}', '{"url": "https://example.org/mcp"}', "null", '"x"', "[]", "{}"],
)
def test_an_entry_of_somebody_else_is_told_apart(entry: str) -> None:
    """It is replaced as a whole if that is wanted: its fields have no meaning for ours."""
    text = f'{{"mcpServers": {{"conexus": {entry}, "other": 1}}}}'
    wanted = server("cursor")
    assert state_of(text, wanted) is EntryState.FOREIGN
    assert json.loads(with_entry(text, wanted))["mcpServers"] == {"conexus": wanted.fields, "other": 1}
    assert json.loads(removed(text, wanted)) == {"mcpServers": {"other": 1}}


def test_python_with_the_module_is_conexus_too() -> None:
    """As the entry is where the program has no file of its own."""
    old = server("cursor", command=("/usr/bin/python3", "-m", "conexus", "mcp"))
    assert state_of(with_entry("", old), server("cursor")) is EntryState.OUTDATED


# -------------------------------------------------------------------- OpenCode


def test_opencode_2_has_its_servers_one_level_deeper() -> None:
    """OpenCode 2 reads both places; who has moved to the new one gets the entry there."""
    wanted = server("opencode")
    new = '{\n  "mcp": {\n    "servers": {}\n  }\n}\n'
    assert json.loads(with_entry(new, wanted)) == {"mcp": {"servers": {"conexus": wanted.fields}}}
    assert removed(with_entry(new, wanted), wanted) == new


def test_a_server_of_opencode_1_may_be_called_servers() -> None:
    """It has a type; a list of servers has none."""
    wanted = server("opencode")
    old = '{"mcp": {"servers": {"type": "local", "command": ["x"]}}}'
    assert json.loads(with_entry(old, wanted))["mcp"]["conexus"] == wanted.fields
    itself = server("opencode", name="servers")
    assert json.loads(with_entry("{}", itself)) == {"mcp": {"servers": wanted.fields}}


# ------------------------------------------------------------------------ TOML

TOMLS = [
    "",
    "\n",
    "# only a comment",
    'model = "x"',
    'model = "x"\n',
    'model = "x"\r\n\r\n[a]\r\nb = 1\r\n',
    "[mcp_servers]\n",
    '[mcp_servers.other]\ncommand = "y" # why\n\n[tail]\nx = """\n[mcp_servers.conexus]\n"""\n',
    'mcp_servers.other.command = "y"\n',
    '[mcp_servers.other]\ncommand = "y"\n[[list]]\na = 1\n\n\n',
]


@pytest.mark.parametrize("before", TOMLS)
def test_a_table_is_put_at_the_end_and_taken_out_to_the_byte(before: str) -> None:
    """Comments, order and line ends of all else stay."""
    wanted = server("codex")
    after = with_entry(before, wanted)
    assert after.startswith(before)
    assert tomllib.loads(after)["mcp_servers"]["conexus"] == {"command": COMMAND[0], "args": ["mcp"]}
    assert removed(after, wanted) == before


def test_an_inline_table_gets_the_entry_in_place() -> None:
    """Nothing may be added to it from below."""
    wanted = server("codex")
    before = 'mcp_servers = { other = { command = "y" } } # mine\nlast = 1\n'
    after = with_entry(before, wanted)
    parsed = tomllib.loads(after)
    assert parsed["mcp_servers"]["conexus"] == wanted.fields
    assert parsed["mcp_servers"]["other"] == {"command": "y"}
    assert "# mine" in after
    assert tomllib.loads(removed(after, wanted)) == tomllib.loads(before)


def test_a_table_that_moved_keeps_what_a_person_added() -> None:
    """As in JSON."""
    wanted = server("codex")
    before = (
        "[mcp_servers.conexus] # ours\nstartup_timeout_sec = 20\ncommand = '/old/conexus' # here\nargs = ['mcp']\n\n"
        "[mcp_servers.conexus.env]\nA = 'b'\n\n[tail]\nx = 1\n"
    )
    assert state_of(before, wanted) is EntryState.OUTDATED
    after = with_entry(before, wanted)
    assert tomllib.loads(after)["mcp_servers"]["conexus"] == {
        **wanted.fields,
        "startup_timeout_sec": 20,
        "env": {"A": "b"},
    }
    assert "# ours" in after
    assert "# here" in after
    assert tomllib.loads(removed(after, wanted)) == {"tail": {"x": 1}}


@given(
    st.recursive(
        st.integers(-9, 9) | st.text(max_size=5) | st.booleans(),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner, max_size=2),
        max_leaves=5,
    ).map(lambda value: {"x": value}),
    st.sampled_from(["", "\n", "\n# end\n", "# end"]),
    st.booleans(),
)
def test_any_table_around_it_stays(table: dict[str, object], end: str, has_other: bool) -> None:
    """Whatever stands in the file."""
    text = tomlkit.dumps({**table, **({"mcp_servers": {"other": {"command": "y"}}} if has_other else {})}) + end
    wanted = server("codex")
    after = with_entry(text, wanted)
    assert removed(after, wanted) == text
    expected = tomllib.loads(text)
    expected.setdefault("mcp_servers", {})["conexus"] = wanted.fields
    assert tomllib.loads(after) == expected


@pytest.mark.parametrize(
    ("text", "reason", "line"),
    [
        ("a = 1\nb = = 2\n", "Invalid value", 2),
        ("a = 1\na = 2\n", "Cannot overwrite a value", 2),
        ("mcp_servers = 3\n", "'mcp_servers' must be a table", 0),
        ("[[mcp_servers]]\na = 1\n", "'mcp_servers' must be a table", 0),
        ("x = " + "[" * 5_000, "nested too deeply", 0),
    ],
)
def test_a_table_that_cannot_be_read_is_refused(text: str, reason: str, line: int) -> None:
    """With the reason, and the line where there is one."""
    for change in (with_entry, without_entry):
        with pytest.raises(EntryError, match=reason) as caught:
            change(text, server("codex"))
        assert caught.value.line == line


# ------------------------------------------------------------------------ YAML

ODD_PATHS = st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


@given(ODD_PATHS)
def test_a_block_is_yaml_whatever_the_path(path: str) -> None:
    """Quotes, line ends, controls and colons are escaped; a YAML library reads the same."""
    wanted = server("continue", command=(path, "mcp"))
    assert yaml.safe_load(block(wanted)) == {
        "name": "conexus",
        "version": "0.0.1",
        "schema": "v1",
        "mcpServers": [{"name": "conexus", "type": "stdio", "command": path, "args": ["mcp"]}],
    }
    assert state_of(block(wanted), wanted) is EntryState.INSTALLED


@given(ODD_PATHS)
def test_a_path_is_written_so_that_it_is_read_again(path: str) -> None:
    """In JSON and TOML too."""
    command = (path, "mcp")
    assert json.loads(with_entry("", server("cursor", command=command)))["mcpServers"]["conexus"]["command"] == path
    toml = with_entry("", server("codex", command=command))
    assert tomllib.loads(toml)["mcp_servers"]["conexus"]["command"] == path


def test_a_block_of_another_command_is_outdated_and_any_other_text_is_not_ours() -> None:
    """No YAML is read but our own."""
    wanted = server("continue")
    assert state_of(block(server("continue", command=("/old/conexus", "mcp"))), wanted) is EntryState.OUTDATED
    assert state_of(block(wanted).replace("\n", "\r\n"), wanted) is EntryState.INSTALLED
    assert state_of(block(wanted) + "# mine\n", wanted) is EntryState.FOREIGN
    assert state_of("name: x\n", wanted) is EntryState.FOREIGN
    assert state_of(" \n", wanted) is EntryState.ABSENT
    assert with_entry("name: x\n", wanted) == block(wanted)


# --------------------------------------------------------------------- hostile


@pytest.mark.parametrize("name", ["", "a b", "../x", "a.b", "-x", "x" * 65, 'x"', "x\n", "é"])
def test_a_name_is_a_word(name: str) -> None:
    """It becomes a key, and for Continue the name of a file."""
    with pytest.raises(EntryError, match="is no name for a server"):
        server("cursor", name=name)


def test_a_path_that_is_no_text_is_refused() -> None:
    """No configuration can hold it."""
    with pytest.raises(EntryError, match="not UTF-8"):
        server("cursor", command=("/opt/\udcff/conexus", "mcp"))


def test_json_errors_have_a_place() -> None:
    """As the editor of JSON gives it."""
    with pytest.raises(EntryError) as caught:
        with_entry('{\n  "mcpServers": 1\n}', server("cursor"))
    assert (caught.value.line, caught.value.column) == (2, 17)


def test_agents_of_one_file_agree_on_it() -> None:
    """Claude Code and Copilot CLI share a project's file: neither takes the other's entry for a stranger's."""
    claude, copilot = server("claude-code"), server("copilot-cli")
    both = with_entry(with_entry("", claude), copilot)
    assert state_of(both, claude) is EntryState.INSTALLED
    assert state_of(both, copilot) is EntryState.INSTALLED
    insiders = agent_named("vscode-insiders")
    assert insiders is not None
    assert replace(insiders, id="vscode").project == BY_ID["vscode"].project

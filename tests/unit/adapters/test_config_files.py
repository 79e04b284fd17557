# SPDX-License-Identifier: FSL-1.1-MIT
"""Settings come from five layers, each checked, and are written without loss."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conexus.adapters.config_files import (
    DEFAULTS,
    PROJECT_FILE,
    current_environ,
    data_dir,
    load,
    set_value,
    shown_value,
    user_config_path,
)
from conexus.config import PROJECT_SETTINGS, Config, StoreOptions
from conexus.errors import ConfigError


@pytest.fixture
def user_file(tmp_path: Path) -> Path:
    """Where the user's file would be; not there yet."""
    return tmp_path / "settings" / "config.toml"


@pytest.fixture
def environ(user_file: Path) -> dict[str, str]:
    """An environment that names the user's file and nothing else."""
    return {"CONEXUS_CONFIG": str(user_file)}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """An empty repository."""
    root = tmp_path / "repo"
    root.mkdir()
    return root


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_without_any_file_the_defaults_hold(environ: dict[str, str], project: Path) -> None:
    """No file, variable or flag gives the defaults, and says so of each."""
    loaded = load(environ, project, {})

    assert loaded.config == Config()
    assert loaded.origins == dict.fromkeys(DEFAULTS, "default")


def test_each_layer_goes_over_the_one_before(environ: dict[str, str], user_file: Path, project: Path) -> None:
    """Flags beat the environment, which beats the project, which beats the user, which beats the default."""
    write(user_file, "[search]\nlimit = 2\n")
    steps = [(load(environ, project, {}), 2, f"user file {user_file}")]
    write(project / PROJECT_FILE, "[search]\nlimit = 3\n")
    steps.append((load(environ, project, {}), 3, f"project file {project / PROJECT_FILE}"))
    environ["CONEXUS_SEARCH_LIMIT"] = "4"
    steps.append((load(environ, project, {}), 4, "environment CONEXUS_SEARCH_LIMIT"))
    steps.append((load(environ, project, {"search.limit": 5}), 5, "flag"))

    assert [(step.config.search.limit, step.origins["search.limit"]) for step, _, _ in steps] == [
        (limit, origin) for _, limit, origin in steps
    ]


def test_a_layer_leaves_what_it_does_not_name(environ: dict[str, str], user_file: Path) -> None:
    """A table with one setting does not reset its other settings."""
    write(user_file, "[index]\nmax_chunk_chars = 900\nworkers = 3\n")
    environ["CONEXUS_INDEX_WORKERS"] = "1"

    index = load(environ, None, {"index.skip_vendored": False, "index.workers": None}).config.index

    assert (index.max_chunk_chars, index.workers, index.skip_vendored, index.skip_generated) == (900, 1, False, True)


def test_the_data_folder_has_a_short_name(environ: dict[str, str], tmp_path: Path) -> None:
    """``CONEXUS_HOME`` is ``store.path``, and the long name goes over it."""
    environ["CONEXUS_HOME"] = str(tmp_path / "a")
    loaded = load(environ, None, {})
    assert data_dir(loaded.config) == tmp_path / "a"
    assert loaded.origins["store.path"] == "environment CONEXUS_HOME"

    environ["CONEXUS_STORE_PATH"] = str(tmp_path / "b")
    assert data_dir(load(environ, None, {}).config) == tmp_path / "b"


def test_the_required_edition_comes_from_the_environment(environ: dict[str, str]) -> None:
    """``CONEXUS_REQUIRED_EDITION`` sets it."""
    environ["CONEXUS_REQUIRED_EDITION"] = "enterprise"
    assert load(environ, None, {}).config.required_edition == "enterprise"


def test_the_edition_table_is_handed_on_unread(environ: dict[str, str], user_file: Path) -> None:
    """Whatever stands in ``[edition]`` of the user's file reaches the edition package."""
    write(user_file, '[edition.grants]\ndev = ["github.com/pallets/flask"]\n')

    loaded = load(environ, None, {})

    assert loaded.config.edition == {"grants": {"dev": ["github.com/pallets/flask"]}}
    assert loaded.origins["edition"] == f"user file {user_file}"


@pytest.mark.parametrize("text", ["true", "Yes", "1", "on"])
@pytest.mark.parametrize("negative", [False, True])
def test_a_switch_is_read_in_common_words(environ: dict[str, str], text: str, negative: bool) -> None:
    """true, yes, on and 1 switch on; false, no, off and 0 switch off."""
    opposite = {"true": "FALSE", "Yes": "no", "1": "0", "on": "off"}
    environ["CONEXUS_SEARCH_TESTS"] = opposite[text] if negative else text
    assert load(environ, None, {}).config.search.tests is not negative


def test_an_empty_variable_counts_as_not_set(environ: dict[str, str]) -> None:
    """A variable that is set to nothing changes nothing."""
    environ |= {"CONEXUS_SEARCH_LIMIT": "", "CONEXUS_HOME": "", "CONEXUS_INDEX_MODEL": ""}
    assert load(environ, None, {}).config == Config()


def test_a_whole_number_will_do_for_any_number(environ: dict[str, str], user_file: Path) -> None:
    """``timeout_s = 3`` is 3.0."""
    write(user_file, "[store]\ntimeout_s = 3\n")
    timeout_s = load(environ, None, {}).config.store.timeout_s
    assert (timeout_s, type(timeout_s)) == (3.0, float)


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("[index]\n\nmodle = 'x'\n", ":3: unknown setting 'index.modle'", "did you mean index.model?"),
        ("[indx]\nmodel = 'x'\n", ":2: unknown setting 'indx.model'", "did you mean index.model?"),
        ("indx = 1\n", ":1: unknown setting 'indx'", "index"),
        ("index.modle = 'x'\n", ":1: unknown setting 'index.modle'", "did you mean index.model?"),
        ("index = 3\n", ":1: 'index' must be a table", None),
        ("[[index]]\nworkers = 3\n", "'index' must be a table", None),
        ("edition = 3\n", "'edition' must be a table", None),
        ("[search]\nlimit = 'ten'\n", ":2: search.limit must be a whole number, not 'ten'", None),
        ("[search]\nlimit = true\n", ":2: search.limit must be a whole number, not True", None),
        ("[search]\nlimit = 1.0\n", ":2: search.limit must be a whole number, not 1.0", None),
        ("[search]\ntests = 1\n", ":2: search.tests must be true or false, not 1", None),
        ("[store]\ntimeout_s = nan\n", ":2: store.timeout_s must be a finite number", None),
        ("[store]\ntimeout_s = '1'\n", ":2: store.timeout_s must be a number", None),
        ("[store]\nurl = [1]\n", ":2: store.url must be a text, not [1]", None),
        ('[store]\nurl = "a\\nb"\n', ":2: store.url must be printable text on one line", None),
        ("[store]\npath = 'data'\n", ":2: store.path must be an absolute path in a file, not 'data'", None),
        (f"[search]\nlimit = {'9' * 30}\n", ":2: search.limit is too large", None),
        (f"[search]\nlimit = {'9' * 5000}\n", "is not valid TOML", None),
        ("[search]\nlimit = 0\n", "search.limit is 0; it must be at least 1", "config.toml:2"),
        ("[index]\nmodel = \n", "is not valid TOML: Invalid value (at line 2", None),
        ("[index]\na = 1\na = 2\n", "is not valid TOML", None),
        ("x = " + "[" * 20000, "is not valid TOML: nested too deeply", None),
        ("#" * 70_000, "is larger than", None),
    ],
)
def test_a_mistake_in_a_file_is_named(
    environ: dict[str, str], user_file: Path, text: str, message: str, hint: str | None
) -> None:
    """The message names the file and, where it can, the line, the setting and what would be right."""
    write(user_file, text)
    with pytest.raises(ConfigError) as caught:
        load(environ, None, {})
    assert str(user_file) in f"{caught.value.message}{caught.value.hint}"
    assert message in caught.value.message
    if hint:
        assert hint in (caught.value.hint or "")


def test_a_file_that_is_not_text_is_named(environ: dict[str, str], user_file: Path) -> None:
    """Bytes that are not UTF-8 are an error, a byte order mark and CRLF are not."""
    write(user_file, "")
    user_file.write_bytes(b"\xef\xbb\xbf[search]\r\nlimit = 7\r\n")
    assert load(environ, None, {}).config.search.limit == 7

    user_file.write_bytes(b"[search]\n# \xff\n")
    with pytest.raises(ConfigError, match="is not UTF-8"):
        load(environ, None, {})


@pytest.mark.parametrize(
    ("variable", "value", "message", "hint"),
    [
        ("CONEXUS_SEARCH_LIMIT", "ten", "CONEXUS_SEARCH_LIMIT: search.limit must be a whole number, not 'ten'", None),
        ("CONEXUS_SEARCH_TESTS", "maybe", "search.tests must be true or false", None),
        ("CONEXUS_STORE_TIMEOUT_S", "inf", "must be a finite number", None),
        ("CONEXUS_SEARCH_LIMT", "3", "unknown environment variable", "did you mean CONEXUS_SEARCH_LIMIT?"),
        ("CONEXUS_INDEX_WORKERS", "-1", "index.workers is -1", "set by CONEXUS_INDEX_WORKERS"),
    ],
)
def test_a_mistake_in_the_environment_is_named(
    environ: dict[str, str], variable: str, value: str, message: str, hint: str | None
) -> None:
    """The message names the variable, and the hint a better one."""
    with pytest.raises(ConfigError) as caught:
        load({**environ, variable: value}, None, {})
    assert message in caught.value.message
    assert hint is None or hint in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"search.limt": 3}, "unknown setting 'search.limt'"),
        ({"search.limit": "many"}, "flag search.limit: search.limit must be a whole number"),
        ({"search.limit": 2.5}, "flag search.limit: search.limit must be a whole number"),
        ({"edition": {}}, "'edition' has no single value"),
    ],
)
def test_a_mistake_in_a_flag_is_named(environ: dict[str, str], flags: dict[str, object], message: str) -> None:
    """The message names the setting."""
    with pytest.raises(ConfigError) as caught:
        load(environ, None, flags)
    assert message in caught.value.message


# ------------------------------------------------------------------ the project's file


@pytest.mark.parametrize("key", sorted(set(DEFAULTS) - PROJECT_SETTINGS))
def test_a_project_may_not_set_what_could_harm(environ: dict[str, str], project: Path, key: str) -> None:
    """Models, addresses, folders and the like are refused, and the message says why."""
    section, _, name = key.rpartition(".")
    head = f"[{section}]\n" if section else ""
    write(project / PROJECT_FILE, f'{head}{name} = "/x"\n')

    with pytest.raises(ConfigError, match="a repository is not trusted") as caught:
        load(environ, project, {})

    assert key in caught.value.message
    assert PROJECT_FILE in caught.value.message


def test_a_project_may_not_speak_to_the_edition(environ: dict[str, str], project: Path) -> None:
    """A repository cannot grant itself to anyone."""
    write(project / PROJECT_FILE, '[edition.grants]\ndev = ["github.com/a/b"]\n')
    with pytest.raises(ConfigError, match="a repository is not trusted"):
        load(environ, project, {})


@pytest.mark.parametrize("key", sorted(PROJECT_SETTINGS))
def test_a_project_may_set_what_is_harmless(environ: dict[str, str], project: Path, key: str) -> None:
    """Sizes and skip rules may come from the repository."""
    section, _, name = key.partition(".")
    value = "false" if isinstance(DEFAULTS[key], bool) else "700"
    write(project / PROJECT_FILE, f"[{section}]\n{name} = {value}\n")

    loaded = load(environ, project, {})

    assert shown_value(key, getattr(getattr(loaded.config, section), name)) == value
    assert loaded.origins[key].startswith("project file")


def test_a_project_cannot_ask_for_too_much(environ: dict[str, str], project: Path) -> None:
    """A size or a limit above the ceiling is refused in a repository, not in the user's own flags."""
    write(project / PROJECT_FILE, "[index]\nmax_file_bytes = 999_999_999_999\n")
    with pytest.raises(ConfigError, match="at most 100000000"):
        load(environ, project, {})
    (project / PROJECT_FILE).unlink()
    assert load(environ, project, {"index.max_file_bytes": 10**12}).config.index.max_file_bytes == 10**12


def test_a_mistyped_project_setting_gets_a_hint(environ: dict[str, str], project: Path) -> None:
    """The hint names only what a project may set."""
    write(project / PROJECT_FILE, "[search]\nlimt = 3\n")
    with pytest.raises(ConfigError) as caught:
        load(environ, project, {})
    assert caught.value.hint == "did you mean search.limit?"


@pytest.mark.parametrize("kind", ["link", "fifo", "folder"])
def test_a_project_file_that_is_none_is_refused_at_once(environ: dict[str, str], project: Path, kind: str) -> None:
    """A link, a pipe or a folder of that name is an error; reading it never hangs or leaves the repository."""
    target = project.parent / "outside.toml"
    write(target, "[search]\nlimit = 3\n")
    path = project / PROJECT_FILE
    {"link": lambda: path.symlink_to(target), "fifo": lambda: os.mkfifo(path), "folder": path.mkdir}[kind]()

    with pytest.raises(ConfigError, match="cannot be read"):
        load(environ, project, {})


def test_hostile_names_do_not_reach_the_terminal(environ: dict[str, str], project: Path) -> None:
    """Control characters in a key are escaped in the message."""
    write(project / PROJECT_FILE, '[search]\n"\\u001b[2J\\u202e" = 1\n')
    with pytest.raises(ConfigError) as caught:
        load(environ, project, {})
    assert (caught.value.message + (caught.value.hint or "")).isprintable()


# ------------------------------------------------------------------------- writing


def test_a_written_setting_is_read_back(environ: dict[str, str], user_file: Path) -> None:
    """The file and its folder are made, readable by the owner alone."""
    set_value(user_file, "store.api_key", "k" * 20)
    set_value(user_file, "search.limit", "7")
    set_value(user_file, "search.tests", "no")
    set_value(user_file, "store.timeout_s", "2.5")
    set_value(user_file, "required_edition", "community")

    config = load(environ, None, {}).config

    assert (config.search.limit, config.search.tests, config.store.timeout_s) == (7, False, 2.5)
    assert (config.store.api_key, config.required_edition) == ("k" * 20, "community")
    assert stat.S_IMODE(user_file.stat().st_mode) == 0o600
    assert [path.name for path in user_file.parent.iterdir()] == [user_file.name]


def test_writing_keeps_comments_and_order(user_file: Path) -> None:
    """Only the value changes."""
    write(user_file, "# mine\n[search]\nlimit = 3 # few\ntests = true\n\n[index]\nworkers = 1\n")

    set_value(user_file, "search.limit", "8")

    assert user_file.read_text() == "# mine\n[search]\nlimit = 8 # few\ntests = true\n\n[index]\nworkers = 1\n"


def test_a_wrong_value_can_be_mended(environ: dict[str, str], user_file: Path) -> None:
    """A file that does not load because of one setting is mended by setting it."""
    write(user_file, "[search]\nlimit = 0\n")
    set_value(user_file, "search.limit", "4")
    assert load(environ, None, {}).config.search.limit == 4


@pytest.mark.parametrize(
    ("before", "key", "text"),
    [
        ("[search]\nlimit = 3\n", "search.limit", "none"),
        ("[search]\nlimit = 3\n", "search.limit", "0"),
        ("[search]\nlimit = 3\n", "search.limt", "3"),
        ("[search]\nlimit = 3\n", "edition.grants", "3"),
        ("[search\nlimit = 3\n", "search.limit", "3"),
        ("search = 3\n", "search.limit", "3"),
        ("[search]\nlimt = 3\n", "search.limit", "3"),
    ],
)
def test_a_refused_write_changes_nothing(user_file: Path, before: str, key: str, text: str) -> None:
    """A value, a name or a file that is wrong leaves the file as it is."""
    write(user_file, before)
    with pytest.raises(ConfigError):
        set_value(user_file, key, text)
    assert user_file.read_text() == before
    assert [path.name for path in user_file.parent.iterdir()] == [user_file.name]


def test_a_linked_file_stays_a_link(tmp_path: Path, environ: dict[str, str], user_file: Path) -> None:
    """Where the user's file is a link, what it leads to is written."""
    target = tmp_path / "dotfiles.toml"
    write(target, "")
    user_file.parent.mkdir()
    user_file.symlink_to(target)

    set_value(user_file, "search.limit", "6")

    assert user_file.is_symlink()
    assert "limit = 6" in target.read_text()
    assert load(environ, None, {}).config.search.limit == 6


def test_a_typed_path_becomes_absolute(environ: dict[str, str], user_file: Path) -> None:
    """A folder that is given relative to the working folder holds from everywhere."""
    set_value(user_file, "store.path", "data")
    assert data_dir(load(environ, None, {}).config) == Path.cwd() / "data"


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """A file where a folder should be is a ConfigError, not a crash."""
    write(tmp_path / "file", "")
    with pytest.raises(ConfigError, match="cannot be written"):
        set_value(tmp_path / "file" / "config.toml", "search.limit", "3")


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.sampled_from(["store.url", "store.api_key"]), st.text(max_size=30))
def test_any_text_is_written_whole_or_refused(tmp_path_factory: pytest.TempPathFactory, key: str, text: str) -> None:
    """A text that is taken is read back the same."""
    path = tmp_path_factory.mktemp("settings") / "config.toml"
    try:
        set_value(path, key, text)
    except ConfigError:
        assert not text.isprintable()
        return
    section, _, name = key.rpartition(".")
    config = load({"CONEXUS_CONFIG": str(path)}, None, {}).config
    assert getattr(getattr(config, section) if section else config, name) == text


# ------------------------------------------------------------------------- showing and finding


@pytest.mark.parametrize(
    ("key", "value", "shown"),
    [
        ("store.api_key", "k" * 20, "********"),
        ("store.api_key", "", ""),
        ("store.url", "https://app:" + "k" * 9 + "@db:6334/x", "https://********@db:6334/x"),
        ("store.url", "https://db:6334/a@b", "https://db:6334/a@b"),
        ("search.tests", True, "true"),
        ("search.limit", 3, "3"),
    ],
)
def test_secrets_are_not_shown(key: str, value: object, shown: str) -> None:
    """Keys and passwords in addresses are masked."""
    assert shown_value(key, value) == shown


def test_the_platform_decides_where_files_are() -> None:
    """Without a setting, both are absolute and named for the program."""
    assert user_config_path({}).parts[-2:] == ("conexus", "config.toml")
    assert data_dir(Config()).name == "conexus"
    assert data_dir(Config()).is_absolute()


def test_a_store_in_memory_has_no_folder() -> None:
    """``:memory:`` keeps nothing on disk."""
    with pytest.raises(ConfigError):
        data_dir(Config(store=StoreOptions(path=":memory:")))


def test_home_is_expanded(environ: dict[str, str], user_file: Path) -> None:
    """``~`` in the file stands for the home folder."""
    write(user_file, "[store]\npath = '~/data'\n")
    assert data_dir(load(environ, None, {}).config) == Path.home() / "data"


def test_the_environment_is_a_copy() -> None:
    """Changing what is returned does not change the process."""
    environ = current_environ()
    assert environ == dict(os.environ)
    environ["CONEXUS_X"] = "1"
    assert "CONEXUS_X" not in os.environ


def test_loading_without_a_file_imports_nothing_slow(environ: dict[str, str]) -> None:
    """No TOML or path library is imported for a start without a file."""
    code = (
        "import sys\n"
        "from conexus.adapters.config_files import load\n"
        f"load({environ!r}, None, {{}})\n"
        "print([name for name in ('tomlkit', 'tomllib', 'platformdirs', 'difflib') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"

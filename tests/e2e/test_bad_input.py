# SPDX-License-Identifier: FSL-1.1-MIT
"""Whatever is given: a clear message, the rest is still done, nothing is lost."""

from __future__ import annotations

import codecs
import os
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from program import (
    CONEXUS,
    ERROR,
    FOUND,
    INCOMPLETE,
    NOTHING,
    Program,
    commit,
    finish,
    functions,
    git,
    wait_for_line,
    wait_for_workers,
    write,
)

GOOD = "def weigh_elephant(scales):\n    return scales.read()\n"
QUESTION = "weigh_elephant"
ESCAPES = "\x1b]0;owned\x07\x1b[2J\x1b[31mred\x1b[0m\x9b5n\x08\x7f\u202e\u200b"


def found_in(program: Program, root: Path, question: str = QUESTION) -> list[str]:
    """Paths that a search finds, best first."""
    return program.ok("search", question, root, "--json").paths()


def refused(program: Program, *arguments: str | Path, cwd: Path | None = None) -> str:
    """The message and the hint of a command that must fail."""
    ended = program.run(*arguments, cwd=cwd)
    assert (ended.code, ended.out) == (ERROR, "")
    lines = ended.err.splitlines()
    assert lines[-2].startswith("error: ")
    assert lines[-1].startswith("hint: ")
    return ended.err


def reasons(program: Program, root: Path) -> dict[str, str]:
    """What the last look at a tree leaves out, and why."""
    report = program.ok("index", root, "--json").json
    return {item["path"]: item["reason"] for item in report["skipped"]}


# ------------------------------------------------------------------------------ folders


@pytest.mark.parametrize("command", [("index",), ("search", "x"), ("status",)], ids=lambda command: command[0])
def test_a_folder_that_is_not_there_is_named(program: Program, tree: Path, command: tuple[str, ...]) -> None:
    """The message names the path, and the hint one that is written nearly so."""
    told = refused(program, *command, tree.parent / "tre")
    assert str(tree.parent / "tre") in told
    assert str(tree) in told.splitlines()[-1]


@pytest.mark.parametrize("command", [("index",), ("search", "x")], ids=lambda command: command[0])
def test_a_file_is_no_folder(program: Program, tree: Path, command: tuple[str, ...]) -> None:
    """A file in place of a folder is told, with the folder to name."""
    write(tree, {"a.py": GOOD})
    told = refused(program, *command, tree / "a.py")
    assert "is a file" in told
    assert str(tree) in told.splitlines()[-1]


@pytest.mark.parametrize("command", [("index",), ("search", "anything"), ("status",), ("why",)])
def test_an_empty_path_is_not_the_folder_one_is_in(program: Program, tree: Path, command: tuple[str, ...]) -> None:
    """``""``, as an unset variable of a shell gives, is an error."""
    ended = program.run(*command, "", cwd=tree)
    assert (ended.code, "the path is empty" in ended.err) == (ERROR, True)


@pytest.mark.parametrize("command", ["search", "context"])
@pytest.mark.parametrize("query", ["", " \t", "!?"])
def test_nothing_is_indexed_for_a_question_without_a_word(
    program: Program, tree: Path, command: str, query: str
) -> None:
    ended = program.run(command, query, str(tree))
    assert ended.code == ERROR
    assert "the query" in ended.err
    assert program.ok("repos", "list", "--json").json["repositories"] == []


def test_an_empty_folder_is_indexed_as_empty(program: Program, tree: Path) -> None:
    """Nothing to index is no error; searching it finds nothing."""
    assert f"nothing to index in {tree.name}" in program.ok("index", tree).out


def test_the_rule_that_leaves_out_everything_is_named(program: Program, tree: Path) -> None:
    """A rule for every file, as packages of source have one, is not looked for by hand."""
    write(tree, {".gitignore": "*.o\n/*\n", "a.py": "x = 1\n", "src/b.py": "y = 2\n", "c.o": "c"})
    ended = program.ok("index", tree)
    assert "nothing to index" in ended.out
    assert "4 of them by .gitignore:2: /*" in ended.out
    assert program.run("search", "anything", tree).code == NOTHING
    assert "all as written" in program.ok("verify").out


def test_the_root_of_the_disk_and_home_are_refused(program: Program) -> None:
    """``/`` never, a home folder only when forced; searching indexes neither by the way."""
    assert "root of the disk" in refused(program, "index", "/")
    assert "root of the disk" in refused(program, "index", "/", "--force")
    told = refused(program, "index", program.home)
    assert "home folder" in told
    assert "--force" in told
    assert "home folder" in refused(program, "search", "x", cwd=program.home)
    assert "home folder" in refused(program, "index", program.home.parent)
    write(program.home, {"a.py": GOOD})
    program.ok("index", program.home, "--force")
    assert found_in(program, program.home) == ["a.py"]


def test_a_folder_that_was_deleted_under_the_shell_is_told(program: Program, tree: Path) -> None:
    """A command in a folder that is gone says so."""
    script = f'cd "{tree}" && rmdir "{tree}" && exec "{CONEXUS}" search x'
    done = subprocess.run(["sh", "-c", script], env=program.environ(), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (ERROR, "")
    assert done.stderr.startswith("error: the folder you are in was deleted")
    assert "Traceback" not in done.stderr


def test_an_output_without_room_is_told(program: Program, tree: Path) -> None:
    """A full disk under the output is an error, not silence and no traceback."""
    write(tree, {"a.py": GOOD})
    program.ok("index", tree)
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [CONEXUS, "search", QUESTION, tree],
            env=program.environ(),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == ERROR
    assert done.stderr == "error: No space left on device\n"


@pytest.mark.parametrize(
    ("closed", "printed"), [("<&-", True), ("2>&-", True), (">&-", False), ("<&- >&- 2>&-", False)]
)
def test_closed_streams_are_no_crash(program: Program, indexed: Path, closed: str, printed: bool) -> None:
    """Where a stream is closed the rest still comes, and no file of the index takes its place."""
    script = f'"{CONEXUS}" search {QUESTION} "{indexed}" {closed}'
    done = subprocess.run(["sh", "-c", script], env=program.environ(), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (FOUND, "")
    assert done.stdout.startswith(str(indexed / "a.py")) == printed
    assert "all as written" in program.ok("verify").out


def test_a_user_without_home_is_told(program: Program, tree: Path) -> None:
    """A user whom the system does not know, as in a container, is told what to set."""
    kept = {name: value for name, value in program.environ().items() if name != "HOME"}
    command = ["unshare", "--user", "--map-user=54321", CONEXUS, "index", tree]
    done = subprocess.run(command, env=kept, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (ERROR, "")
    assert done.stderr == "error: you have no home folder\nhint: set HOME to a folder you can write\n"


def test_a_repository_deleted_while_it_is_indexed_is_told(program: Program, tree: Path) -> None:
    """The run ends with an error that names the folder; what was indexed before is kept."""
    write(tree, {f"part_{n}.py": functions(f"part_{n}", 60) for n in range(80)})
    program.ok("index", tree)
    kept = program.content()
    write(tree, {f"more_{n}.py": functions(f"more_{n}", 60) for n in range(80)})
    running = program.start("index", tree)
    wait_for_workers(running)
    tree.rename(tree.with_name("elsewhere"))
    ended = finish(running)
    assert ended.code == ERROR, ended
    assert str(tree) in ended.err
    tree.with_name("elsewhere").rename(tree)
    assert kept <= program.content()
    program.ok("index", tree)
    assert "all as written" in program.ok("verify").out
    assert found_in(program, tree, "more_77_3")[0] == "more_77.py"


def test_a_repository_that_changes_while_it_is_indexed_ends_right(program: Program, tree: Path) -> None:
    """Files that come, go and change meanwhile are as they are on disk after the next run."""
    write(tree, {f"part_{n}.py": functions(f"part_{n}", 60) for n in range(80)})
    running = program.start("index", tree)
    wait_for_workers(running)
    for number in range(0, 80, 2):
        (tree / f"part_{number}.py").unlink()
        write(tree, {f"part_{number + 1}.py": functions(f"changed_{number}", 3), f"new_{number}.py": GOOD})
    assert finish(running).code == FOUND
    program.ok("index", tree)
    ended = program.content()
    again = Program(tree.parent / "again")
    again.ok("index", tree)
    assert ended == again.content()
    assert "all as written" in program.ok("verify").out


# ---------------------------------------------------------------------------- permission


def without_root(program: Program) -> Program:
    """The program as somebody whom permissions hold back; root is without its right to ignore them."""
    if os.geteuid() == 0:
        dropped = "-dac_override,-dac_read_search"
        program.before = ("setpriv", f"--bounding-set={dropped}", f"--inh-caps={dropped}")
    return program


def test_files_without_permission_are_named_and_the_rest_is_indexed(program: Program, tree: Path) -> None:
    """A file and a folder that cannot be read are skipped and reported; once they can be read they come in."""
    write(tree, {name: GOOD + f"\n# {name}\n" for name in ("a.py", "locked.py", "closed/b.py")})
    (tree / "locked.py").chmod(0)
    (tree / "closed").chmod(0)
    without_root(program)
    try:
        ended = program.ok("index", tree, "--verbose")
        assert "2 unreadable" in ended.out
        assert "locked.py  unreadable: Permission denied" in ended.out
        assert "closed/  unreadable: Permission denied" in ended.out
        assert found_in(program, tree) == ["a.py"]
    finally:
        (tree / "locked.py").chmod(0o644)
        (tree / "closed").chmod(0o755)
    program.ok("index", tree)
    assert sorted(found_in(program, tree)) == ["a.py", "closed/b.py", "locked.py"]


def test_a_data_folder_that_cannot_be_written_is_told(program: Program, tree: Path) -> None:
    """The message names the folder and the setting that moves it."""
    write(tree, {"a.py": GOOD})
    closed = tree.parent / "closed"
    closed.mkdir(mode=0o500)
    without_root(program)
    ended = program.run("index", tree, env={"CONEXUS_HOME": str(closed / "data")})
    assert ended.code == ERROR
    assert str(closed / "data") in ended.err
    assert "CONEXUS_HOME" in ended.err


def test_a_tree_that_cannot_be_listed_is_told(program: Program, tree: Path) -> None:
    """A root without permission is an error that says so."""
    tree.chmod(0)
    try:
        ended = without_root(program).run("index", tree)
        assert (ended.code, ended.out) == (ERROR, "")
        assert "not readable" in ended.err or "ermission" in ended.err
    finally:
        tree.chmod(0o755)


# ---------------------------------------------------------------------------- odd files


def test_huge_files_are_skipped_unread(program: Program, tree: Path) -> None:
    """A file of 1 GB and one with a line of 100 MB are reported as too large, in no time."""
    write(tree, {"a.py": GOOD, "line.py": b"x" * 100_000_000})
    with (tree / "huge.py").open("wb") as stream:
        stream.truncate(1_000_000_000)
    started = time.monotonic()
    skipped = reasons(program, tree)
    assert time.monotonic() - started < 60
    assert skipped == {"huge.py": "too_large", "line.py": "too_large"}
    assert found_in(program, tree) == ["a.py"]


def test_a_long_line_within_the_limit_is_indexed(program: Program, tree: Path) -> None:
    """A line of 5 MB of code is no crash; with the limit raised, one of 100 MB is none either."""
    write(tree, {"a.py": GOOD, "long.py": "x = [" + "1234567, " * 600_000 + "]\n"})
    program.ok("index", tree)
    assert found_in(program, tree)[0] == "a.py"
    write(tree, {"longer.py": b"y = '" + b"z" * 100_000_000 + b"'\n"})
    report = program.ok("index", tree, "--json", env={"CONEXUS_INDEX_MAX_FILE_BYTES": "200000000"}).json
    assert "longer.py" in {item["path"] for item in report["skipped"] + report["problems"]} | set(program.files())
    assert found_in(program, tree)[0] == "a.py"


NESTED = {
    "python": ("py", "(", ")"),
    "javascript": ("js", "[", "]"),
    "typescript": ("ts", "(", ")"),
    "tsx": ("tsx", "<a>", "</a>"),
    "json": ("json", "[", "]"),
    "c": ("c", "{", "}"),
    "cpp": ("cpp", "((", "))"),
    "java": ("java", "{", "}"),
    "go": ("go", "(", ")"),
    "rust": ("rs", "(", ")"),
    "ruby": ("rb", "[", "]"),
    "php": ("php", "<?php (", ")"),
    "html": ("html", "<div>", "</div>"),
    "css": ("css", "a{", "}"),
    "yaml": ("yaml", "[", "]"),
    "toml": ("toml", "x=[", "]"),
    "markdown": ("md", "> ", ""),
    "lua": ("lua", "(", ")"),
    "bash": ("sh", "$(", ")"),
    "haskell": ("hs", "(", ")"),
    "scala": ("scala", "(", ")"),
    "swift": ("swift", "(", ")"),
    "kotlin": ("kt", "(", ")"),
    "csharp": ("cs", "(", ")"),
    "sql": ("sql", "(", ")"),
    "hcl": ("tf", "a = [", "]"),
    "elixir": ("ex", "(", ")"),
    "ocaml": ("ml", "(", ")"),
}


def test_200000_nested_brackets_crash_nothing(program: Program, tree: Path) -> None:
    """Whatever its grammar makes of it, every such file is indexed in some form or reported, and the rest is too."""
    write(tree, {"good/a.py": GOOD})
    write(tree, {f"{name}.{end}": opening * 200_000 for name, (end, opening, _) in NESTED.items()})
    write(
        tree,
        {
            f"closed/{name}.{end}": opening * 100_000 + closing * 100_000
            for name, (end, opening, closing) in NESTED.items()
            if name in {"python", "json", "javascript", "c", "rust", "html"}
        },
    )
    ended = program.ok("index", tree, "--json", env={"CONEXUS_INDEX_MAX_DATA_BYTES": "10000000"})
    known = program.files()
    left_out = {item["path"] for item in ended.json["skipped"]}
    expected = {path.relative_to(tree).as_posix() for path in tree.rglob("*.*")}
    assert set(known) | left_out == expected
    assert found_in(program, tree)[0] == "good/a.py"
    again = program.ok("index", tree, "--json", env={"CONEXUS_INDEX_MAX_DATA_BYTES": "10000000"}).json
    assert again["files_indexed"] == 0
    assert "all as written" in program.ok("verify").out


def test_binary_minified_and_generated_files_are_reported(program: Program, tree: Path) -> None:
    """What is no source is left out, and each file's reason is told."""
    minified = "".join(f"function f{n}(a,b){{return a+b*{n}}};" for n in range(3_000))
    write(
        tree,
        {
            "a.py": GOOD,
            "program.bin": bytes(range(256)) * 40,
            "picture.py": b"\x00\x01\x02\x03" * 500,
            "app.min.js": minified,
            "app.js": minified,
            "empty.py": "",
            "package-lock.json": "{}\n",
            "schema.pb.go": "// Code generated by protoc-gen-go. DO NOT EDIT.\npackage pb\n",
        },
    )
    assert reasons(program, tree) == {
        "program.bin": "binary",
        "picture.py": "binary",
        "app.min.js": "minified",
        "app.js": "minified",
        "empty.py": "empty",
        "package-lock.json": "generated",
        "schema.pb.go": "generated",
    }
    assert found_in(program, tree) == ["a.py"]


ENCODINGS = {
    "utf-8-sig": "Größe und Gewicht des Elefanten",
    "utf-16": "Größe und Gewicht des Elefanten",
    "utf-16-le": "Größe und Gewicht des Elefanten",
    "utf-32": "Größe und Gewicht des Elefanten",
    "latin-1": "Größe und Gewicht des Elefanten, gemessen an der Küste für müde Gäste",
    "cp1252": "L’éléphant coûte 20 € – déjà mesuré à l’été près du château",  # noqa: RUF001 -- what it can hold
    "shift_jis": "象の重さを量るための関数です。単位はキログラムで、結果は整数になります",
    "gb18030": "测量大象重量的函数,单位是公斤,结果是整数。请不要在没有秤的情况下使用",
    "koi8-r": "Функция взвешивает слона и возвращает вес в килограммах, результат целое число",
}


def test_text_of_any_encoding_is_found_as_it_was_written(program: Program, tree: Path) -> None:
    """A file of each encoding is found by name, and its text comes back in Unicode, whole."""
    for encoding, words in ENCODINGS.items():
        name = encoding.replace("-", "_")
        text = f'# {words}\n# {words}\n\n\ndef weigh_{name}(scales):\n    """{words}."""\n    return scales.read()\n'
        mark = codecs.BOM_UTF16_LE if encoding == "utf-16-le" else b""
        write(tree, {f"{name}.py": mark + text.encode(encoding)})
    found = program.ok("search", "weigh scales", tree, "-n", "20", "--json").json["results"]
    texts = {hit["path"].removesuffix(".py"): hit["text"] for hit in found}
    assert texts.keys() == {encoding.replace("-", "_") for encoding in ENCODINGS}
    shown = program.ok("search", "weigh scales", tree, "-n", "20", "-C", "9").out
    for encoding, words in ENCODINGS.items():
        name = encoding.replace("-", "_")
        assert texts[name].count(words) == 3
        assert f"def weigh_{name}(scales):" in texts[name]
        assert words in shown


def test_names_that_are_no_text_can_be_found_and_opened(program: Program, tree: Path) -> None:
    """A name of any bytes is indexed, printed as it is where that is safe, and never lost."""
    names = [
        b"latin\xe9.py",
        b"new\nline.py",
        b"tab\there.py",
        b"quote'\".py",
        b"esc\x1b[31m.py",
        b"\xff\xfe.py",
        b" .py",
    ]
    for number, name in enumerate(names):
        with open(os.fsencode(tree) + b"/" + name, "wb") as stream:  # noqa: PTH123 -- a name of bytes
            stream.write(f"def weigh_elephant_{number}(scales):\n    return scales.read()\n".encode())
    report = program.ok("index", tree, "--json").json
    assert report["files_total"] == len(names)
    assert {os.fsencode(path) for path in program.files()} == set(names)
    found = program.ok("search", QUESTION, tree, "-n", "20")
    assert len(found.out.splitlines()) == len(names)
    assert "\x1b" not in found.text
    assert "latin\udce9.py" in found.out
    assert len(program.ok("search", QUESTION, tree, "-n", "20", "--format", "vimgrep").out.splitlines()) == len(names)
    assert "is indexed" in program.ok("why", os.fsencode(tree) + b"/latin\xe9.py").out
    assert "all as written" in program.ok("verify").out
    for output in ("json", "jsonl", "markdown", "rich"):
        assert "\x1b[31m.py" not in program.ok("search", QUESTION, tree, "--format", output).out


def test_links_are_not_followed(program: Program, tree: Path) -> None:
    """Loops of links end, and nothing outside of the root is read."""
    outside = tree.parent / "outside"
    write(outside, {"secret.py": "def outside_secret():\n    return 1\n"})
    write(tree, {"a.py": GOOD, "folder/b.py": "x = 1\n"})
    (tree / "loop").symlink_to(tree)
    (tree / "folder" / "up").symlink_to("..")
    (tree / "self").symlink_to("self")
    (tree / "out").symlink_to(outside)
    (tree / "out.py").symlink_to(outside / "secret.py")
    (tree / "inside.py").symlink_to("a.py")
    (tree / "broken.py").symlink_to("nothing.py")
    os.mkfifo(tree / "pipe.py")
    skipped = reasons(program, tree)
    assert skipped.pop("pipe.py") == "not_regular"
    assert skipped == dict.fromkeys(("loop", "folder/up", "self", "out", "out.py", "inside.py", "broken.py"), "symlink")
    assert sorted(program.files()) == ["a.py", "folder/b.py"]
    assert set(found_in(program, tree, "outside_secret")) <= {"a.py", "folder/b.py"}


def test_code_behind_a_link_is_not_compared(program: Program, tree: Path) -> None:
    """A path through a link that leads out of the repository indexes nothing there."""
    outside = tree.parent / "outside"
    write(outside, {"secret.py": "def outside_secret():\n    return 1\n"})
    write(tree, {"a.py": GOOD})
    commit(tree)
    (tree / "out").symlink_to(outside)
    ended = program.run("similar", f"{tree / 'out' / 'secret.py'}:1")
    assert ended.code == ERROR
    assert "is a link that leads out of" in ended.err
    assert not program.data.exists() or "outside" not in program.ok("repos", "list").out


# ------------------------------------------------------------------------------------ git


def test_submodules_and_nested_repositories_are_their_own(program: Program, tree: Path) -> None:
    """A repository inside another is named and left out, and can be indexed by itself."""
    library = tree.parent / "library"
    write(library, {"lib.py": "def library_function():\n    return 1\n"})
    commit(library)
    write(tree, {"a.py": GOOD})
    commit(tree)
    git(tree, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(library), "sub")
    write(tree / "nested", {"b.py": "def nested_function():\n    return 1\n"})
    commit(tree / "nested")
    assert reasons(program, tree) == {"sub/": "nested_repository", "nested/": "nested_repository"}
    assert set(found_in(program, tree)) <= {"a.py", ".gitmodules"}
    assert found_in(program, tree / "nested", "nested_function") == ["b.py"]
    assert found_in(program, tree / "sub", "library_function") == ["lib.py"]


def test_gits_folder_elsewhere_is_read_once_it_names_the_tree(program: Program, tree: Path) -> None:
    """Anybody can write into ``.git`` where another repository is; whose it is, its own settings say."""
    write(tree, {"a.py": GOOD, ".git/info/exclude": ""})
    shutil.rmtree(tree / ".git")
    git(tree.parent, "init", "--quiet", f"--separate-git-dir={tree.parent / 'store.git'}", str(tree))
    git(tree, "remote", "add", "origin", "https://example.org/team/apart.git")
    told = program.ok("index", tree).err
    assert "does not name this tree in turn" in told
    assert f"only where {(tree.parent / 'store.git').resolve()} is the repository of this tree" in told
    command = told.partition("run `git -C ")[2].partition("`")[0].split()
    assert "example.org/team/apart" not in program.ok("repos", "list").out
    git(tree, *command[1:])
    assert "does not name" not in program.ok("index", tree).err
    assert "example.org/team/apart" in program.ok("repos", "list", "--json").out
    (tree / ".git").unlink()
    (tree / ".git").symlink_to(tree.parent / "store.git")
    assert "does not name" not in program.ok("index", tree).err


def test_a_bare_repository_is_refused(program: Program, tree: Path) -> None:
    """A repository without files says so and what to do; the inside of ``.git`` is none either."""
    git(tree, "init", "--quiet", "--bare")
    assert "bare" in refused(program, "index", tree)
    work = tree.parent / "work"
    write(work, {"a.py": GOOD})
    commit(work)
    assert str(work) in refused(program, "index", work / ".git")


def test_a_worktree_and_a_folder_without_git_are_indexed(program: Program, tree: Path) -> None:
    """Linked working trees are repositories; where there is no git at all a folder is one too."""
    write(tree, {"a.py": GOOD})
    commit(tree)
    git(tree, "worktree", "add", "--quiet", "../linked", "-b", "side")
    assert found_in(program, tree.parent / "linked") == ["a.py"]
    plain = tree.parent / "plain"
    write(plain, {"b.py": GOOD, ".gitignore": "c.py\n", "c.py": GOOD})
    without_git = program.run("search", QUESTION, plain, "--json", env={"PATH": "/nonexistent"})
    assert without_git.paths()[0] == "b.py"
    assert "c.py" not in without_git.paths()


def test_damaged_git_files_stop_nothing(program: Program, tree: Path) -> None:
    """A broken index, HEAD and configuration of git are read as if they were not there."""
    write(tree, {"a.py": GOOD})
    commit(tree)
    write(tree, {".git/index": b"DIRC\xff\xff\xff\xff" + os.urandom(200), ".git/HEAD": b"\xff\x00ref: ../../x\n"})
    write(tree, {".git/config": "[core\nbare = maybe\n\x00", ".git/info/exclude": b"\xff[[[\\\n"})
    assert found_in(program, tree) == ["a.py"]


def test_a_hostile_project_file_is_an_error_that_names_it(program: Program, tree: Path) -> None:
    """A repository's settings may not choose models or places, nor hold nonsense."""
    write(tree, {"a.py": GOOD, ".conexus.toml": '[store]\npath = "/tmp/elsewhere"\n'})
    assert ".conexus.toml" in program.run("index", tree).err
    assert program.run("index", tree).code == ERROR
    write(tree, {".conexus.toml": b"\xff\xfe[[["})
    assert program.run("index", tree).code == ERROR
    write(tree, {".conexus.toml": "[search]\nlimit = 1\n"})
    write(tree, {"b.py": GOOD})
    assert len(found_in(program, tree)) == 1


# ---------------------------------------------------------------------- more than one at once


def test_a_second_indexer_waits_or_says_who_is_first(program: Program, tree: Path) -> None:
    """Two runs at once: the second waits its turn; one that may not wait names the process that works."""
    write(tree, {f"part_{n}.py": functions(f"part_{n}", 60) for n in range(60)})
    first = program.start("index", tree)
    wait_for_workers(first)
    os.kill(first.pid, signal.SIGSTOP)  # it must not be done before the second has looked
    hurried = program.run("index", tree, env={"CONEXUS_STORE_LOCK_WAIT_S": "0.1"})
    os.kill(first.pid, signal.SIGCONT)
    assert hurried.code == ERROR, hurried
    assert f"process {first.pid} has been indexing {tree}" in hurried.err
    assert "hint:" in hurried.err
    patient = program.run("index", tree, env={"CONEXUS_STORE_LOCK_WAIT_S": "100"})
    assert patient.code == FOUND
    assert finish(first).code == FOUND
    assert "all as written" in program.ok("verify").out


def test_two_first_indexers_at_once_make_one_index(program: Program, tree: Path) -> None:
    """Two programs that start on an empty data folder at the same moment do not harm each other."""
    write(tree, {f"part_{n}.py": functions(f"part_{n}", 20) for n in range(10)})
    both = [program.start("index", tree, env={"CONEXUS_STORE_LOCK_WAIT_S": "100"}) for _ in range(2)]
    assert [finish(one).code for one in both] == [FOUND, FOUND]
    assert len(program.ok("repos", "list", "--json").json["repositories"]) == 1
    assert "all as written" in program.ok("verify").out


def test_two_searches_at_once_both_answer(program: Program, tree: Path) -> None:
    """Searches of one index wait for each other, and of different ones do not."""
    write(tree, {"a.py": GOOD})
    program.ok("index", tree)
    several = [program.start("search", QUESTION, tree) for _ in range(4)]
    assert [finish(one).code for one in several] == [FOUND] * 4


def test_a_search_while_another_process_indexes_answers_or_says_who_works(program: Program, tree: Path) -> None:
    """A search beside a run ends with an answer, or names the process that works on the index."""
    write(tree, {"a.py": GOOD})
    program.ok("index", tree)
    write(tree, {f"part_{n}.py": functions(f"part_{n}", 60) for n in range(60)})
    running = program.start("index", tree)
    wait_for_workers(running)
    found = program.run("search", QUESTION, tree, env={"CONEXUS_STORE_LOCK_WAIT_S": "0.1"})
    assert found.code in {FOUND, INCOMPLETE, ERROR}
    if found.code == ERROR:
        assert f"process {running.pid} has been indexing {tree}" in found.err
    assert program.run("search", QUESTION, tree, env={"CONEXUS_STORE_LOCK_WAIT_S": "100"}).code == FOUND
    assert finish(running).code == FOUND


# ----------------------------------------------------------------------------- damage


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Program, Path]:
    """A small tree that is indexed. Tests must not change it."""
    folder = tmp_path_factory.mktemp("kept")
    program, root = Program(folder / "program"), folder / "tree"
    write(root, {"a.py": GOOD, **{f"part_{n}.py": functions(f"part_{n}", 10) for n in range(5)}})
    program.ok("index", root)
    return program, root


@pytest.fixture
def indexed(program: Program, kept: tuple[Program, Path]) -> Path:
    """The same tree, with an index of the test's own."""
    shutil.copytree(kept[0].data, program.data)
    return kept[1]


def garbage(program: Program) -> None:
    write(program.data, {"catalog.sqlite": b"this is no database" * 1000})


def truncated_catalog(program: Program) -> None:
    os.truncate(program.data / "catalog.sqlite", 20_000)


def flipped_catalog(program: Program) -> None:
    path = program.data / "catalog.sqlite"
    content = bytearray(path.read_bytes())
    for offset in range(4096, len(content), 4096):
        content[offset : offset + 64] = b"\xff" * 64
    path.write_bytes(content)


def no_vectors(program: Program) -> None:
    shutil.rmtree(program.shards()[0])


def no_segments(program: Program) -> None:
    shutil.rmtree(program.shards()[0] / "segments")


def truncated_vectors(program: Program) -> None:
    for path in program.shards()[0].rglob("*"):
        if path.is_file() and path.stat().st_size > 100:
            os.truncate(path, path.stat().st_size // 2)


def broken_mark(program: Program) -> None:
    write(program.shards()[0], {"conexus.json": b"\x00\xff{{{"})


def flipped_vectors(program: Program) -> None:
    [path] = [path for path in program.shards()[0].rglob("*chunk_0*") if "dense" in str(path)][:1]
    with path.open("r+b") as stream:
        stream.seek(64)
        stream.write(b"\x3c\x1f" * 64)


DAMAGES: dict[str, Callable[[Program], None]] = {
    "catalog garbage": garbage,
    "catalog truncated": truncated_catalog,
    "catalog flipped": flipped_catalog,
    "vectors gone": no_vectors,
    "segments gone": no_segments,
    "vectors truncated": truncated_vectors,
    "mark broken": broken_mark,
    "vectors flipped": flipped_vectors,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_found_and_mended(program: Program, indexed: Path, damage: str) -> None:
    """Damage never crashes a search; ``verify`` finds it, and ``verify --repair`` and ``index`` mend it."""
    whole = program.content()
    for name in ("catalog.sqlite-wal", "catalog.sqlite-shm"):
        assert not (program.data / name).exists(), "a command leaves its log behind"
    DAMAGES[damage](program)
    searched = program.run("search", QUESTION, indexed)
    assert searched.code in {FOUND, NOTHING, ERROR, INCOMPLETE}
    if searched.code == ERROR:
        assert "damaged" in searched.err
        assert "hint:" in searched.err
    found = program.run("verify")
    assert found.code != FOUND, found
    assert found.out or "damaged" in found.err
    mended = program.run("verify", "--repair")
    assert mended.code == FOUND, mended
    assert "mended" in mended.out
    program.ok("index", indexed)
    assert "all as written" in program.ok("verify").out
    assert program.content() == whole
    assert found_in(program, indexed)[0] == "a.py"


@pytest.mark.parametrize("damage", ["vectors gone", "segments gone", "mark broken"])
def test_indexing_again_mends_lost_vectors_by_itself(program: Program, indexed: Path, damage: str) -> None:
    """``conexus index`` alone builds an index anew whose vectors cannot be opened, and says so."""
    whole = program.content()
    DAMAGES[damage](program)
    assert "the index was damaged" in program.ok("index", indexed).out
    assert program.content() == whole


def test_vectors_of_another_catalog_are_not_taken_over(program: Program, indexed: Path) -> None:
    """A run that died before it had made its vectors may find those of a catalog that is gone under its number."""
    for path in program.data.glob("catalog.sqlite*"):
        path.unlink()
    shutil.copytree(program.data / "vectors", program.folder / "vectors")
    root = Path(shutil.copytree(indexed, program.folder / "tree"))
    write(root, {"a.py": "def newer():\n    return 'another text'\n"})
    program.ok("index", root)
    with closing(program.catalog()) as catalog:  # as it is between the entry of an index and its vectors
        catalog.execute("PRAGMA foreign_keys = ON")
        catalog.execute("DELETE FROM files")
        catalog.execute("UPDATE indexes SET complete = 0, finished = NULL")
        catalog.commit()
    shutil.rmtree(program.data / "vectors")
    shutil.move(program.folder / "vectors", program.data / "vectors")
    program.ok("index", root)
    assert "all as written" in program.ok("verify").out
    assert len(program.content()) > 0


def test_changed_text_in_the_catalog_is_found(program: Program, indexed: Path) -> None:
    """A chunk whose text is not as it was written is named with its file, taken out and read again."""
    whole = program.content()
    catalog = program.catalog()
    catalog.execute("UPDATE texts SET text = replace(text, 'scales', 'snakes') WHERE text LIKE '%elephant%'")
    catalog.commit()
    catalog.close()
    found = program.run("verify")
    assert (found.code, "a.py: a chunk's text" in found.out) == (NOTHING, True)
    program.ok("verify", "--repair")
    assert program.ok("index", indexed, "--json").json["files_indexed"] == 1
    assert program.content() == whole


def test_an_index_of_a_newer_version_is_left_alone(program: Program, indexed: Path) -> None:
    """A catalog that a later version wrote is an error with a way out, and is not touched."""
    catalog = program.catalog()
    catalog.execute("PRAGMA user_version = 99")
    catalog.close()
    before = (program.data / "catalog.sqlite").read_bytes()
    for command in (["search", QUESTION, indexed], ["index", indexed], ["verify", "--repair"], ["repos", "list"]):
        told = refused(program, *command)
        assert "schema 99" in told
        assert "update Conexus" in told
    assert (program.data / "catalog.sqlite").read_bytes() == before


def test_an_index_of_an_older_form_is_rebuilt_beside(program: Program, indexed: Path) -> None:
    """An index with another fingerprint goes on answering until the next run has built a new one."""
    whole = program.content()
    catalog = program.catalog()
    catalog.execute("UPDATE indexes SET fingerprint = 'older'")
    catalog.commit()
    catalog.close()
    assert found_in(program, indexed)[0] == "a.py"
    running = program.start("index", indexed)
    os.killpg(wait_for_workers(running) and running.pid, signal.SIGKILL)
    running.communicate()
    assert found_in(program, indexed)[0] == "a.py"
    assert "built anew: the options or the format" in program.ok("index", indexed).out
    assert len(program.shards()) == 2  # the one before is kept for a while
    program.ok("gc", "--all")
    assert program.content() == whole
    assert len(program.shards()) == 1
    assert sqlite3.connect(program.data / "catalog.sqlite").execute("SELECT count(*) FROM indexes").fetchone() == (1,)


# ------------------------------------------------------------------------------- queries


@pytest.mark.parametrize("query", ["", "   ", "\n\t", "???", "!@#$%^&*(){}[]", "…—“”"])
def test_a_query_without_a_word_is_an_error(program: Program, indexed: Path, query: str) -> None:
    """Nothing to look for is told, with an example."""
    assert "query" in refused(program, "search", query, indexed)


def test_an_enormous_query_is_cut_and_told(program: Program, indexed: Path) -> None:
    """Of 100,000 characters the first are used, and a note says how many."""
    ended = program.run("search", "weigh_elephant " * 6_000, indexed)
    assert ended.code == FOUND
    assert ended.out.startswith(str(indexed / "a.py"))
    assert "note: only the first" in ended.err
    assert program.run("search", "x" * 100_000, indexed).code in {FOUND, NOTHING}


@pytest.mark.parametrize(
    "query", ["' OR 1=1 --", "a\x00b".replace("\x00", "\\0"), "%s%n{0}", "\udcff\udcfe name", "--", "weigh AND NOT ("]
)
def test_a_query_is_never_a_command(program: Program, indexed: Path, query: str) -> None:
    """Signs that mean something to a database or a format are text here."""
    ended = program.run("search", "--", query, indexed)
    assert ended.code in {FOUND, NOTHING, ERROR}
    assert ended.code != ERROR or "error: the query" in ended.err


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["-n", "0"], "-n"),
        (["-n", "100000"], "-n"),
        (["--lang", "klingon"], "klingon"),
        (["--kind", "thing"], "known are: "),
        (["-C", "-1"], "-C is -1"),
        (["--repo", "nobody"], "nobody"),
        (["--format", "pdf"], "pdf"),
    ],
)
def test_an_option_out_of_range_is_named(program: Program, indexed: Path, options: list[str], named: str) -> None:
    """A wrong option is an error that names it."""
    ended = program.run("search", QUESTION, indexed, *options)
    assert ended.code == ERROR
    assert named in ended.err


def test_hostile_text_never_reaches_a_terminal_raw(program: Program, tree: Path) -> None:
    """Escape codes, overrides of direction and the like in code, names and messages are shown, not obeyed."""
    name = f"weigh_elephant{ESCAPES}".encode().replace(b"/", b"") + b".py"
    with open(os.fsencode(tree) + b"/" + name, "wb") as stream:  # noqa: PTH123 -- a name of bytes
        stream.write(f"def weigh_elephant(scales):\n    return '{ESCAPES}'\n".encode())
    commands = (
        ["index", str(tree), "--verbose"],
        ["status", str(tree)],
        ["search", QUESTION, str(tree), "--explain", "-C", "9"],
        ["search", QUESTION, str(tree), "--format", "markdown"],
        ["search", QUESTION, str(tree), "--format", "vimgrep"],
        ["search", QUESTION, str(tree), "--json"],
        ["why", os.fsencode(tree) + b"/" + name],
        ["search", QUESTION, str(tree), "--path", ESCAPES],
        ["search", QUESTION, str(tree), "--repo", ESCAPES],
        ["repos", "show", ESCAPES],
        ["index", ESCAPES],
        ["search", ESCAPES + "word", str(tree), "--format", "markdown"],
    )
    for command in commands:
        shown = program.run(*command).text
        for sign in ("\x1b", "\x07", "\x08", "\x7f", "\x9b", "\u202e", "\u200b"):
            assert sign not in shown, (command, shown)
    shown = program.on_terminal("search", QUESTION, str(tree)).out
    for raw in ("\x1b]0;", "\x07", "\x1b[2J", "\x08", "\x9b", "\u202e", "\u200b"):
        assert raw not in shown


def test_a_run_told_to_stop_politely_stops(program: Program, tree: Path) -> None:
    """SIGTERM is as Ctrl-C: what is done is kept."""
    write(tree, {f"part_{n}.py": functions(f"part_{n}", 60) for n in range(80)})
    running = program.start("index", tree)
    wait_for_workers(running)
    time.sleep(0.3)
    running.send_signal(signal.SIGTERM)
    wait_for_line(running, b"stopping")
    ended = finish(running)
    assert ended.code == 130
    assert "all as written" in program.ok("verify").out


def test_a_commit_that_cannot_be_read_takes_no_place(program: Program, tmp_path: Path) -> None:
    """Five repositories are free; one of which nothing could be indexed is none of them."""
    root = tmp_path / "damaged"
    write(root, {"a.py": GOOD})
    commit(root)
    head = git(root, "rev-parse", "HEAD").strip()
    for path in (root / ".git" / "objects").rglob("??/*"):
        if path.parent.name + path.name != head:
            path.chmod(0o600)
            path.write_bytes(b"no object")

    told = refused(program, "search", QUESTION, root, "--ref", "HEAD")

    assert "cannot be read" in told
    with closing(sqlite3.connect(program.data / "catalog.sqlite")) as db:
        assert db.execute("SELECT repo FROM repositories").fetchall() == []

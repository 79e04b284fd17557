# SPDX-License-Identifier: FSL-1.1-MIT
"""``conexus model`` as a user runs it: what is known, what is refused, what a choice changes, what is measured."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from program import ERROR, NOTHING, Program, commit, write

from conexus.adapters.model_files import MODEL_FOLDER, read_model

MODEL = {
    "model": str,
    "name": str,
    "kind": str,
    "dim": int,
    "pieces": (int, type(None)),
    "size_bytes": int,
    "languages": str,
    "licence": str,
    "fingerprint": str,
    "digest": str,
    "problem": str,
    "hint": str,
    "folder": str,
    "in_force": bool,
    "used_by": list,
}
SOURCES = {
    "zoo.py": "def weigh_elephant(scales):\n"
    '    """Put the elephant on the scales and read them."""\n'
    "    return scales.read()\n",
    "shop.py": "def sum_prices(lines):\n"
    '    """Add up the prices of all lines of an invoice."""\n'
    "    return sum(lines)\n",
}


def settings_of(program: Program) -> str:
    """The user's settings file; empty where there is none."""
    path = Path(program.ok("config", "path").out.strip())
    return path.read_text(encoding="utf-8") if path.exists() else ""


def damaged(folder: Path, name: str) -> Path:
    """A copy of the shipped model with one changed file."""
    shutil.copytree(MODEL_FOLDER, folder)
    content = bytearray((folder / name).read_bytes())
    content[-10] ^= 1
    (folder / name).write_bytes(content)
    return folder


def test_a_model_of_the_users_own_from_choice_to_answer(program: Program, tree: Path, own: Path) -> None:
    """It is shown, chosen, indexed with in the parsing processes, searched with, listed, and given up again."""
    write(tree, SOURCES)
    program.ok("index", tree)
    before = program.ok("model", "show", "--json").json
    assert {name for name, kind in MODEL.items() if not isinstance(before[name], kind)} == set()
    assert (before["model"], before["digest"], before["in_force"]) == ("default", "ok", True)
    assert [used["root"] for used in before["used_by"]] == [str(tree)]

    chosen = program.ok("model", "use", own, "--json").json
    assert (chosen["schema"], chosen["model"], chosen["dim"]) == ("conexus.model-use/1", str(own), 64)
    assert [one["root"] for one in chosen["rebuild"]] == [str(tree)]
    assert str(own) in settings_of(program)
    # The old index answers until it is built anew.
    assert program.ok("search", "weigh an elephant", tree, "--json").paths()[0] == "zoo.py"
    assert "model" in program.ok("index", tree, "--json").json["rebuilt"]
    assert program.ok("search", "weigh an elephant", tree, "--json").paths()[0] == "zoo.py"
    assert "all as written" in program.ok("verify").out

    listed = program.ok("model", "list", "--json").json
    assert listed["schema"] == "conexus.models/1"
    assert [(one["model"], one["in_force"], len(one["used_by"])) for one in listed["models"]] == [
        ("default", False, 0),
        (str(own), True, 1),
    ]
    shown = program.ok("model", "list").out.splitlines()
    assert shown[2].startswith("* small-64")

    back = program.ok("model", "use", "default").out
    assert f"conexus index {tree}" in back
    program.ok("index", tree)
    assert "no index has to be built anew" in program.ok("model", "use", "default").out


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json"])
def test_a_damaged_model_is_refused_and_nothing_changes(
    program: Program, tmp_path: Path, tree: Path, name: str
) -> None:
    """``use`` and ``bench`` name the file and the next step; ``show`` says so with exit code 1."""
    bad = damaged(tmp_path / "bad", name)
    for command in (("use", bad), ("bench", bad, "--repo", tree)):
        ended = program.run("model", *command)
        assert (ended.code, ended.out) == (ERROR, "")
        assert str(bad / name) in ended.err
        assert "hint: Copy the folder" in ended.err
    assert settings_of(program) == ""
    shown = program.run("model", "show", bad, "--json")
    assert shown.code == NOTHING
    assert (shown.json["digest"], str(bad / name) in shown.json["problem"]) == ("damaged", True)


def test_what_is_no_model_is_refused(program: Program, tree: Path) -> None:
    """A folder that is not there, and one that holds something else."""
    write(tree, SOURCES)
    for path in (tree / "nowhere", tree, tree / "zoo.py"):
        ended = program.run("model", "use", path)
        assert (ended.code, ended.out) == (ERROR, "")
        assert "hint: " in ended.err
    assert settings_of(program) == ""


def test_one_project_has_a_model_of_its_own(program: Program, tree: Path, own: Path) -> None:
    """``--project`` builds this index anew and leaves the settings alone; later runs keep to it."""
    write(tree, SOURCES)
    program.ok("index", tree)
    assert f"is indexed with {own}" in program.ok("model", "use", own, "--project", cwd=tree).out
    assert settings_of(program) == ""
    write(tree, {"more.py": "def feed(animal):\n    animal.eat()\n"})
    assert program.ok("index", tree, "--json").json["rebuilt"] == ""
    assert program.ok("repos", "list", "--json").json["repositories"][0]["model"] == str(own)
    program.ok("model", "use", "default")
    refused = program.run("model", "use", own, "--project", cwd=tree)
    assert (refused.code, "for every repository" in refused.err) == (ERROR, True)


def test_models_are_measured_side_by_side(program: Program, tree: Path, own: Path) -> None:
    """Speed, size and quality of both, as a table and as JSON; neither settings nor indexes appear."""
    write(tree, SOURCES)
    commit(tree)
    found = program.ok("model", "bench", "default", own, "--repo", tree, "-n", "10", "--json").json
    assert (found["schema"], found["root"]) == ("conexus.model-bench/1", str(tree))
    assert [one["dim"] for one in found["models"]] == [128, 64]
    for one in found["models"]:
        assert one["chunks_embedded"] == found["chunks"] > 0
        assert one["chunks_per_s"] > 0
        assert one["load_ms"] > 0
        assert one["memory_bytes"] > 0
        assert one["quality"]["docs"]["questions"] == 2
        assert 0.0 <= one["quality"]["docs"]["ndcg_at_10"] <= 1.0
    assert found["models"][0]["quality"]["docs"]["against_first"] is None
    assert "mean" in found["models"][1]["quality"]["docs"]["against_first"]
    shown = program.ok("model", "bench", "--repo", tree, "-n", "0").out.splitlines()
    assert shown[1].split()[:4] == ["MODEL", "DIMS", "SIZE", "LOAD"]
    assert shown[2].startswith(read_model(MODEL_FOLDER).name)
    assert settings_of(program) == ""
    refused = program.run("model", "bench", "--repo", tree, "-n", "-1")
    assert (refused.code, "--questions" in refused.err) == (ERROR, True)

# SPDX-License-Identifier: FSL-1.1-MIT
"""Trials on small trees: real indexes in temporary folders, and nothing left behind."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from conexus import trials
from conexus.config import Config, IndexOptions
from conexus.errors import Cancelled, SourceError
from conexus.evaluation.questions import Question, Target

CONFIG = Config(index=IndexOptions(workers=1))
SUBJECTS = {
    "retry.py": "Wait longer before each retry of a failed request",
    "cache.py": "Evict the oldest entry when the cache is full",
    "colour.py": "Mix two colours by the mean of their channels",
}


def module(stem: str, sentence: str, extra: str = "") -> str:
    body = f"    total = value\n    {extra or 'total += 1'}\n    return total\n"
    return f'def {stem}_work(value):\n    """{sentence}."""\n{body}'


TREE = {
    "retry.py": module("retry", "Sleep with exponential backoff until the server answers", "delay = 2 ** value"),
    "cache.py": module("cache", "Remember the newest results and forget the oldest", "entries = {}"),
    "colour.py": module("colour", "Turn hue and saturation into red green and blue", "red = green = blue = value"),
    "tests/test_retry.py": module("test", "Check that nothing sleeps for longer than asked"),
}


def git(folder: Path, *arguments: str, at: int = 0) -> None:
    who = {"NAME": "Test", "EMAIL": "test@example.org", "DATE": f"{1_700_000_000 + at} +0000"}
    env = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in who.items()}
    env |= {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
    }
    subprocess.run(["git", *arguments], cwd=folder, env=env, check=True, capture_output=True)


def state(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "tree"
    for path, text in TREE.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def repository(tree: Path) -> Path:
    """The tree, and a commit for each module that changes it and its test."""
    git(tree, "init", "--quiet")
    git(tree, "add", "--all")
    git(tree, "commit", "--quiet", "-m", "first")
    for number, (path, subject) in enumerate(SUBJECTS.items(), start=1):
        text = (tree / path).read_text(encoding="utf-8") + f"\n\nNEW_{number} = {number}\n"
        (tree / path).write_text(text, encoding="utf-8")
        git(tree, "commit", "--quiet", "--all", "-m", f"feat: {subject} (#{number})", at=number)
    return tree


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for temporary files of the test alone."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_documentation_is_asked_of_a_tree_without_it(tree: Path, tmp_path: Path) -> None:
    """The stage's folder has all indexed files, and no question stands in it."""
    made = trials.documentation_set(tree, config=CONFIG)
    assert sorted(question.targets[0].path for question in made.questions) == sorted(SUBJECTS)
    copy = tmp_path / "copy"
    copy.mkdir()
    made.stages[0].write(copy)
    copied = {path.relative_to(copy).as_posix(): path.read_text(encoding="utf-8") for path in copy.rglob("*.py")}
    assert set(copied) == set(TREE)
    assert copied["tests/test_retry.py"] == TREE["tests/test_retry.py"]
    for question in made.questions:
        [target] = question.targets
        assert question.text not in "".join(copied.values())
        assert copied[target.path].splitlines()[(target.start_line or 0) - 1].startswith("def ")


def test_a_trial_scores_every_configuration(tree: Path) -> None:
    """Two configurations answer the same questions; the same one twice differs in nothing."""
    made = trials.documentation_set(tree, config=CONFIG)
    small = replace(CONFIG, index=replace(CONFIG.index, max_chunk_chars=300))
    seen: list[trials.TrialProgress] = []
    trial = trials.run(made, [CONFIG, small, CONFIG], control=trials.Control(seen.append))
    assert [len(run.scores) for run in trial.runs] == [3, 3, 3]
    assert trial.runs[0].scores == trial.runs[2].scores
    assert trial.runs[0].mean.recall == 1.0
    assert trial.runs[0].mean.within[-1] == 1.0
    gap = trial.runs[2].against(trial.runs[0])
    assert (gap.mean, gap.is_certain) == (0.0, False)
    assert (seen[-1].done, seen[-1].total, seen[-1].eta_s) == (9, 9, 0.0)


def test_history_is_asked_of_the_tree_before_each_commit(repository: Path, tmp_path: Path) -> None:
    """Newest first; the stage's folder has the file as it was, without what the commit adds."""
    made = trials.history_set(repository, config=CONFIG)
    assert [question.text for question in made.questions] == list(SUBJECTS.values())[::-1]
    copy = tmp_path / "copy"
    copy.mkdir()
    for number, stage in zip((3, 2, 1), made.stages, strict=True):
        stage.write(copy)
        texts = "".join(path.read_text(encoding="utf-8") for path in copy.rglob("*.py"))
        assert [f"NEW_{other}" in texts for other in (1, 2, 3)] == [other < number for other in (1, 2, 3)]
    shutil.rmtree(copy)
    copy.mkdir()
    made.stages[0].write(copy)
    assert set(TREE) == {path.relative_to(copy).as_posix() for path in copy.rglob("*.py")}
    trial = trials.run(made, [CONFIG])
    assert [item.recall for item in trial.runs[0].scores] == [1.0, 1.0, 1.0]
    assert (trial.dropped, trial.problem) == (0, "")


def test_limits_hold(repository: Path) -> None:
    """No set has more questions than asked for."""
    assert len(trials.documentation_set(repository, 2, config=CONFIG).questions) == 2
    assert len(trials.history_set(repository, 2).questions) == 2


def test_what_cannot_be_found_is_not_asked(tree: Path) -> None:
    """A question whose file is not indexed is dropped; of several targets, those that are indexed remain."""
    (tree / ".gitignore").write_text("colour.py\n", encoding="utf-8")
    questions = (
        Question("where is a colour mixed", "x", (Target("colour.py"),)),
        Question("where is the cache emptied", "x", (Target("colour.py"), Target("cache.py"))),
    )

    def write(folder: Path) -> None:
        for path in (*TREE, ".gitignore"):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes((tree / path).read_bytes())

    trial = trials.run(trials.QuestionSet("x", (trials.Stage(questions, write),)), [CONFIG])
    assert trial.dropped == 1
    assert [question.targets for question in trial.runs[0].questions] == [(Target("cache.py"),)]


def test_a_stage_that_cannot_be_written_is_left_out(tree: Path) -> None:
    """The other stages are asked and the reason is kept; where none can be written it is an error."""

    def fail(_: Path) -> None:
        raise SourceError("objects are missing")

    good = trials.documentation_set(tree, config=CONFIG).stages[0]
    bad = trials.Stage((Question("where is the cache emptied", "x", (Target("cache.py"),)),), fail)
    trial = trials.run(trials.QuestionSet("x", (bad, good)), [CONFIG])
    assert (len(trial.runs[0].scores), trial.dropped, trial.problem) == (3, 1, "objects are missing")
    with pytest.raises(SourceError, match="objects are missing"):
        trials.run(trials.QuestionSet("x", (bad,)), [CONFIG])


def test_a_question_without_a_word_is_answered_by_nothing(tree: Path) -> None:
    """What search refuses as a query counts as not found."""
    stage = trials.documentation_set(tree, config=CONFIG).stages[0]
    asked = trials.Stage((Question("???", "x", (Target("cache.py"),)),), stage.write)
    trial = trials.run(trials.QuestionSet("x", (asked,)), [CONFIG])
    assert trial.runs[0].mean.ndcg == 0.0


def test_nothing_is_changed_and_nothing_left(repository: Path, temporary: Path) -> None:
    """Neither the repository nor its times change, and the temporary folders are gone."""
    before = state(repository)
    for made in (trials.documentation_set(repository, config=CONFIG), trials.history_set(repository)):
        trials.run(made, [CONFIG])
    assert state(repository) == before
    assert list(temporary.iterdir()) == []


def test_a_trial_can_be_stopped(tree: Path, temporary: Path) -> None:
    """A request to stop ends the making and the asking of a set, and leaves nothing."""
    stop = trials.Control(is_cancelled=lambda: True)
    with pytest.raises(Cancelled):
        trials.documentation_set(tree, config=CONFIG, control=stop)
    with pytest.raises(Cancelled):
        trials.run(trials.documentation_set(tree, config=CONFIG), [CONFIG], control=stop)
    assert list(temporary.iterdir()) == []


def test_a_secret_is_in_no_question(tree: Path) -> None:
    """Files are read as they are indexed: with secrets replaced."""
    token = "ghp_" + "a1B2c3D4e5" * 3 + "f6G7h8"
    (tree / "token.py").write_text(module("token", f"Use the token {token} for every request made"), encoding="utf-8")
    made = trials.documentation_set(tree, config=CONFIG)
    assert token not in str(made)

# SPDX-License-Identifier: FSL-1.1-MIT
"""Questions made of commits: what a subject asks, and which files answer it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conexus.evaluation.commits import Change, ChangeKind, Commit
from conexus.evaluation.history import past_questions, subject_of

SUBJECT = "Keep the session open while streaming a response"


def commit(subject: str = SUBJECT, *paths: str, parents: int = 1, kind: ChangeKind = ChangeKind.MODIFIED) -> Commit:
    changes = tuple(Change(path, kind) for path in paths or ("src/session.py",))
    return Commit("c" * 40, tuple(str(number) * 40 for number in range(parents)), subject, changes)


@pytest.mark.parametrize(
    ("subject", "asked"),
    [
        ("fix(api)!: Keep the session open while streaming (#12)", "Keep the session open while streaming"),
        ("feat: add a retry with exponential backoff (#1) (#2)", "add a retry with exponential backoff"),
        ("[core] Close idle connections of the pool, fixes #99.", "Close idle connections of the pool"),
        ("JIRA-12: refuse a header that holds a newline", "refuse a header that holds a newline"),
        ("net/http: retry a request that was never sent", "net/http: retry a request that was never sent"),
        (":bug: stop the timer when the socket is gone GH-7", "stop the timer when the socket is gone"),
        ("UTF-8 names are decoded with SHA-256", "UTF-8 names are decoded with SHA-256"),
        ("Read the header of a block [ABC-12]", "Read the header of a block"),
        ("Parse dates with a zone https://example.org/issues/3", "Parse dates with a zone"),
        ("Fix format of dates in the header of a response", "Fix format of dates in the header of a response"),
    ],
)
def test_types_tickets_and_numbers_are_taken_off(subject: str, asked: str) -> None:
    """What remains of a subject is what it says."""
    assert subject_of(subject) == asked


@pytest.mark.parametrize(
    "subject",
    [
        "Merge branch 'main' into a branch of mine",
        'Revert "Keep the session open while streaming"',
        "Bump requests from 2.31.0 to 2.32.0 in the group",
        "Update numpy to 2.1.0 for the new release",
        "Release 1.2.3 of the package to the world",
        "v1.2.3 is the version of this release",
        "Fix a typo in the name of a variable",
        "Fix lint errors in the module of sessions",
        "Reformat the whole tree with a new style",
        "run black and isort over the whole tree",
        "chore: move the sessions to another folder of it",
        "docs: explain how a session is kept open",
        "update dependencies of the web server to newest",
        "Apply suggestions from code review of the sessions",
        "Co-authored-by: Somebody Else <somebody@example.org>",
        "Update the changelog for the release of today",
        "fix(x): too short",
        "",
        "one two three four " * 6,
    ],
)
def test_noise_asks_nothing(subject: str) -> None:
    """Merges, releases, dependencies, formatting and what is too short or too long give no question."""
    assert subject_of(subject) == ""


@given(st.text(max_size=200))
def test_any_subject_is_read(subject: str) -> None:
    """A question has 4 to 20 words and is a part of the subject, whatever that is."""
    asked = subject_of(subject)
    assert asked in subject
    assert not asked or 4 <= len(asked.split()) <= 20


def test_changed_files_of_code_are_the_targets() -> None:
    """Tests, documents, data, lock files and new files that a commit changes beside are no targets."""
    mixed = commit(
        SUBJECT, "src/session.py", "tests/test_session.py", "docs/session.rst", "package-lock.json", "CHANGES.md"
    )
    added = Change("src/stream.py", ChangeKind.ADDED)
    [found] = past_questions([Commit(mixed.id, mixed.parents, SUBJECT, (*mixed.changes, added))])
    assert found.question.text == SUBJECT
    assert [target.path for target in found.question.targets] == ["src/session.py"]
    assert found.question.targets[0].start_line is None
    assert found.commit == mixed.parents[0]


@pytest.mark.parametrize(
    "given_commit",
    [
        commit(parents=2),
        commit(parents=0),
        commit(SUBJECT, "tests/test_session.py"),
        commit(SUBJECT, "README.md", "go.sum", "Cargo.lock", "data.json"),
        commit(SUBJECT, "src/session.py", kind=ChangeKind.ADDED),
        commit(SUBJECT, "src/session.py", kind=ChangeKind.DELETED),
        commit(SUBJECT, *(f"src/part_{number}.py" for number in range(6))),
        commit(SUBJECT, "no/such/language.unknown"),
        commit("Keep the session of session.py open while streaming", "src/session.py"),
    ],
)
def test_commits_without_a_right_answer_are_left_out(given_commit: Commit) -> None:
    """Merges, roots, commits without or with too many changed files of code, and those that name the file."""
    assert list(past_questions([given_commit])) == []


def test_a_wording_asks_once() -> None:
    """Of two commits with the same subject the newer asks."""
    first, second = commit(SUBJECT, "a.py"), commit(SUBJECT.upper(), "b.py")
    assert [item.question.targets[0].path for item in past_questions([first, second])] == ["a.py"]

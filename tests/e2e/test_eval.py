# SPDX-License-Identifier: FSL-1.1-MIT
"""``conexus eval`` as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from program import ERROR, INTERRUPTED, Program, commit, functions, git, interrupt, wait_for_workers, write

FIGURES = ("recall_at_10", "mrr", "ndcg_at_10")


def documented(name: str, sentence: str) -> str:
    return f'def {name}(value):\n    """{sentence}."""\n    result_of_{name} = value\n    return result_of_{name}\n'


@pytest.fixture
def repository(tree: Path) -> Path:
    """Three modules with documentation, and a commit that changes one of them."""
    write(
        tree,
        {
            "shop/cart.py": documented("add_item", "Put an article into the basket of a customer"),
            "shop/invoice.py": documented("total", "Sum the prices of all lines with their taxes"),
            "shop/stock.py": documented("reserve", "Hold back goods until the customer has paid"),
        },
    )
    commit(tree)
    write(
        tree, {"shop/stock.py": documented("reserve", "Hold back goods until the customer has paid") + "\nLIMIT = 3\n"}
    )
    git(
        tree,
        "commit",
        "--quiet",
        "--all",
        "--message",
        "feat: Limit how many goods are held back for one customer (#7)",
    )
    return tree


def test_both_sets_are_measured(program: Program, repository: Path) -> None:
    """The table names both sets, says that few questions are rough, and leaves index and repository as they were."""
    program.ok("index", repository)
    before = (program.content(), git(repository, "status", "--porcelain", "--ignored"))
    ended = program.ok("eval", repository)
    assert "docs: 3 questions" in ended.out
    assert "history: 1 question" in ended.out
    assert ended.out.count("recall@10") == 2
    assert ended.err.count("the figures are rough") == 2
    assert (program.content(), git(repository, "status", "--porcelain", "--ignored")) == before


def test_json_has_every_figure_and_question(program: Program, repository: Path) -> None:
    """The documented form: figures a run, and each question with its targets and its NDCG."""
    found = program.ok("eval", repository, "--json").json
    assert found["schema"] == "conexus.eval/1"
    assert found["root"] == str(repository)
    assert [one["name"] for one in found["sets"]] == ["docs", "history"]
    for one in found["sets"]:
        [run] = one["runs"]
        assert run["model"] == "default"
        assert run["against_first"] is None
        assert all(0.0 <= run[name] <= 1.0 for name in FIGURES)
        assert list(run["recall_within_tokens"]) == ["500", "1000", "2000", "4000"]
        assert len(one["asked"]) == one["questions"]
        assert sum(asked["ndcg_at_10"][0] for asked in one["asked"]) / one["questions"] == pytest.approx(
            run["ndcg_at_10"]
        )
    docs, history = found["sets"]
    assert {asked["text"] for asked in docs["asked"]} >= {"Hold back goods until the customer has paid"}
    assert history["asked"][0]["text"] == "Limit how many goods are held back for one customer"
    assert history["asked"][0]["targets"] == [{"path": "shop/stock.py", "start_line": None, "end_line": None}]


def test_nothing_is_made_where_nothing_was_indexed(program: Program, repository: Path) -> None:
    """Without an index of the user's, none appears: not even the data folder."""
    program.ok("eval", repository, "--set", "history", "--json")
    assert not program.data.exists()


def test_a_server_that_is_down_does_not_matter(program: Program, repository: Path) -> None:
    """Nothing of an evaluation goes to the Qdrant server of the settings."""
    program.ok("index", repository)
    program.settings["CONEXUS_STORE_URL"] = "http://127.0.0.1:9"
    found = program.ok("eval", repository, "--set", "docs", "--json").json
    assert found["sets"][0]["questions"] == 3


def test_the_same_seed_asks_the_same(program: Program, repository: Path) -> None:
    """Two runs print the same, to the last digit."""
    first, second = (program.ok("eval", repository, "--json", "-n", "2", "--seed", "3").out for _ in range(2))
    assert json.loads(first) == json.loads(second)


def test_the_model_of_the_index_is_compared_with_another(program: Program, repository: Path, own: Path) -> None:
    """The first run has the model that the index was built with, and the second says how it differs."""
    folder = str(own)
    program.ok("index", repository, "--model", folder)
    found = program.ok("eval", repository, "--set", "docs", "--model", "default", "--model", "default", "--json").json
    [docs] = found["sets"]
    assert [run["model"] for run in docs["runs"]] == [folder, "default"]
    first, second = docs["runs"]
    gap = second["against_first"]
    assert gap["low"] <= gap["mean"] <= gap["high"]
    assert gap["mean"] == pytest.approx(second["ndcg_at_10"] - first["ndcg_at_10"])


def test_a_folder_without_history_gives_the_docs_alone(program: Program, tree: Path) -> None:
    """With all sets a notice says so; asked for the history alone, it is an error."""
    write(tree, {"a.py": documented("work", "Do all of what has to be done today")})
    ended = program.ok("eval", tree)
    assert "docs: 1 question" in ended.out
    assert "no questions from the history" in ended.err
    ended = program.run("eval", tree, "--set", "history")
    assert ended.code == ERROR
    assert "not the root of a git checkout" in ended.err


def test_a_tree_that_asks_nothing_is_an_error(program: Program, tree: Path) -> None:
    """Without documentation and history there is nothing to measure, and both reasons are told."""
    write(tree, {"a.py": "x = 1\n"})
    ended = program.run("eval", tree)
    assert ended.code == ERROR
    assert "no question could be made" in ended.err
    assert "history" in ended.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--questions", "0"), "--questions is 0"),
        (("--model", "no/such/folder"), "is no folder"),
        (("--set", "other"), "other"),
    ],
)
def test_wrong_options_are_told(program: Program, repository: Path, arguments: tuple[str, ...], message: str) -> None:
    """What cannot be done is refused before any work."""
    ended = program.run("eval", repository, *arguments)
    assert ended.code == ERROR
    assert message in ended.err


def test_it_can_be_interrupted(program: Program, tree: Path, tmp_path: Path) -> None:
    """Ctrl-C ends it with a word, and the temporary folders are gone."""
    write(tree, {f"m{number}.py": functions(f"work{number}", 300) for number in range(60)})
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    process = program.start("eval", tree, env={"TMPDIR": str(temporary)})
    wait_for_workers(process)
    ended = interrupt(process)
    assert ended.code == INTERRUPTED
    assert "stopping" in ended.err
    assert list(temporary.iterdir()) == []


def test_other_commands_do_not_load_the_library(program: Program, repository: Path) -> None:
    """Search starts without what only an evaluation needs."""
    program.ok("index", repository)
    ended = program.ok("search", "basket of a customer", repository, env={"PYTHONPROFILEIMPORTTIME": "1"})
    assert "conexus.search.engine" in ended.err
    assert "dulwich" not in ended.err
    assert "conexus.trials" not in ended.err


def test_weights_of_a_file_are_compared_with_the_learnt_ones(
    program: Program, repository: Path, tmp_path: Path
) -> None:
    """A row each, on the same index; with weights that tell nothing apart, less is found."""
    weights = tmp_path / "flat.json"
    weights.write_text(json.dumps({"bm25": 0, "bm25_rank": 0, "test": [-1, -1, -1]}), encoding="utf-8")
    found = program.ok("eval", repository, "--set", "docs", "--weights", weights, "--json").json
    first, second = found["sets"][0]["runs"]
    assert (first["weights"], second["weights"]) == (None, str(weights))
    assert first["model"] == second["model"]
    assert first["against_first"] is None
    assert second["against_first"]["mean"] <= 0.0
    table = program.ok("eval", repository, "--set", "docs", "--weights", weights).out
    assert "model, weights" in table
    assert "flat.json: NDCG@10" in table


@pytest.mark.parametrize(
    ("content", "said"),
    [('{"nothing": 1}', "no feature"), ("[]", "no JSON object"), ("{", "no JSON"), ('{"bm25": "x"}', "bm25")],
)
def test_weights_that_are_none_are_refused(
    program: Program, repository: Path, tmp_path: Path, content: str, said: str
) -> None:
    """Before anything is indexed."""
    weights = tmp_path / "weights.json"
    weights.write_text(content, encoding="utf-8")
    ended = program.run("eval", repository, "--weights", weights)
    assert ended.code == ERROR
    assert said in ended.err
    assert program.run("eval", repository, "--weights", tmp_path / "none.json").code == ERROR

# SPDX-License-Identifier: FSL-1.1-MIT
"""``conexus eval``."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from conexus import bootstrap
from conexus.adapters import config_files
from conexus.cli import console
from conexus.cli.progress import cancel_on_interrupt
from conexus.cli.records import on_record
from conexus.cli.session import Session, checkout_at, given_path, keep_model, view_for
from conexus.config import Config
from conexus.errors import ConfigError, EmbeddingError, SourceError
from conexus.types import Checkout

if TYPE_CHECKING:
    from conexus.search.ranking import Weighting
    from conexus.trials import Control, QuestionSet, Run, Trial

MAX_QUESTIONS = 10_000
DEFAULT_QUESTIONS = 100
_MAX_WEIGHTS_BYTES = 100_000
_DESCRIBED = {
    "docs": "the first sentence of a documentation asks for the lines it documents",
    "history": "a commit's subject asks for the files it changed",
}


_LEGEND = "in 500: share of the right answers that a reader meets in the first 500 tokens of the results"


class SetChoice(StrEnum):
    """Which questions are asked."""

    DOCS = "docs"
    HISTORY = "history"
    ALL = "all"


def evaluate(
    path: Annotated[Path, typer.Argument(parser=given_path, metavar="PATH", help="Folder of the repository.")] = Path(),
    questions: Annotated[
        int, typer.Option("-n", "--questions", metavar="N", help="Most questions of each set.")
    ] = DEFAULT_QUESTIONS,
    chosen: Annotated[SetChoice, typer.Option("--set", help="Which questions to ask.")] = SetChoice.ALL,
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            metavar="PATH",
            help="Compare with this embedding model: 'default', or the folder of a model; repeatable.",
        ),
    ] = None,
    weights: Annotated[
        list[Path] | None,
        typer.Option(
            "--weights",
            metavar="FILE",
            parser=given_path,
            help="Compare with these weights of the ranking: a JSON object of features and numbers; repeatable.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Draw other questions from the documentation.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
) -> None:
    """Measure how well search answers on a repository.

    Questions come from the repository itself: from its documentation, which is taken out of the code first, and
    from the commits of its git history, asked of the tree before each. All of it happens on copies in a temporary
    folder: neither the repository nor its index is changed.

    Examples:
        conexus eval
        conexus eval ~/src/flask --questions 50
        conexus eval --set docs --seed 7
        conexus eval --model ~/models/all-MiniLM-L6-v2
        conexus eval --weights flat.json
        conexus eval --json | jq '.sets[0].runs[0].ndcg_at_10'
    """
    if not 1 <= questions <= MAX_QUESTIONS:
        raise ConfigError(f"--questions is {questions}; it must be between 1 and {MAX_QUESTIONS:,}")
    checkout = checkout_at(path)
    config = in_force(checkout)
    by_model = {one.index.model: one for one in (config, *(with_model(config, name) for name in model or []))}
    configs = list(by_model.values())
    weightings = {str(file): _weighting(file) for file in weights or []}
    from conexus import trials  # noqa: PLC0415 -- not for other commands
    from conexus.cli.eval_progress import EvalProgress  # noqa: PLC0415

    display = EvalProgress(quiet=quiet or as_json)
    with cancel_on_interrupt("stopping; nothing was changed") as asked:
        control = trials.Control(display, lambda: bool(asked))
        try:
            sets, notices = question_sets(checkout, chosen, config, (questions, seed), control)
            if checkout.root != path.expanduser().resolve():
                notices.insert(0, f"the whole repository {checkout.root} was measured")
            with on_record("eval", {"path": str(checkout.root)}):
                done = [
                    trials.run(one, configs, weightings=weightings, xdg=user_xdg(), control=control) for one in sets
                ]
        finally:
            display.close()
    done = [trial for trial in done if trial.runs[0].scores]
    notices += [notice for trial in done for notice in notices_of(trial)]
    if not done:
        raise SourceError("no question could be made of this repository", hint="; ".join(notices) or None)
    if as_json:
        console.out(json.dumps(_as_json(checkout, done, seed, notices), indent=2))
        return
    for trial in done:
        for line in _table(trial, seed):
            console.out(line)
    console.out(_LEGEND)
    for notice in notices:
        console.err(f"note: {console.one_line(notice)}")


def in_force(checkout: Checkout) -> Config:
    """Return the settings of a tree, with the model that its index has, if there is one."""
    loaded = config_files.load(config_files.current_environ(), checkout.root, {})
    config = loaded.config
    if config.store.path == config_files.MEMORY or not config_files.data_dir(config).is_dir():
        return config
    local = replace(config, store=replace(config.store, url=""))  # the catalog knows; a server need not be asked
    session = Session(replace(loaded, config=local), bootstrap.build(local).service, data_dir=None)
    with keep_model(session, view_for(session.service, checkout)) as kept:
        return kept.loaded.config


def with_model(config: Config, name: str) -> Config:
    """Return the settings with another model.

    Raises:
        EmbeddingError: There is no such folder.
    """
    if name == bootstrap.DEFAULT_MODEL:
        return bootstrap.with_model(config, name)
    folder = Path(name).expanduser().absolute()
    if not folder.is_dir():
        raise EmbeddingError(f"{name} is no folder", hint="--model takes 'default' or the folder of a model")
    return bootstrap.with_model(config, str(folder))


def _weighting(file: Path) -> Weighting:
    """Read weights from a file.

    Raises:
        ConfigError: It is not there, or holds something else.
    """
    from conexus.search import ranking  # noqa: PLC0415 -- not for other commands

    try:
        with file.expanduser().open("rb") as stream:
            read = json.loads(stream.read(_MAX_WEIGHTS_BYTES))
    except OSError as exc:
        raise ConfigError(f"{file} cannot be read: {exc.strerror}") from exc
    except (ValueError, RecursionError) as exc:
        raise ConfigError(f"{file} is no JSON: {exc}") from exc
    if not isinstance(read, dict):
        raise ConfigError(f"{file} holds no JSON object", hint='as {"test": -1.0, "name_f1": [1.0, 2.0, 1.5]}')
    return ranking.changed(read)


def user_xdg() -> Path | None:
    """Return the user's ``XDG_CONFIG_HOME``, where it is set."""
    xdg = config_files.current_environ().get("XDG_CONFIG_HOME", "")
    return Path(xdg) if xdg else None


def question_sets(
    checkout: Checkout, chosen: SetChoice, config: Config, size_and_seed: tuple[int, int], control: Control
) -> tuple[list[QuestionSet], list[str]]:
    """Make the sets that are asked for, and say which could not be made.

    Raises:
        SourceError: The history alone is asked for, and there is none.
    """
    from conexus import trials  # noqa: PLC0415 -- not for other commands

    limit, seed = size_and_seed
    makers: dict[SetChoice, Callable[[], QuestionSet]] = {
        SetChoice.DOCS: lambda: trials.documentation_set(
            checkout.root, limit, config=config, seed=seed, xdg=user_xdg(), control=control
        ),
        SetChoice.HISTORY: lambda: trials.history_set(checkout.root, limit, config=config),
    }
    found: list[QuestionSet] = []
    notices: list[str] = []
    for choice, make in makers.items():
        if chosen not in {choice, SetChoice.ALL}:
            continue
        try:
            made = make()
        except SourceError as exc:
            if chosen is not SetChoice.ALL or choice is not SetChoice.HISTORY:
                raise
            notices.append(f"no questions from the history: {exc.message}")
            continue
        if made.questions:
            found.append(made)
        else:
            notices.append(f"no questions from the {choice.value} of this repository")
    return found, notices


def notices_of(trial: Trial) -> list[str]:
    """Say what a reader of a trial's figures should know."""
    from conexus.trials import FEW_QUESTIONS  # noqa: PLC0415 -- not for other commands

    count = len(trial.runs[0].questions)
    notices = []
    if count < FEW_QUESTIONS:
        notices.append(f"{trial.name}: only {console.count(count, 'question')}: the figures are rough")
    if trial.problem:
        notices.append(f"{trial.name}: some questions could not be asked: {trial.problem}")
    elif trial.dropped:
        left_out = console.count(trial.dropped, "question")
        notices.append(f"{trial.name}: {left_out} left out, since the files they ask for are not indexed")
    return notices


def _table(trial: Trial, seed: int) -> list[str]:
    from conexus.evaluation.metrics import DEPTH, TOKEN_BUDGETS  # noqa: PLC0415 -- not for other commands

    count = console.count(len(trial.runs[0].questions), "question")
    names = _names(trial.runs)
    head = "model, weights" if any(run.weights for run in trial.runs) else "model"
    width = max(len(head), *(len(name) for name in names))
    heads = [f"recall@{DEPTH}", "MRR", f"NDCG@{DEPTH}", *(f"in {_thousands(budget)}" for budget in TOKEN_BUDGETS)]
    lines = [
        f"{trial.name}: {count} ({_DESCRIBED.get(trial.name, '')})",
        f"  {head:<{width}}  " + "  ".join(f"{head:>9}" for head in heads),
    ]
    for name, run in zip(names, trial.runs, strict=True):
        mean = run.mean
        figures = (mean.recall, mean.mrr, mean.ndcg, *mean.within)
        lines.append(f"  {name:<{width}}  " + "  ".join(f"{figure:9.3f}" for figure in figures))
    for name, run in zip(names[1:], trial.runs[1:], strict=True):
        gap = run.against(trial.runs[0], seed=seed)
        verdict = ("better" if gap.mean > 0 else "worse") if gap.is_certain else "no certain difference"
        lines.append(
            f"  {name}: NDCG@{DEPTH} {gap.mean:+.3f} against {names[0]}, "
            f"95 % interval {gap.low:+.3f} to {gap.high:+.3f}: {verdict}"
        )
    return [*lines, ""]


def _names(runs: Sequence[Run]) -> list[str]:
    """Return names of runs for people: the last part of a folder or file, the whole of it where that is not enough."""
    whole = [run.weights or run.model for run in runs]
    short = [Path(name).name or name for name in whole]
    return [console.one_line(name if short.count(name) == 1 else full) for name, full in zip(short, whole, strict=True)]


def _thousands(tokens: int) -> str:
    return f"{tokens // 1000}k" if tokens % 1000 == 0 else str(tokens)


def _as_json(checkout: Checkout, done: Sequence[Trial], seed: int, notices: Sequence[str]) -> dict[str, object]:
    return {
        "schema": "conexus.eval/1",
        "name": checkout.name,
        "root": str(checkout.root),
        "seed": seed,
        "sets": [_set_as_json(trial, seed) for trial in done],
        "notices": list(notices),
    }


def _set_as_json(trial: Trial, seed: int) -> dict[str, object]:
    first = trial.runs[0]
    return {
        "name": trial.name,
        "questions": len(first.questions),
        "dropped": trial.dropped,
        "runs": [run_as_json(run, None if run is first else first, seed) for run in trial.runs],
        "asked": [
            {
                "text": question.text,
                "targets": [
                    {"path": target.path, "start_line": target.start_line, "end_line": target.end_line}
                    for target in question.targets
                ],
                "ndcg_at_10": [run.scores[number].ndcg for run in trial.runs],
            }
            for number, question in enumerate(first.questions)
        ],
    }


def run_as_json(run: Run, first: Run | None, seed: int) -> dict[str, object]:
    """Return the figures of a run, and how they differ from those of the first."""
    from conexus.evaluation.metrics import TOKEN_BUDGETS  # noqa: PLC0415 -- not for other commands

    mean = run.mean
    gap = None if first is None else run.against(first, seed=seed)
    return {
        "model": run.model,
        "weights": run.weights or None,
        "recall_at_10": mean.recall,
        "mrr": mean.mrr,
        "ndcg_at_10": mean.ndcg,
        "recall_within_tokens": {str(budget): share for budget, share in zip(TOKEN_BUDGETS, mean.within, strict=True)},
        "against_first": None
        if gap is None
        else {"mean": gap.mean, "low": gap.low, "high": gap.high, "certain": gap.is_certain},
    }

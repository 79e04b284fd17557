# SPDX-License-Identifier: FSL-1.1-MIT
"""Measures how well configurations answer on a tree: makes question sets, indexes throw-away copies, asks and scores.

A set is a row of stages, each a state of the tree and what is asked of it. The tree itself is only read; every
file and index that a run needs is in temporary folders of its own, which are gone when it ends.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import field, replace
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from conexus import bootstrap
from conexus.adapters.git_history import GitHistory, WriteLimits, WrittenTree, history_at
from conexus.adapters.regular_files import read_inside
from conexus.config import Config, LicenseOptions, StoreOptions
from conexus.errors import Cancelled, QueryError, SourceError
from conexus.evaluation import documentation, history
from conexus.evaluation.metrics import Difference, Score, paired_difference, score
from conexus.evaluation.questions import Place, Question
from conexus.parsing.languages import detect
from conexus.parsing.secrets import redact
from conexus.parsing.text import decode
from conexus.search.ranking import LEARNT, Weighting
from conexus.types import LOCAL_USER, Checkout, IndexProgress, RepoId, SearchFilter, SearchRequest
from conexus.values import dataclass

DEFAULT_QUESTIONS = 100
FEW_QUESTIONS = 20
"""Below this many, chance moves the figures by more than most changes do."""

_USER = LOCAL_USER
_REPO = RepoId("local/evaluation")  # the same everywhere, so that nothing depends on where a copy lies
_MAX_COMMITS = 5_000
_DEPTH = 50  # results a question: more than 4,000 tokens of them but for very short ones
_HEAD_BYTES = 20_000


@dataclass(frozen=True, slots=True)
class Stage:
    """One state of a tree, and what is asked of it."""

    questions: tuple[Question, ...]
    write: Callable[[Path], None]
    """Brings a folder to this state, from empty or from another stage of the set."""


@dataclass(frozen=True, slots=True)
class QuestionSet:
    """Questions of one origin."""

    name: str
    stages: tuple[Stage, ...]

    @property
    def questions(self) -> tuple[Question, ...]:
        """All of them, in order."""
        return tuple(question for stage in self.stages for question in stage.questions)


@dataclass(frozen=True, slots=True)
class TrialProgress:
    """How far making or asking a set is."""

    name: str
    done: int
    """Questions asked, counted once a configuration."""
    total: int
    """0 while the set is being made."""
    elapsed_s: float
    indexing: IndexProgress | None = None

    @property
    def eta_s(self) -> float | None:
        """Seconds left, or ``None`` before that can be told."""
        if self.done:
            return self.elapsed_s * (self.total - self.done) / self.done
        return None if self.indexing is None else self.indexing.eta_s


@dataclass(frozen=True, slots=True)
class Control:
    """How a caller follows and stops what takes long."""

    listener: Callable[[TrialProgress], None] = lambda _: None
    is_cancelled: Callable[[], bool] = lambda: False

    def check(self) -> None:
        """Go on, or not.

        Raises:
            Cancelled: The caller asked to stop.
        """
        if self.is_cancelled():
            raise Cancelled("stopped before the end; nothing was changed")


@dataclass(frozen=True, slots=True)
class Run:
    """How one configuration answered a set."""

    model: str
    questions: tuple[Question, ...]
    """Those that could be asked; the same for all configurations of a trial."""
    scores: tuple[Score, ...]
    """One a question."""
    weights: str = ""
    """Name of the weights; empty for the learnt ones."""

    @property
    def mean(self) -> Score:
        """Mean of every figure.

        Raises:
            ValueError: No question was asked.
        """
        if not self.scores:
            raise ValueError("no question was asked")
        count = len(self.scores)
        return Score(
            ndcg=sum(item.ndcg for item in self.scores) / count,
            mrr=sum(item.mrr for item in self.scores) / count,
            recall=sum(item.recall for item in self.scores) / count,
            within=tuple(float(share) for share in np.mean([item.within for item in self.scores], axis=0)),
        )

    def against(self, first: Run, *, seed: int = 0) -> Difference:
        """Return how much higher its NDCG is than that of the same questions in another run."""
        ours, theirs = ([[item.ndcg for item in run.scores]] for run in (self, first))
        return paired_difference(theirs, ours, seed=seed)


@dataclass(frozen=True, slots=True)
class Trial:
    """How several configurations answered one set."""

    name: str
    runs: tuple[Run, ...]
    """One a configuration, in the order given."""
    dropped: int = 0
    """Questions that were not asked, since no right answer is in the index."""
    problem: str = ""
    """Why some could not be asked for another reason, as objects that a clone lacks."""


def documentation_set(
    root: Path,
    limit: int = DEFAULT_QUESTIONS,
    *,
    config: Config | None = None,
    seed: int = 0,
    xdg: Path | None = None,
    control: Control | None = None,
) -> QuestionSet:
    """Make questions of the documentation of a tree's functions, methods and classes.

    The tree is indexed once in a temporary folder, in processes that can be killed: only files that
    were parsed there without harm are parsed again here.

    Args:
        root: Root of the tree.
        limit: Most questions.
        config: What decides which files are in; the embedding model does not matter.
        seed: Another seed draws other questions.
        xdg: The user's ``XDG_CONFIG_HOME``, where it is set.
        control: Follows and stops the work.

    Returns:
        One stage: the tree without the documentation that asks. It reads ``root`` when it is written.

    Raises:
        Cancelled: The caller asked to stop.
    """
    root, control = root.resolve(), control or Control()
    chosen_config = bootstrap.with_model(config or Config(), bootstrap.DEFAULT_MODEL)
    with ExitStack() as stack:
        folder = _temporary(stack)
        bench = _Bench(stack, _in_folder(chosen_config, folder), root, xdg)
        started = time.monotonic()
        bench.index(
            lambda told: control.listener(TrialProgress(documentation.KIND, 0, 0, time.monotonic() - started, told)),
            control.is_cancelled,
        )
        paths, unsafe = bench.paths(), bench.unsafe()
    found: list[documentation.Documented] = []
    for path in sorted(paths - unsafe):
        control.check()
        control.listener(TrialProgress(documentation.KIND, 0, 0, time.monotonic() - started))
        found += _documented(root, path, chosen_config)
    chosen: dict[str, list[documentation.Documented]] = {}
    for item in documentation.sampled(found, limit, seed=seed):
        chosen.setdefault(item.path, []).append(item)
    changed: dict[str, str] = {}
    questions: list[Question] = []
    for path, items in chosen.items():
        text, asked = documentation.without_documentation(_text(root, path, chosen_config), items)
        changed[path] = text
        questions += asked
    copies = _Copies(root, frozenset(paths), changed, chosen_config.index.max_file_bytes)
    return QuestionSet(documentation.KIND, (Stage(tuple(questions), copies.write),))


def history_set(
    source: Path | GitHistory, limit: int = DEFAULT_QUESTIONS, *, config: Config | None = None
) -> QuestionSet:
    """Make questions of the newest commits of a git repository.

    Args:
        source: Root of a checkout, or a history that is open.
        limit: Most questions.
        config: Its limit of a file's size holds for what is written.

    Returns:
        A stage a question: the tree before the commit. Git's objects are read when it is written.

    Raises:
        SourceError: There is no history that can be read.
    """
    past = source if isinstance(source, GitHistory) else history_at(source.resolve())
    options = (config or Config()).index
    trees = _PastTrees(past, WriteLimits(file_bytes=options.max_file_bytes))
    with closing(past):
        found = list(islice(history.past_questions(past.commits(_MAX_COMMITS)), max(0, limit)))
    return QuestionSet(history.KIND, tuple(Stage((item.question,), trees.writer(item.commit)) for item in found))


@dataclass(frozen=True, slots=True)
class _Way:
    """One way of answering: an index, and weights on it."""

    bench: _Bench
    model: str
    weights: str
    weighting: Weighting


def run(
    questions: QuestionSet,
    configs: Sequence[Config],
    *,
    weightings: Mapping[str, Weighting] | None = None,
    xdg: Path | None = None,
    control: Control | None = None,
) -> Trial:
    """Ask a set of every configuration, each with an index of its own in a temporary folder.

    Where their index is kept is the only setting that does not count.

    Args:
        questions: What is asked.
        configs: Each with the learnt weights of the ranking.
        weightings: Other weights, by name, for the first configuration's index.
        xdg: The user's ``XDG_CONFIG_HOME``, where it is set.
        control: Follows and stops the work.

    Raises:
        SourceError: No stage could be written.
        EmbeddingError: A model cannot be loaded or failed.
        DiskFull: There is too little space for the temporary indexes.
        Cancelled: The caller asked to stop.
    """
    control = control or Control()
    others = weightings or {}
    count = len(configs) + len(others)
    total = len(questions.questions) * count
    started = time.monotonic()
    kept: list[Question] = []
    scores: list[list[Score]] = [[] for _ in range(count)]
    asked = 0
    problem: SourceError | None = None

    def tell(told: IndexProgress | None = None) -> None:
        control.listener(TrialProgress(questions.name, asked, total, time.monotonic() - started, told))

    with ExitStack() as stack:
        folder = _temporary(stack)
        tree = folder / "tree"
        tree.mkdir()
        benches = [
            _Bench(stack, _in_folder(config, folder / f"data-{number}"), tree, xdg)
            for number, config in enumerate(configs)
        ]
        ways = [_Way(bench, config.index.model, "", LEARNT) for bench, config in zip(benches, configs, strict=True)]
        ways += [_Way(benches[0], configs[0].index.model, name, others[name]) for name in others]
        for stage in questions.stages:
            try:
                stage.write(tree)
            except SourceError as exc:
                problem = exc
                asked += len(stage.questions) * count
                continue
            for bench in benches:
                bench.index(tell, control.is_cancelled)
            answerable = _answerable(stage.questions, benches[0].paths())
            kept += answerable
            for way, found in zip(ways, scores, strict=True):
                for question in answerable:
                    control.check()
                    found.append(score(question, way.bench.ask(question, way.weighting)))
                    asked += 1
                    tell()
                asked += len(stage.questions) - len(answerable)
    if problem is not None and not kept:
        raise problem
    runs = tuple(
        Run(way.model, tuple(kept), tuple(found), way.weights) for way, found in zip(ways, scores, strict=True)
    )
    dropped = len(questions.questions) - len(kept)
    return Trial(questions.name, runs, dropped, "" if problem is None else problem.message)


class _Bench:
    """A throw-away index of one tree, ready to be asked."""

    def __init__(self, stack: ExitStack, config: Config, tree: Path, xdg: Path | None) -> None:
        self._config = config
        self._checkout = Checkout(tree, _REPO, "evaluation")
        self._service = bootstrap.build(config, keep_open=True, xdg=xdg).service
        stack.callback(self._service.close)

    def index(self, listener: Callable[[IndexProgress], None], is_cancelled: Callable[[], bool]) -> None:
        """Bring the index in line with the tree."""
        report = self._service.index(self._checkout, _USER, listener, is_cancelled)
        Control(is_cancelled=lambda: report.cancelled).check()

    def paths(self) -> frozenset[str]:
        """The files that are in the index."""
        catalog = self._service.catalog
        live = [view.live for view in catalog.views() if view.live is not None]
        return frozenset(path for index in live for _, path in catalog.paths(index.id))

    def unsafe(self) -> frozenset[str]:
        """The files that a grammar failed on."""
        catalog = self._service.catalog
        live = [view.live for view in catalog.views() if view.live is not None]
        return frozenset(problem.path for index in live for problem in catalog.problems(index.id))

    def ask(self, question: Question, weighting: Weighting = LEARNT) -> list[Place]:
        """Return the places that a search gives, best first; none for a text that is no query."""
        where = SearchFilter(roots=frozenset({str(self._checkout.root)}), tests=self._config.search.tests)
        service = self._service
        if weighting is not LEARNT:
            service = replace(service, engine=service.engine.weighted(weighting))
        try:
            response = service.search(SearchRequest(question.text, _DEPTH, where), _USER)
        except QueryError:
            return []
        return [
            Place(hit.chunk.path, hit.chunk.span.start_line, hit.chunk.span.end_line, len(hit.chunk.text.encode()))
            for hit in response.hits
        ]


@dataclass(frozen=True, slots=True)
class _Copies:
    """Copies the indexed files of a tree, some of them changed."""

    root: Path
    paths: frozenset[str]
    changed: dict[str, str]
    limit: int

    def write(self, folder: Path) -> None:
        """Fill an empty folder; what has gone meanwhile is left out."""
        for path in sorted(self.paths):
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            if path in self.changed:
                target.write_bytes(self.changed[path].encode("utf-8", "replace"))
                continue
            try:
                target.write_bytes(read_inside(str(self.root), path, self.limit))
            except FileNotFoundError:
                continue


@dataclass(frozen=True, slots=True)
class _PastTrees:
    """Writes trees of the history, each over the one before."""

    past: GitHistory
    limits: WriteLimits
    written: dict[Path, WrittenTree] = field(default_factory=dict)

    def writer(self, commit: str) -> Callable[[Path], None]:
        """Return what brings a folder to the tree of a commit."""

        def write(folder: Path) -> None:
            if folder not in self.written or not any(folder.iterdir()):
                self.written[folder] = WrittenTree(self.past, folder, self.limits)
            with closing(self.past):
                self.written[folder].write(commit)

        return write


def _answerable(questions: Sequence[Question], paths: frozenset[str]) -> tuple[Question, ...]:
    """Return the questions with those of their targets that are indexed; those without any are left out."""
    narrowed = (
        replace(question, targets=tuple(target for target in question.targets if target.path in paths))
        for question in questions
    )
    return tuple(question for question in narrowed if question.targets)


def _documented(root: Path, path: str, config: Config) -> tuple[documentation.Documented, ...]:
    text = _text(root, path, config)
    language = detect(path, text[:_HEAD_BYTES].encode("utf-8", "replace"))
    return documentation.documented(path, text, language) if language is not None else ()


def _text(root: Path, path: str, config: Config) -> str:
    """Return a file as it is indexed, without secrets; empty where it has gone."""
    try:
        data = read_inside(str(root), path, config.index.max_file_bytes)
    except OSError:
        return ""
    return redact(decode(data).text)[0]


def _temporary(stack: ExitStack) -> Path:
    return Path(stack.enter_context(TemporaryDirectory(prefix="conexus-eval-", ignore_cleanup_errors=True))).resolve()


def _in_folder(config: Config, folder: Path) -> Config:
    """Return the settings with a data folder on this machine in place of the user's own or a server."""
    store = StoreOptions(path=str(folder), lock_wait_s=config.store.lock_wait_s, min_free_mb=config.store.min_free_mb)
    # A scratch index serves nobody but this user: it has the places of the community edition, and asks for no licence.
    return replace(config, store=store, license=LicenseOptions(), required_edition="", edition={})


__all__ = [
    "DEFAULT_QUESTIONS",
    "FEW_QUESTIONS",
    "Control",
    "QuestionSet",
    "Run",
    "Stage",
    "Trial",
    "TrialProgress",
    "documentation_set",
    "history_set",
    "run",
]

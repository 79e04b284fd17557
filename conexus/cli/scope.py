# SPDX-License-Identifier: FSL-1.1-MIT
"""What a question is asked of: repositories, folders, languages, kinds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from conexus.adapters.git_metadata import top_of
from conexus.cli import console
from conexus.cli.index_command import indexed_tree, indexed_view, prepared, run_index
from conexus.cli.progress import cancel_on_interrupt
from conexus.cli.session import USER, Session, checkout_at, given_path, named, open_session, ref_at_folder
from conexus.errors import Cancelled, ConfigError, SourceError, StoreBusy
from conexus.parsing.languages import BY_NAME, canonical
from conexus.search.globs import literal
from conexus.types import Checkout, IndexedView, RepoId, SearchFilter, SymbolKind
from conexus.values import dataclass

EXIT_NOTHING = 1
EXIT_INCOMPLETE = 3

FolderArgument = Annotated[
    Path | None, typer.Argument(parser=given_path, metavar="PATH", help="Search only below this folder.")
]
RepoOption = Annotated[
    list[str] | None, typer.Option("--repo", "-r", metavar="NAME", help="Search this repository; repeatable.")
]
AllOption = Annotated[bool, typer.Option("--all", help="Search every indexed repository.")]
LanguageOption = Annotated[
    list[str] | None, typer.Option("--lang", "-l", metavar="LANGUAGE", help="Only this language; repeatable.")
]
GlobOption = Annotated[
    list[str] | None,
    typer.Option("--path", "-p", metavar="GLOB", help="Only files that fit, as 'src/**' or '*.py'; repeatable."),
]
KindOption = Annotated[
    list[str] | None,
    typer.Option(
        "--kind", "-k", metavar="KIND", help="Only where one is defined: function, class, section, …; repeatable."
    ),
]
TestsOption = Annotated[bool | None, typer.Option("--tests/--no-tests", help="Whether tests may be found.")]
RefOption = Annotated[
    str, typer.Option("--ref", metavar="REF", help="Search a branch, tag or commit, without checking it out.")
]
DependentsOption = Annotated[
    str | None,
    typer.Option(
        "--in-dependents-of", metavar="NAME", help="Search the repositories that depend on this one, or on npm:react."
    ),
]
DependenciesOption = Annotated[
    str | None,
    typer.Option("--in-dependencies-of", metavar="NAME", help="Search the repositories that this one depends on."),
]
FreshOption = Annotated[bool, typer.Option("--fresh", help="Bring the index up to date first.")]


def option_name(option: str, name: str | None) -> str:
    """Return the name that an option was given; empty where it was not given.

    Raises:
        ConfigError: It was given an empty one, as by a variable that is not set: that would be no limit.
    """
    if name is not None and not name.strip():
        raise ConfigError(f"{option} is empty", hint="name a repository or a package, or leave it out")
    return name or ""


@dataclass(frozen=True, slots=True)
class Scope:
    """What was asked for on the command line; nothing is looked at before :meth:`open`."""

    path: Path | None = None
    repos: Sequence[str] = ()
    all_repos: bool = False
    languages: frozenset[str] | None = None
    globs: Sequence[str] = ()
    kinds: frozenset[str] | None = None
    tests: bool | None = None
    """The setting where ``None``."""
    fresh: bool = False
    ref: str = ""
    dependents_of: str = ""
    dependencies_of: str = ""

    def open(self) -> tuple[Session, SearchFilter]:
        """Open the session, indexing first what is not indexed yet, and return the filter.

        Raises:
            Cancelled: The user stopped the indexing.
            RepositoryNotIndexed: A repository that is named is not there.
        """
        session, roots, below = self._session()
        globs = _both(below, self.globs) if below and self.globs else (*below, *self.globs)
        tests = session.loaded.config.search.tests if self.tests is None else self.tests
        try:
            repos = _repositories(session, self.repos) if self.repos else None
            if self.fresh and (self.repos or self.all_repos):
                _bring_up_to_date(session, repos)
        except BaseException:
            session.service.close()
            raise
        return session, SearchFilter(
            repos=repos,
            roots=roots,
            languages=self.languages,
            path_globs=globs or None,
            kinds=self.kinds,
            tests=tests,
            ref=self.ref if roots is None else "",  # else the roots say it
            dependents_of=self.dependents_of,
            dependencies_of=self.dependencies_of,
        )

    def _session(self) -> tuple[Session, frozenset[str] | None, tuple[str, ...]]:
        """Open the session; return the trees to search and the folder inside them."""
        if self.repos or self.all_repos or self.dependents_of or self.dependencies_of:
            return open_session(), None, ()
        folder = self.path or Path()
        if self.ref:
            session, checkout = open_ref(folder, self.ref)
            place = folder.expanduser().resolve()
            inside = place.relative_to(top).as_posix() if self.path and (top := top_of(place)) is not None else "."
            return session, frozenset({str(checkout.root)}), () if inside == "." else (f"/{literal(inside)}/",)
        session, root = open_tree(folder, fresh=self.fresh)
        below = (folder.expanduser().resolve() if self.path else root).relative_to(root).as_posix()
        return session, frozenset({str(root)}), () if below == "." else (f"/{literal(below)}/",)


def open_tree(folder: Path, *, fresh: bool = False) -> tuple[Session, Path]:
    """Open a session for the tree that holds a folder, and index it first where it is not indexed yet.

    Args:
        folder: The folder.
        fresh: Whether to bring an index that is there up to date, too.

    Returns:
        The session, and the root of the indexed tree.

    Raises:
        SourceError: There is no such folder, or it should not be indexed.
        Cancelled: The user stopped the indexing.
    """
    checkout = checkout_at(folder, force=True)
    session = prepared(checkout)
    root, view = indexed_tree(session, checkout)
    if fresh or view is None or view.live is None or view.root != root.root:
        if view is None:
            checkout_at(folder)  # refuses a home folder, which --force alone may index
            console.err(f"{console.one_line(str(root.root))} is not indexed yet: indexing it first")
        with cancel_on_interrupt() as asked:
            try:
                report = run_index(session, root, asked, quiet=False)
            except StoreBusy as busy:
                if fresh:
                    busy.hint = "wait for it to end, or leave --fresh out: what is in the index answers meanwhile"
                if fresh or not _is_begun(session, root):
                    raise
                return session, root.root  # another process indexes it, and what it has done so far answers
        if report.cancelled:
            raise Cancelled("stopped before the index was finished", hint="run the command again to go on from here")
    return session, root.root


def _is_begun(session: Session, root: Checkout) -> bool:
    view = indexed_view(session, root)
    return view is not None and view.live is not None


def _bring_up_to_date(session: Session, repos: frozenset[RepoId] | None) -> None:
    """Bring the trees of repositories up to date, of all where they are not named.

    Raises:
        SourceError: The folder of one that is named is gone.
    """
    for view in session.service.views(USER):
        if view.ref or (repos is not None and view.repo not in repos):
            continue
        try:
            checkout = _checkout_of(view)
        except SourceError:
            if repos is not None:
                raise
            continue  # the answer tells
        with prepared(checkout) as own, cancel_on_interrupt() as asked:
            if run_index(own, checkout, asked, quiet=False).cancelled:
                raise Cancelled("stopped before the index was up to date", hint="run the command again to go on")


def _checkout_of(view: IndexedView) -> Checkout:
    checkout = checkout_at(view.root, force=True)
    if checkout.root != view.root:
        raise SourceError(
            f"{view.root} is a link to {checkout.root} now",
            hint=f"search that folder itself, or remove the old index: conexus repos remove {view.name}",
        )
    return checkout


def open_ref(folder: Path, name: str) -> tuple[Session, Checkout]:
    """Open a session for a branch, tag or commit, and index it first where the index is not of what it names now.

    Raises:
        SourceError: There is no such folder, repository or ref.
        Cancelled: The user stopped the indexing.
    """
    checkout = ref_at_folder(folder, name)
    session = prepared(checkout)
    view = indexed_view(session, checkout)
    if view is None or view.head != checkout.head or view.live is None or not view.live.complete:
        with cancel_on_interrupt() as asked:
            report = run_index(session, checkout, asked, quiet=False)
        if report.cancelled:
            raise Cancelled("stopped before the index was finished", hint="run the command again to go on from here")
    return session, checkout


def _repositories(session: Session, names: Sequence[str]) -> frozenset[RepoId]:
    return frozenset(view.repo for name in names for view in named(session.service, name))


def _both(folder: Sequence[str], globs: Sequence[str]) -> tuple[str, ...]:
    """Patterns that hold only below a folder."""
    base = folder[0].rstrip("/")
    return tuple(f"{base}/{'' if '/' in item.strip('/') else '**/'}{item.lstrip('/')}" for item in globs)


def require_words(query: str) -> None:
    """Refuse a query without a word, before anything is indexed for it.

    Raises:
        QueryError: It has none.
    """
    if not any(map(str.isalnum, query)):
        from conexus.search.query import analyse  # noqa: PLC0415 -- says what is wrong; a daemon knows it by itself

        analyse(query)


def require_between(option: str, value: int, least: int, most: int) -> None:
    """Refuse a number that is out of range.

    Raises:
        ConfigError: It is.
    """
    if not least <= value <= most:
        raise ConfigError(f"{option} is {value}; it must be between {least} and {most}")


def languages(names: Sequence[str]) -> frozenset[str] | None:
    """Return languages by the names that people use, ``None`` for no names.

    Raises:
        ConfigError: A name is no language's.
    """
    if not names:
        return None
    found = {name: canonical(name) for name in names}
    unknown = [name for name, language in found.items() if language is None]
    if unknown:
        raise ConfigError(
            f"{unknown[0]!r} is no language that Conexus knows", hint="known are: " + ", ".join(sorted(BY_NAME))
        )
    return frozenset(language for language in found.values() if language)


def kinds(names: Sequence[str]) -> frozenset[str] | None:
    """Return kinds of definitions, ``None`` for no names.

    Raises:
        ConfigError: A name is no kind.
    """
    known = {item.value for item in SymbolKind}
    for name in names:
        if name.lower() not in known:
            raise ConfigError(f"{name!r} is no kind of definition", hint="known are: " + ", ".join(sorted(known)))
    return frozenset(name.lower() for name in names) or None

# SPDX-License-Identifier: FSL-1.1-MIT
"""Which files of a working tree the ignore rules leave out, as ``git check-ignore`` decides.

Rules come, lowest first, from the user's global excludes, ``.git/info/exclude`` and the ``.gitignore``
of every folder from the root down. Within one level the last rule that matches decides; nothing below
an excluded folder can be brought back; what git tracks is never ignored. ``core.excludesFile`` counts
in the user's configuration only: a repository's own must not name files elsewhere on the disk.

``.conexusignore`` files stand above all of these. They leave out tracked files too, and what they bring
back with ``!`` is *forced* in: it is not skipped for being generated, vendored or large either.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import field
from pathlib import Path
from typing import NamedTuple

from conexus.adapters.git_config import read_config
from conexus.adapters.git_index import TrackedPaths
from conexus.adapters.git_metadata import GitFolders
from conexus.adapters.regular_files import read_below, read_regular
from conexus.adapters.wildmatch import Pattern, PatternSet, byte_text, from_byte_text
from conexus.values import dataclass

GIT_RULES = ".gitignore"
OWN_RULES = ".conexusignore"
_MAX_BYTES = 10_000_000
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of an ignore file."""

    source: str
    line: int
    pattern: Pattern
    brings_back: bool = False
    own: bool = False
    """Whether it stands in a ``.conexusignore``."""

    def __str__(self) -> str:
        mark, slash = "!" * self.brings_back, "/" * self.pattern.directory_only
        return f"{self.source}:{self.line}: {mark}{from_byte_text(self.pattern.text)}{slash}"


class Judgement(NamedTuple):
    """What the rules say of one file or folder that a rule matches."""

    excluded: bool
    rule: Rule
    holds_tracked: bool = False
    """An excluded folder below which git tracks files nevertheless."""


class RuleList:
    """The rules of one file.

    Args:
        rules: In the order of the file.
        base: Path of the folder they stand in, as byte text; empty or ending in ``/``.
        ignore_case: Whether ASCII case counts for nothing.
    """

    def __init__(self, rules: Sequence[Rule], base: str, *, ignore_case: bool) -> None:
        self.rules = rules
        self.brings_back = any(rule.brings_back for rule in rules)
        self._base_chars = len(base)
        self._patterns = PatternSet([rule.pattern for rule in rules], ignore_case=ignore_case)

    def decide(self, names: Sequence[str], folder: str, *, folders: bool) -> dict[str, Rule]:
        """Return the deciding rule of each name that one matches; names and ``folder``, their path, are byte text."""
        found = self._patterns.decide(names, folder[self._base_chars :], folders=folders)
        return {name: self.rules[at] for name, at in found.items()}


def parse_rules(data: bytes, source: str, *, own: bool = False) -> list[Rule]:
    """Read the lines of an ignore file; those that match nothing are left out."""
    rules = []
    for number, line in enumerate(data.removeprefix(_BOM).split(b"\n"), start=1):
        text = line.removesuffix(b"\r").partition(b"\0")[0].decode("latin-1")
        if text.startswith("#"):
            continue
        text = _without_trailing_spaces(text)
        brings_back = text.startswith("!")
        text = text[brings_back:]
        directory_only = text.endswith("/")
        text = text[:-1] if directory_only else text
        if text:
            rules.append(Rule(source, number, Pattern(text, directory_only), brings_back, own))
    return rules


def _without_trailing_spaces(text: str) -> str:
    """Drop spaces at the end, save those after a backslash."""
    kept = text.rstrip(" ")
    if len(kept) == len(text):
        return text
    backslashes = len(kept) - len(kept.rstrip("\\"))
    return kept + " " if backslashes % 2 else kept


@dataclass(frozen=True, slots=True)
class UserGit:
    """Where a user's own git settings are."""

    home: Path
    xdg: Path | None = None
    """``$XDG_CONFIG_HOME``; ``None`` means ``~/.config``."""

    @property
    def folder(self) -> Path:
        """The folder of ``config`` and ``ignore``."""
        return (self.xdg or self.home / ".config") / "git"

    def excludes_file(self) -> Path | None:
        """Return the file of global excludes."""
        config = read_config(self.folder / "config", self.home / ".gitconfig")
        setting = config.get("core", "excludesfile")
        if setting is None:
            return self.folder / "ignore"
        if setting.startswith("~/"):
            return self.home / setting[2:]
        return Path(setting) if setting.startswith("/") else None

    def ignores_case(self) -> bool | None:
        """Return the user's ``core.ignorecase``, or ``None`` where it is not set."""
        config = read_config(self.folder / "config", self.home / ".gitconfig")
        return config.is_true("core", "ignorecase") if config.get("core", "ignorecase") is not None else None


@dataclass(frozen=True, slots=True)
class FolderRules:
    """The rules that hold in one folder."""

    path: str
    """From the root, surrogateescape; empty or ending in ``/``."""
    tracked: TrackedPaths
    git: tuple[RuleList, ...] = ()
    """Lowest precedence first, as ``own``."""
    own: tuple[RuleList, ...] = ()
    excluded_by: Rule | None = None
    """Git's rule that leaves the whole folder out; it was entered for the tracked files in it."""
    forced_by: Rule | None = None
    """The rule of a ``.conexusignore`` that brings the folder back."""

    @property
    def may_bring_back(self) -> bool:
        """Whether some ``.conexusignore`` so far has a rule with ``!``."""
        return any(rules.brings_back for rules in self.own)

    def judge(self, names: Sequence[str], *, folders: bool) -> dict[str, Judgement]:
        """Decide on entries of this folder.

        Args:
            names: Their names.
            folders: Whether they are folders.

        Returns:
            Only those that a rule matches. A rule that brings back gives ``excluded`` false.
        """
        texts = [byte_text(name) for name in names]
        folder = byte_text(self.path)
        found: dict[str, Rule] = {}
        if self.excluded_by is not None:
            found = dict.fromkeys(texts, self.excluded_by)
        else:
            for rules in self.git:
                found.update(rules.decide(texts, folder, folders=folders))
        for rules in self.own:
            found.update(rules.decide(texts, folder, folders=folders))
        return {
            from_byte_text(text): self._judgement(from_byte_text(text), rule, folders) for text, rule in found.items()
        }

    def _judgement(self, name: str, rule: Rule, is_folder: bool) -> Judgement:
        if rule.brings_back or rule.own:
            return Judgement(not rule.brings_back, rule)
        path = self.path + name
        if is_folder:
            return Judgement(True, rule, holds_tracked=self.tracked.any_below(path + "/"))
        return Judgement(path not in self.tracked.files, rule)


@dataclass(frozen=True)
class IgnoreRules:
    """Loads the rules of one working tree, folder by folder."""

    root: Path
    tracked: TrackedPaths = field(default_factory=TrackedPaths)
    shared: tuple[RuleList, ...] = ()
    ignore_case: bool = False

    @classmethod
    def load(cls, root: Path, git: GitFolders | None, user: UserGit | None, tracked: TrackedPaths) -> IgnoreRules:
        """Read the rules that hold in the whole tree.

        Args:
            root: The working tree.
            git: Its git folders, or ``None`` where there are none.
            user: Whose global excludes count; ``None`` for nobody's.
            tracked: What git tracks.
        """
        ignore_case = bool(user and user.ignores_case())
        shared: list[tuple[bytes | None, str]] = []
        if user and (excludes := user.excludes_file()):
            shared.append((read_regular(excludes, _MAX_BYTES), str(excludes)))
        if git:
            config = git.config
            if config.get("core", "ignorecase") is not None:
                ignore_case = config.is_true("core", "ignorecase")
            shared.append((read_below(git.common, "info/exclude", _MAX_BYTES), ".git/info/exclude"))
        lists = []
        for data, label in shared:
            rules = parse_rules(data or b"", label)
            if rules:
                lists.append(RuleList(rules, "", ignore_case=ignore_case))
        return cls(root, tracked, tuple(lists), ignore_case)

    def top(self, present: Container[str] | None = None) -> FolderRules:
        """Return the rules of the root; ``present`` as in :meth:`enter`."""
        return self._with_files(FolderRules("", self.tracked, self.shared), present)

    def enter(
        self, parent: FolderRules, name: str, judgement: Judgement | None, present: Container[str] | None = None
    ) -> FolderRules:
        """Return the rules of a folder.

        Args:
            parent: The rules of the folder above.
            name: The folder's name.
            judgement: What ``parent`` says of it.
            present: Names in the folder where they are known, which saves looking for its ignore files.
        """
        excluded_by, forced_by = parent.excluded_by, parent.forced_by
        if judgement is not None and judgement.rule.own:
            excluded_by, forced_by = None, judgement.rule
        elif judgement is not None and judgement.excluded:
            excluded_by = judgement.rule
        below = FolderRules(f"{parent.path}{name}/", self.tracked, parent.git, parent.own, excluded_by, forced_by)
        return self._with_files(below, present)

    def _with_files(self, folder: FolderRules, present: Container[str] | None) -> FolderRules:
        git, own = folder.git, folder.own
        if present is None or GIT_RULES in present:
            git += self._read(folder.path, GIT_RULES)
        if present is None or OWN_RULES in present:
            own += self._read(folder.path, OWN_RULES)
        if git is folder.git and own is folder.own:
            return folder
        return FolderRules(folder.path, self.tracked, git, own, folder.excluded_by, folder.forced_by)

    def _read(self, folder: str, name: str) -> tuple[RuleList, ...]:
        """Read one ignore file; git follows no link there, and neither do we."""
        data = read_below(self.root, folder + name, _MAX_BYTES)
        rules = parse_rules(data, folder + name, own=name == OWN_RULES) if data else []
        return (RuleList(rules, byte_text(folder), ignore_case=self.ignore_case),) if rules else ()

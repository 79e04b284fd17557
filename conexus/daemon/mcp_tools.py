# SPDX-License-Identifier: FSL-1.1-MIT
"""The tools that agents see: names, descriptions, arguments and the form of the answers.

Arguments are those of the operations, flattened: an agent fills in a few plain fields more reliably than nested ones.
Tools whose answer is code give it as text alone. Common clients hand a model nothing but the structured form where
there is one, and code inside JSON is dearer and harder to read; programs that want it so have REST. Tools whose
answer is a list of facts give both forms.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any, TypeAlias

from pydantic import Field, ValidationError

from conexus.daemon import schema
from conexus.daemon.schema import Cursor, FilePath, GitRef, Line, Name, Names, Text
from conexus.daemon.validation import invalid
from conexus.errors import InvalidRequest
from conexus.search.neutral import inline
from conexus.types import SymbolKind
from conexus.values import dataclass

DEFAULT_TOKENS = 4_000
MIN_TOKENS = 500
MAX_TOKENS = 20_000
"""Clients cut or refuse tool results of more than about 25,000."""
_MAX_NAME_CHARS = 80
_UNSAID = {"pattern", "minLength", "maxLength", "maxItems"}
"""What is checked, but not worth a model's attention each time it reads the tools."""
_FEW = 50

Tokens: TypeAlias = Annotated[int, Field(ge=MIN_TOKENS, le=MAX_TOKENS)]
Few: TypeAlias = Annotated[int, Field(ge=1, le=_FEW)]


class Arguments(schema.Message):
    """What every tool takes."""

    repository: Name | None = None
    """Which repository, as index_status lists them. Left out: the one of the folder you work in."""


class Paged(Arguments):
    """What every tool takes whose answer may be long."""

    max_tokens: Tokens = DEFAULT_TOKENS
    """Hard cap of the answer."""
    cursor: Cursor = ""
    """next_cursor of the answer before, with otherwise the same arguments, for what comes after it."""


class Asking(Paged):
    """A question, and what it is limited to."""

    query: Text
    """A question in plain words, a name, a path or a stack trace."""
    languages: Names | None = None
    """Only these, as python or c++."""
    paths: Annotated[list[FilePath], Field(max_length=_FEW)] | None = None
    """Only files that fit one of these gitignore patterns, as src/** or *.py."""
    kinds: Annotated[list[SymbolKind], Field(max_length=_FEW)] | None = None
    """Only where one of these is defined."""
    tests: bool = True
    """Whether tests may be found."""
    ref: GitRef = ""
    """An indexed branch, tag or commit instead of the files on disk, as main or v2.1."""
    dependents_of: schema.Related = ""
    """Only repositories that depend on this repository or package, as npm:react: then all of them are searched."""
    dependencies_of: schema.Related = ""
    """Only repositories that this one depends on."""


class SearchCode(Asking):
    """Arguments of search_code."""

    limit: Few = 10
    """Most results of one answer."""


class GetContext(Asking):
    """Arguments of get_context."""


class FindSimilar(Paged):
    """Arguments of find_similar."""

    path: FilePath
    """File, relative to the repository, or absolute."""
    line: Line = 1
    """A line of the code for which look-alikes are wanted."""
    limit: Few = 10
    """Most results of one answer."""


class FindSymbol(Paged):
    """Arguments of find_symbol."""

    name: Name
    """As send or Session.send."""
    uses: bool = False
    """Whether the lines that use the name are wanted too, with the function that each is in: the callers."""
    callees: bool = False
    """Whether what the definitions use is wanted too."""


class RelatedFiles(Paged):
    """Arguments of related_files."""

    path: FilePath
    """File, relative to the repository, or absolute."""


class ReadFile(Paged):
    """Arguments of read_file."""

    path: FilePath
    """File, relative to the repository, or absolute."""
    start_line: Line = 1
    """First line wanted."""
    end_line: Line | None = None
    """Last line wanted; left out: the last of the file."""


class RepositoryMap(Paged):
    """Arguments of repository_map."""


class IndexStatus(Paged):
    """Arguments of index_status."""

    repository: Name | None = None
    """Only this one; left out: all."""


class ExplainSkip(Arguments):
    """Arguments of explain_skip."""

    path: FilePath
    """File or folder, relative to the repository, or absolute."""


class ImpactOfChange(Paged):
    """Arguments of impact_of_change."""

    targets: Annotated[list[Name], Field(max_length=20)] | None = None
    """What changes: definitions as Cart.total, files as src/cart.py or shop:src/cart.py, packages as npm:react,
    endpoints as GET /users/{}, or whole repositories."""
    diff: schema.Diff = ""
    """A unified diff of the repository in place of targets."""
    depth: Annotated[int, Field(ge=1, le=10)] = 3
    """Most steps from what changes: 1 for direct users alone."""
    elsewhere: bool = False
    """Whether only other repositories are of interest."""


class GraphQuestion(StrEnum):
    """What is asked of the graph of all repositories."""

    REPOS = "repos"
    PATH = "path"
    DRIFT = "drift"
    OWNERS = "owners"
    ORPHANS = "orphans"
    CYCLES = "cycles"


class DependencyGraph(Paged):
    """Arguments of dependency_graph."""

    question: GraphQuestion = GraphQuestion.REPOS
    """repos: who provides, requires, imports and calls what. path: how source depends on target. drift: packages with
    different versions. owners: who owns what a change of source breaks. orphans: what nobody uses. cycles."""
    source: schema.Related = ""
    """For path what depends, for owners what changes, for drift one package; for repos only what it ties."""
    target: schema.Related = ""
    """For path what is depended on."""


class ImpactFound(schema.ImpactAnswer):
    """What a change may break, direct hits first."""

    next_cursor: str = ""


class SymbolsAnswer(schema.SymbolsResponse):
    """Definitions and uses of a name."""

    notices: list[str] = Field(default_factory=list)
    next_cursor: str = ""


class RelatedAnswer(schema.RelatedResponse):
    """Related files, the most tied first."""

    notices: list[str] = Field(default_factory=list)
    next_cursor: str = ""


class MappedFile(schema.Message):
    """A file of a map."""

    path: str
    uses: int
    """How often other files use what it defines."""
    symbols: list[str]
    """Line and signature of each, as ``12: def load(path)``."""
    left_out: int
    """Definitions that are not listed."""


class MapAnswer(schema.Message):
    """The files of a repository that others use most, with less of each than REST has."""

    repository: str
    root: str = ""
    files: list[MappedFile]
    files_total: int
    notices: list[str] = Field(default_factory=list)
    next_cursor: str = ""


class StatusAnswer(schema.RepositoriesResponse):
    """Indexed working trees, by name, and the index jobs that wait or run."""

    version: str
    """Of the daemon."""
    jobs: list[schema.Job] = Field(default_factory=list)
    notices: list[str] = Field(default_factory=list)
    next_cursor: str = ""


@dataclass(frozen=True)
class Tool:
    """One tool."""

    name: str
    title: str
    description: str
    """What an agent decides by: what for, when, when not, an example."""
    arguments: type[Arguments]
    answer: type[schema.Message] | None = None
    """Form of the structured answer; ``None`` where there is only text."""

    @cached_property
    def input_schema(self) -> dict[str, Any]:
        """JSON Schema of the arguments, without references."""
        return plain(self.arguments.model_json_schema())

    @cached_property
    def output_schema(self) -> dict[str, Any] | None:
        """JSON Schema of the structured answer."""
        return None if self.answer is None else untitled(self.answer.model_json_schema(mode="serialization"))

    def parse(self, given: Mapping[str, Any]) -> Arguments:
        """Return the arguments of a call. ``null`` counts as left out, and one name as a list of one.

        Raises:
            InvalidRequest: One is unknown, missing or out of range; the message names it.
        """
        unknown = [name for name in given if name not in self.arguments.model_fields]
        if unknown:
            raise _unknown(f"{self.name} has no argument {_shown(unknown[0])}", unknown[0], self.arguments.model_fields)
        lists = {name for name, one in self.input_schema["properties"].items() if one.get("type") == "array"}
        values = {
            name: [value] if name in lists and isinstance(value, str) else value
            for name, value in given.items()
            if value is not None
        }
        try:
            return self.arguments.model_validate(values)
        except ValidationError as exc:
            error = invalid(exc)
            raise InvalidRequest(
                f"{self.name}: {error.message}", hint=f"its arguments are: {self._usage()}", details=error.details
            ) from exc

    def _usage(self) -> str:
        required = self.input_schema.get("required", [])
        return ", ".join(f"{name} (required)" if name in required else name for name in self.arguments.model_fields)


TOOLS: tuple[Tool, ...] = (
    Tool(
        "search_code",
        "Search code",
        "Find code by what it does or by name, in an index of the whole repository: answers with places as path:line "
        "and the code itself, best first. Use it first when you do not know where something is or what it is called "
        '("where are passwords hashed", "retry with backoff"), before grep or opening files one by one. Not for '
        "listing every occurrence of an exact string: grep does that. "
        'Example: {"query": "how are sessions signed", "tests": false}',
        SearchCode,
    ),
    Tool(
        "get_context",
        "Get context for a question",
        "Get the code that matters for a question or task, packed into max_tokens: the best places, neighbouring "
        "pieces joined. Use it at the start of a task to understand how something works, instead of many searches and "
        "file reads. For a few exact places use search_code. "
        'Example: {"query": "how does an upload reach the disk", "max_tokens": 8000}',
        GetContext,
    ),
    Tool(
        "find_similar",
        "Find similar code",
        "Find code like that at a place. Use it before you write or change something, to find duplicates, the other "
        "places that need the same fix, or the house style. "
        'Example: {"path": "src/api/users.py", "line": 40}',
        FindSimilar,
    ),
    Tool(
        "find_symbol",
        "Find a definition",
        "Find where a function, class, type or other name is defined and, with uses, the lines and functions that use "
        "it, with callees, what it uses. Use it when you know the name: it tells definitions from mentions, which grep "
        "does not. "
        'Example: {"name": "Session.send", "uses": true}',
        FindSymbol,
        SymbolsAnswer,
    ),
    Tool(
        "related_files",
        "Find related files",
        "List the files that use a file or are used by it, the most tied first, with the reasons. Use it before you "
        "change a file, to see what may break and which tests cover it. "
        'Example: {"path": "src/auth/tokens.py"}',
        RelatedFiles,
        RelatedAnswer,
    ),
    Tool(
        "read_file",
        "Read an indexed file",
        "Read lines of an indexed file, with secrets redacted. Use it for repositories that are not in your "
        "workspace; files on your own disk are read better with your own tools, which also see unsaved changes. "
        'Example: {"path": "src/app.py", "start_line": 120, "end_line": 180}',
        ReadFile,
    ),
    Tool(
        "repository_map",
        "Map a repository",
        "Get an overview of a repository: the files that others use most, and what they define. Use it once, when "
        "you meet a repository for the first time. For a question about it use search_code. "
        "Example: {}",
        RepositoryMap,
        MapAnswer,
    ),
    Tool(
        "index_status",
        "Show what is indexed",
        "List the indexed repositories, how fresh and complete their indexes are, and index jobs that run. Use it to "
        "learn the names for the argument repository, or when a search finds less than it should. "
        "Example: {}",
        IndexStatus,
        StatusAnswer,
    ),
    Tool(
        "explain_skip",
        "Explain why a file is not found",
        "Say whether a file or folder is in the index and, if not, which rule leaves it out. Use it when search_code "
        "does not find a file that exists. "
        'Example: {"path": "vendor/lib/util.js"}',
        ExplainSkip,
        schema.WhyResponse,
    ),
    Tool(
        "impact_of_change",
        "Find what a change may break",
        "Find what depends on something that is about to change, in this repository and in all other indexed ones: "
        "callers, importers, clients of a route, users of a package, each with the path that shows it, how certain it "
        "is, and its owners. Use it before you change or remove something that others may use, or with a diff "
        "afterwards. For uses within one repository find_symbol is enough. Comes with the tier enterprise. "
        'Example: {"targets": ["Cart.total"], "elsewhere": true}',
        ImpactOfChange,
        ImpactFound,
    ),
    Tool(
        "dependency_graph",
        "Ask about dependencies between repositories",
        "Answer questions about all indexed repositories at once: which provides or requires which package, how one "
        "thing depends on another, versions that differ, owners, what nobody uses, cycles. Use it to understand a "
        "system of several repositories. Comes with the tier enterprise. "
        'Example: {"question": "path", "source": "site", "target": "npm:react"}',
        DependencyGraph,
    ),
)
TOOL = {tool.name: tool for tool in TOOLS}


def tool_named(name: str) -> Tool:
    """Return a tool.

    Raises:
        InvalidRequest: There is none of that name; the message names those that are.
    """
    found = TOOL.get(name)
    if found is None:
        raise _unknown(f"there is no tool {_shown(name)}", name, TOOL)
    return found


def _unknown(message: str, given: str, known: Mapping[str, object]) -> InvalidRequest:
    near = difflib.get_close_matches(given[:_MAX_NAME_CHARS], known, 1)
    meant = f"; did you mean {near[0]}?" if near else ""
    return InvalidRequest(
        message + meant, hint="known are: " + ", ".join(known), details={"field": _shown(given).strip("'")}
    )


def _shown(name: str) -> str:
    return repr(inline(name[:_MAX_NAME_CHARS]))


# ------------------------------------------------------------------------------ JSON Schema


def plain(found: dict[str, Any]) -> dict[str, Any]:
    """Return a schema of a flat model as simply as it can be said: not every client resolves references or unions."""
    definitions = found.pop("$defs", {})
    result: dict[str, Any] = untitled(_resolved(found, definitions))
    result.pop("description", None)
    return result


def _resolved(node: Any, definitions: Mapping[str, Any]) -> Any:  # noqa: ANN401 -- JSON
    if isinstance(node, list):
        return [_resolved(one, definitions) for one in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return _resolved(definitions[node["$ref"].rsplit("/", 1)[-1]], definitions)
    if "anyOf" in node:
        [kept] = [one for one in node["anyOf"] if one != {"type": "null"}]
        rest = {key: value for key, value in node.items() if key not in {"anyOf", "default"}}
        return _resolved({**kept, **rest}, definitions)
    return {key: _resolved(value, definitions) for key, value in node.items() if key not in _UNSAID}


def untitled(node: Any) -> Any:  # noqa: ANN401 -- JSON
    """Return a schema without titles, which repeat the names."""
    if isinstance(node, list):
        return [untitled(one) for one in node]
    if not isinstance(node, dict):
        return node
    return {
        key: {name: untitled(one) for name, one in value.items()} if key == "properties" else untitled(value)
        for key, value in node.items()
        if key != "title" or not isinstance(value, str)
    }

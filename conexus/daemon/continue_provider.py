# SPDX-License-Identifier: FSL-1.1-MIT
"""The context provider ``http`` of Continue: what it sends, and packed code as it takes it, one item a file.

Continue keeps one item of each address, so that all code of a file is one item.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Annotated

from pydantic import ConfigDict, Field, StringConstraints

from conexus.daemon import messages, schema
from conexus.daemon.call import Call
from conexus.daemon.handlers import Handlers
from conexus.daemon.mcp_places import folder_of_path, folder_of_root, tree_of
from conexus.errors import RepositoryNotIndexed
from conexus.search.neutral import one_line
from conexus.search.packing import by_file
from conexus.types import ContextBlock, ContextResponse, Principal

_MAX_INPUT_CHARS = 1_000_000
_MAX_WORKSPACE_CHARS = 12_300  # a path of 4,096 bytes, each percent-encoded
_UNFINISHED = ", the index is not finished"


class ContinueOptions(schema.Message):
    """What ``options`` of the provider's settings may hold."""

    max_tokens: Annotated[int, Field(ge=100, le=200_000)] = 4000
    """Hard cap of all items, in tokens of the vocabulary cl100k_base."""
    limit: Annotated[int, Field(ge=1, le=100)] = 30
    """Most chunks that are considered."""
    filter: schema.Filter = schema.Filter()
    """Where it names repositories or roots, these are searched whatever the workspace."""


_MENTION = re.compile(r"(?:^|(?<=\s))@conexus\b", re.IGNORECASE)


class ContinueQuestion(schema.Message):
    """What Continue sends. Fields that it may send in addition are passed over."""

    model_config = ConfigDict(extra="ignore")

    query: schema.Text = ""
    """Empty where the provider is mentioned in a message."""
    full_input: Annotated[
        str, StringConstraints(max_length=_MAX_INPUT_CHARS, pattern=r"^[^\x00]*$"), Field(alias="fullInput")
    ] = ""
    """The message. It is the question where there is no query."""
    options: ContinueOptions | None = None
    workspace_path: Annotated[
        str | None,
        Field(alias="workspacePath", max_length=_MAX_WORKSPACE_CHARS, pattern=r"^[^\x00]*$"),
    ] = None
    """Folder that is open in the editor, as a path or an address ``file:``. Counts for the local user alone."""

    @property
    def text(self) -> str:
        """What is asked."""
        return self.query.strip() or _MENTION.sub(" ", self.full_input).strip()[: schema.MAX_TEXT_CHARS]


class ContinueAddress(schema.Message):
    """What a click on an item opens."""

    type: str = "file"
    value: str


class ContinueItem(schema.Message):
    """The code of one file, or a line for each piece of code that there was no room for."""

    name: str
    description: str
    content: str
    """What is to be given to a model."""
    uri: ContinueAddress | None = None
    """Null for callers over the network, and for lines."""


def items_for(handlers: Handlers, question: ContinueQuestion, call: Call) -> list[ContinueItem]:
    """Return the best code for a question.

    Raises:
        RepositoryNotIndexed: The workspace is not indexed.
        ConexusError: As the operation ``context``.
    """
    options = question.options or ContinueOptions()
    where = options.filter
    if where.repositories is None and where.roots is None and question.workspace_path and call.who.local:
        where = where.model_copy(update={"roots": _trees(handlers, question.workspace_path, call.who)})
    asked = schema.ContextRequest(query=question.text, filter=where, max_tokens=options.max_tokens, limit=options.limit)
    answer = handlers.packed(asked, call)
    return [_item(blocks, content, answer, call.who) for blocks, content in by_file(answer.blocks)]


def _trees(handlers: Handlers, workspace: str, who: Principal) -> list[str]:
    """Return the indexed tree that holds a workspace, or else those in it."""
    folder = folder_of_root(workspace) if "://" in workspace else folder_of_path(workspace)
    if folder is not None:
        views = [view for view in handlers.trees(who) if view.live is not None]
        holding, real, top = tree_of(folder, views)
        found = [holding] if holding is not None else [view for view in views if view.root.is_relative_to(real)]
        if found:
            return [str(view.root) for view in found]
        if top is not None:
            folder = top
    raise RepositoryNotIndexed(
        f"the workspace {one_line(workspace)[:300]} is not indexed",
        hint=f"index it: conexus index {one_line(str(folder))}"
        if folder
        else "name repositories in options.filter.repositories",
    )


def _item(blocks: tuple[ContextBlock, ...], content: str, answer: ContextResponse, who: Principal) -> ContinueItem:
    unfinished = "" if answer.complete else _UNFINISHED
    first = blocks[0]
    if first.outline:
        return ContinueItem(
            name="Also found", description=f"{len(blocks)} more places{unfinished}", content=messages.text(content)
        )
    path = messages.text(one_line(first.path))
    lines = ", ".join(f"{block.start_line}-{block.end_line}" for block in blocks)
    return ContinueItem(
        name=f"{PurePosixPath(path).name} ({first.start_line}-{first.end_line})",
        description=f"{path} ({lines}){unfinished}",
        content=messages.text(content),
        uri=ContinueAddress(value=Path(first.root, first.path).as_uri()) if who.local else None,
    )

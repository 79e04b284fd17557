# SPDX-License-Identifier: FSL-1.1-MIT
"""Resources of MCP: indexed files and maps of repositories, by address.

``conexus://{repository}/map`` and ``conexus://{repository}/file/{path}``; what is long comes in pages, the next of
which is named by ``next`` in ``_meta``. A repository is given by id, with its slashes encoded, or by short name.
"""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

import mcp_types as types
from pydantic import ValidationError

from conexus.daemon import cursors, schema
from conexus.daemon import mcp_tools as tools
from conexus.daemon.mcp_answers import Answers
from conexus.daemon.mcp_places import Caller
from conexus.daemon.mcp_words import FilePage
from conexus.daemon.validation import invalid
from conexus.errors import InvalidRequest, NotFound
from conexus.search.neutral import inline

_ADDRESS = re.compile(r"conexus://([^/?#]+)/(?:map|file/([^?#]+))(?:\?(start_line|cursor)=([A-Za-z0-9_-]{1,100}))?")
_MAX_ADDRESS_CHARS = 20_000
_PAGE = 100
_SHOWN_CHARS = 200

TEMPLATES = (
    types.ResourceTemplate(
        name="file",
        title="Indexed file",
        uri_template="conexus://{repository}/file/{+path}",
        description="Text of a file as it is indexed, with secrets redacted. "
        "Long files come in pages: ?start_line= of the next one is in _meta.",
        mime_type="text/plain",
    ),
    types.ResourceTemplate(
        name="map",
        title="Repository map",
        uri_template="conexus://{repository}/map",
        description="The files of a repository that others use most, and what they define.",
        mime_type="text/plain",
    ),
)


class Resources:
    """Lists and reads resources.

    Args:
        answers: What tools answer.
    """

    def __init__(self, answers: Answers) -> None:
        self._answers = answers

    async def listed(self, caller: Caller, cursor: str) -> types.ListResourcesResult:
        """Return a page of the maps of indexed repositories.

        Raises:
            ConexusError: The cursor is not valid, or the caller may not ask.
        """
        start = cursors.numbers_of(cursor, 1, 1_000_000)[0] if cursor else 0
        found = await self._answers.repositories(caller)
        shown = found[start : start + _PAGE]
        more = cursors.cursor_of([start + _PAGE]) if start + _PAGE < len(found) else None
        return types.ListResourcesResult(
            resources=[
                types.Resource(
                    name=f"map of {inline(one)}",
                    uri=f"conexus://{quote(one, safe='')}/map",
                    description="The most used files and what they define.",
                    mime_type="text/plain",
                )
                for one in shown
            ],
            next_cursor=more,
        )

    async def read(self, uri: str, caller: Caller) -> types.ReadResourceResult:
        """Return a resource, or a page of it.

        Raises:
            ConexusError: There is none at this address.
        """
        found = _ADDRESS.fullmatch(uri) if len(uri) <= _MAX_ADDRESS_CHARS else None
        if found is None:
            raise NotFound(
                f"{inline(uri[:_SHOWN_CHARS])!r} is no address of a resource",
                hint="there are conexus://{repository}/map and conexus://{repository}/file/{path}",
                details={"field": "uri"},
            )
        repository, path, key, value = (unquote(part) if part else "" for part in found.groups())
        try:
            if path:
                return await self._file(uri, (repository, path), value if key == "start_line" else "", caller)
            return await self._map(uri, repository, value if key == "cursor" else "", caller)
        except ValidationError as exc:
            raise InvalidRequest(invalid(exc).message, details={"field": "uri"}) from exc

    async def _file(self, uri: str, place: tuple[str, str], line: str, caller: Caller) -> types.ReadResourceResult:
        repository, path = place
        request = schema.FileRequest.model_validate({"repository": repository, "path": path, "start_line": line or "1"})
        page: FilePage = await self._answers.file_page(request, caller, tools.MAX_TOKENS)
        base = uri.partition("?")[0]
        following = None if page.next_line is None else f"{base}?start_line={page.next_line}"
        return _contents(
            uri,
            page.code,
            following,
            {
                "start_line": page.start_line,
                "end_line": page.end_line,
                "lines_total": page.lines_total,
            },
        )

    async def _map(self, uri: str, repository: str, cursor: str, caller: Caller) -> types.ReadResourceResult:
        arguments = tools.RepositoryMap(repository=repository, cursor=cursor, max_tokens=tools.MAX_TOKENS)
        answer = await self._answers.answer(tools.TOOL["repository_map"], arguments, caller)
        more = (answer.data or {}).get("next_cursor")
        following = f"{uri.partition('?')[0]}?cursor={more}" if more else None
        return _contents(uri, answer.text, following, {})


def _contents(uri: str, text: str, following: str | None, facts: dict[str, object]) -> types.ReadResourceResult:
    meta = {f"conexus/{name}": value for name, value in facts.items()}
    if following is not None:
        meta["conexus/next"] = following
    return types.ReadResourceResult(
        contents=[types.TextResourceContents(uri=uri, mime_type="text/plain", text=text, _meta=meta or None)]
    )

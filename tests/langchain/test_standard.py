# SPDX-License-Identifier: FSL-1.1-MIT
"""LangChain's own suite for retrievers, unmodified; ``make test-langchain`` installs it apart and runs it."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from langchain_core.retrievers import BaseRetriever
from langchain_tests.integration_tests import RetrieversIntegrationTests

import conexus
from conexus.langchain import ConexusRetriever

_FOLDER = Path(tempfile.mkdtemp(prefix="conexus-langchain-"))
os.environ["CONEXUS_HOME"] = str(_FOLDER / "data")
_TREE = _FOLDER / "tree"
_TREE.mkdir()
for _number in range(8):
    (_TREE / f"send{_number}.py").write_text(
        f"def send_{_number}(request):\n    # sends a request, way {_number}\n    return request\n", encoding="utf-8"
    )
_CODE = conexus.open(_TREE)


class TestConexusRetriever(RetrieversIntegrationTests):
    """The suite."""

    @property
    def retriever_constructor(self) -> type[BaseRetriever]:
        """What is tested."""
        return ConexusRetriever

    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        """In process, on a small tree."""
        return {"code": _CODE}

    @property
    def retriever_query_example(self) -> str:
        """A question."""
        return "how is a request sent"

# SPDX-License-Identifier: FSL-1.1-MIT
"""Writes the Python stubs of ``proto/conexus/v1`` to ``conexus/v1``, or to the folder that is given.

Run it after every change of the schema. The generators are pinned in ``pyproject.toml``, so that the same schema
gives the same bytes; ``tests/unit/daemon/test_stubs.py`` compares them.
"""

from __future__ import annotations

import sys
from importlib.resources import files
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).resolve().parents[1]
SCHEMA = ROOT / "proto"


def generate(out: Path) -> None:
    """Write the stubs below a folder, as ``conexus/v1/search_pb2.py`` and so on."""
    names = sorted(str(path.relative_to(SCHEMA)) for path in SCHEMA.glob("conexus/v1/*.proto"))
    plugins = Path(sys.executable).parent  # the plug-ins of protoc that mypy-protobuf brings
    arguments = [
        "protoc",
        f"--proto_path={SCHEMA}",
        f"--proto_path={files('grpc_tools') / '_proto'}",
        f"--plugin=protoc-gen-mypy={plugins / 'protoc-gen-mypy'}",
        f"--plugin=protoc-gen-mypy_grpc={plugins / 'protoc-gen-mypy_grpc'}",
        *(f"--{plugin}_out={out}" for plugin in ("python", "grpc_python", "mypy", "mypy_grpc")),
        *names,
    ]
    if protoc.main(arguments):
        message = "protoc failed"
        raise SystemExit(message)


if __name__ == "__main__":
    generate(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT)

# SPDX-License-Identifier: FSL-1.1-MIT
"""Fuzzes what of our own code reads foreign bytes, guided by what they reach.

``python tools/fuzz.py [FOLDER] [OPTIONS]`` needs ``pip install atheris``, which has no wheels for every Python and so
is no part of the development tools. The folder keeps the inputs that reached something new; options are libFuzzer's, as
``-max_total_time=60``.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

_NAMES = ("pyproject.toml", "package.json", "go.mod", "pom.xml", "Dockerfile", "requirements.txt", "a.gemspec", "a.txt")


def _target(atheris: Any) -> Any:  # noqa: ANN401 -- it has no types
    with atheris.instrument_imports(include=["conexus.parsing"]):
        text = import_module("conexus.parsing.text")
        secrets = import_module("conexus.parsing.secrets")
        reading = import_module("conexus.parsing.manifests.reading")
        parse = import_module("conexus.parsing.parse")

    def read(data: bytes) -> None:
        """Read bytes as the parsing process does, without a grammar; an exception is a finding."""
        name = _NAMES[data[0] % len(_NAMES)] if data else _NAMES[0]
        found, _ = secrets.redact(text.decode(data[1:]).text)
        reading.read_manifest(name, found)
        chunks = parse.parse_text(found, None, 1500).chunks
        if "".join(chunk.text for chunk in chunks) != found.encode("utf-8", "replace").decode():
            raise AssertionError("the chunks are not the text")

    return read


def main() -> None:
    """Fuzz until something is found, or as long as the options say."""
    atheris = import_module("atheris")
    atheris.Setup(sys.argv, _target(atheris))
    atheris.Fuzz()


if __name__ == "__main__":
    main()

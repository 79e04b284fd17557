# SPDX-License-Identifier: FSL-1.1-MIT
"""Images that containers are built from and run: Dockerfiles and Compose files."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from conexus.parsing.manifests.documents import MAX_CHARS, read_yaml
from conexus.parsing.manifests.findings import Findings, Unreadable
from conexus.types import DependencyScope, Ecosystem

_FILLED = re.compile(r"\$(?:\{(\w+)(?::?([-+?])([^${}]*))?\}|(\w+))")
_INSTRUCTION = re.compile(r"\s*(ARG|FROM|COPY|ADD|ENV)\s+(.*)", re.IGNORECASE | re.DOTALL)
_HEREDOC = re.compile(r"<<-?[\"']?(\w+)[\"']?")
_ESCAPE = re.compile(r"#\s*escape\s*=\s*`")
_OPTION = re.compile(r"--([\w-]+)(?:=(\S+))?\s+")
_MAX_HOPS = 5
_DEFAULT_REGISTRY = re.compile(r"^(?:(?:index\.)?docker\.io/)(?:library/)?|^library/")


def require_image(
    findings: Findings, written: str, line: int, scope: DependencyScope = DependencyScope.RUNTIME
) -> None:
    """Note an image, named without Docker's own registry; its tag or digest is what is asked for."""
    name, _, digest = written.strip().partition("@")
    head, slash, last = name.rpartition("/")
    last, _, tag = last.partition(":")
    name = _DEFAULT_REGISTRY.sub("", f"{head}{slash}{last}".lower())
    if not name or name == "scratch":
        return
    if "$" in name:
        findings.note(f"line {line} names an image by a variable that the file does not give")
        return
    findings.require(Ecosystem.DOCKER, name, tag or digest, scope, line)


def filled(text: str, values: Mapping[str, str]) -> str:
    """Return a text with its variables filled in, by their values or the defaults that stand beside them."""

    def value(found: re.Match[str]) -> str:
        name, sign, default = found[1] or found[4], found[2], found[3]
        if sign == "+":
            return default if values.get(name) else ""
        return values.get(name) or (default if sign == "-" else found[0])

    for _ in range(_MAX_HOPS):
        changed = _FILLED.sub(value, text)[:1000]
        if changed == text:
            break
        text = changed
    return text


def read_dockerfile(_path: str, text: str, findings: Findings) -> None:
    """Read the images of a Dockerfile: arguments have their defaults, stages of the file are no images."""
    if len(text) > MAX_CHARS:
        raise Unreadable("it is too large")
    values: dict[str, str] = {}
    stages: set[str] = set()
    seen = False
    for line, written in _instructions(text):
        found = _INSTRUCTION.match(written)
        if found is None:
            continue
        instruction, rest = found[1].upper(), found[2].strip()
        if instruction == "ARG" and not seen:
            _read_arguments(rest, values)
        elif instruction == "FROM":
            seen = True
            _read_stage(rest, values, stages, line, findings)
        elif instruction in {"COPY", "ADD"}:
            source = dict(_OPTION.findall(rest)).get("from", "")
            if source and source.lower() not in stages and not source.isdigit():
                require_image(findings, filled(source, values), line, DependencyScope.BUILD)
    if not seen:
        findings.note("it has no FROM")


def _read_arguments(rest: str, values: dict[str, str]) -> None:
    for part in rest.split():
        key, equals, default = part.partition("=")
        if equals:
            values[key] = filled(default.strip("\"'"), values)


def _read_stage(rest: str, values: Mapping[str, str], stages: set[str], line: int, findings: Findings) -> None:
    while option := _OPTION.match(rest):
        rest = rest[option.end() :]
    words = rest.split()
    if not words:
        return
    image = filled(words[0].strip("\"'"), values)
    if image.lower() not in stages:
        require_image(findings, image, line)
    if len(words) > 2 and words[1].lower() == "as":  # noqa: PLR2004
        stages.add(words[2].lower())


def _instructions(text: str) -> Iterator[tuple[int, str]]:
    """Yield instructions, continued ones as one, with their first lines; what a here-document holds is left out."""
    lines = text.splitlines()
    escape = "`" if lines and _ESCAPE.match(lines[0]) else "\\"
    held, first, closing = "", 0, ""
    for number, raw in enumerate(lines, 1):
        if closing:
            closing = "" if raw.strip() == closing else closing
            continue
        line = raw.strip()
        if line.startswith("#") or (held and not line):
            continue
        first = first or number
        if line.endswith(escape):
            held += line[:-1] + " "
            continue
        whole = held + line
        if (document := _HEREDOC.search(whole)) and whole[:4].upper() in {"RUN ", "COPY", "ADD "}:
            closing = document[1]
        yield first, whole
        held, first = "", 0
    if held:
        yield first, held


def read_compose(_path: str, text: str, findings: Findings) -> None:
    """Read the images of a Compose file; one that a service builds is provided here."""
    services = read_yaml(text).get("services")
    if services is None or not services.expect("mapping", "services", findings.note):
        return
    for key, service, _ in services.items():
        service.expect("mapping", f"services.{key}", findings.note)
        image = service.get("image")
        if image is None or not image.expect("scalar", f"services.{key}.image", findings.note) or not image.text:
            continue
        written = filled(image.text, {})
        if service.get("build") is not None:
            name, _, _ = written.partition("@")
            head, slash, last = name.rpartition("/")
            last, _, tag = last.partition(":")
            findings.provide(
                Ecosystem.DOCKER, _DEFAULT_REGISTRY.sub("", f"{head}{slash}{last}".lower()), tag, image.line
            )
        else:
            require_image(findings, written, image.line)


__all__ = ["filled", "read_compose", "read_dockerfile", "require_image"]

# SPDX-License-Identifier: FSL-1.1-MIT
"""What a build with Gradle requires, in Groovy or Kotlin: read by its words, never run.

The syntax trees of the two languages have nothing in common, and that of Groovy breaks at ordinary build files; their
words do not differ where packages are named.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from conexus.parsing.manifests.documents import MAX_CHARS
from conexus.parsing.manifests.findings import Findings, Unreadable
from conexus.types import DependencyScope, Ecosystem
from conexus.values import dataclass

_TOKEN = re.compile(
    r"""(?P<comment>//[^\n]*|/\*.*?\*/)
    | (?P<string>\"{3}.*?\"{3}|'{3}.*?'{3}|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')
    | (?P<word>[A-Za-z_][\w.]*)
    | (?P<line>\n)
    | (?P<sign>[(){}\[\],:=;])""",
    re.VERBOSE | re.DOTALL,
)
_CONFIGURATION = re.compile(
    r"(?:[a-z]\w*)?(?:[iI]mplementation|[aA]pi|[cC]ompileOnly(?:Api)?|[rR]untimeOnly|[cC]ompile|[rR]untime"
    r"|[pP]rovided|classpath|[aA]nnotationProcessor|kapt\w*|ksp\w*|[dD]evelopmentOnly|detektPlugins|coreLibraryDesugaring)$"
)
_OF_TESTS = re.compile(
    r"^(?:test|androidTest|integrationTest)|Test(?:Implementation|Api|CompileOnly|RuntimeOnly|Compile)"
)
_OF_BUILD = re.compile(r"classpath|[aA]nnotationProcessor|^kapt|^ksp|detektPlugins")
_PLATFORMS = frozenset({"platform", "enforcedPlatform", "testFixtures", "dependencies.platform"})
_COORDINATES = re.compile(r"([\w.-]+):([\w.-]+)(?::([^:@]*))?(?::[^@]*)?(?:@\w+)?$")
_INTERPOLATED = re.compile(r"\$(?:\{([\w.]+)\}|(\w+))")
_KEYS = ("group", "name", "version")
_OTHERS = frozenset({"project", "files", "fileTree", "kotlin", "npm", "libs"})
_MAX_TOKENS = 500_000
_MAX_ARGUMENTS = 200


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    line: int


def read_gradle(path: str, text: str, findings: Findings) -> None:
    """Read ``build.gradle`` or ``build.gradle.kts``; what a version catalog names stands in the catalog."""
    if len(text) > MAX_CHARS:
        raise Unreadable("it is too large")
    tokens = _tokens(text)
    values = _values(tokens)
    folder = path.rpartition("/")[0].rpartition("/")[2]
    if folder and values.get("group"):
        findings.provide(Ecosystem.MAVEN, f"{values['group']}:{folder}", values.get("version", ""), 1)
    _Build(tokens, values, findings).read()


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    line = 1
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or ""
        written = match[0]
        if kind != "comment":
            if kind == "string":
                quotes = 3 if written.startswith(('"""', "'''")) else 1
                found.append(_Token(kind, written[quotes:-quotes], line))
            else:
                found.append(_Token(kind, written, line))
        line = 1 + text.count("\n", 0, match.end()) if kind in {"comment", "string"} and "\n" in written else line
        line += kind == "line"
        if len(found) > _MAX_TOKENS:
            raise Unreadable("it has too many words")
    return found


def _values(tokens: Sequence[_Token]) -> dict[str, str]:
    """Return the texts that names are given: ``val a = "1"``, ``ext.a = '1'``, ``group 'x'``, ``by extra("1")``."""
    found: dict[str, str] = {}
    for place, token in enumerate(tokens):
        if token.kind != "word":
            continue
        name = token.text.rpartition(".")[2]
        after = tokens[place + 1 : place + 5]
        if len(after) > 1 and after[0].text == "=" and after[1].kind == "string":
            found.setdefault(name, after[1].text)
        elif name in {"group", "version"} and after and after[0].kind == "string" and _begins(tokens, place):
            found.setdefault(name, after[0].text)
        elif [one.text for one in after[:3]] == ["by", "extra", "("] and after[3:] and after[3].kind == "string":
            found.setdefault(name, after[3].text)
    return found


def _begins(tokens: Sequence[_Token], place: int) -> bool:
    """Whether a word is the first of a statement."""
    return place == 0 or tokens[place - 1].kind == "line" or tokens[place - 1].text in {"{", "}", ";"}


class _Build:
    def __init__(self, tokens: Sequence[_Token], values: Mapping[str, str], findings: Findings) -> None:
        self._tokens = tokens
        self._values = values
        self._findings = findings

    def read(self) -> None:
        """Note what is named within ``dependencies`` and ``plugins``."""
        blocks: list[str] = []
        for place, token in enumerate(self._tokens):
            if token.text == "{" and token.kind == "sign":
                blocks.append(self._name_of_block(place))
            elif token.text == "}" and token.kind == "sign":
                if blocks:
                    blocks.pop()
            elif token.kind == "word" and blocks:
                if blocks[-1] == "plugins" and token.text == "id":
                    self._read_plugin(place)
                elif "dependencies" in blocks[-2:] and self._is_configuration(place):
                    self._read_dependency(place, token.text)

    def _is_configuration(self, place: int) -> bool:
        return bool(_CONFIGURATION.match(self._tokens[place].text)) and _begins(self._tokens, place)

    def _name_of_block(self, place: int) -> str:
        """Return the word that a block follows, whatever is in brackets between them."""
        depth = 0
        for token in reversed(self._tokens[max(0, place - 40) : place]):
            if token.kind == "sign" and token.text == ")":
                depth += 1
            elif token.kind == "sign" and token.text == "(":
                depth -= 1
            elif depth == 0 and token.kind == "word":
                return token.text
            elif depth == 0 and token.kind != "line":
                return ""
        return ""

    def _read_plugin(self, place: int) -> None:
        words = [token for token in self._tokens[place + 1 : place + 8] if token.text not in {"(", ")"}]
        if not words or words[0].kind != "string":
            return
        name = words[0].text
        version = ""
        if len(words) > 2 and words[1].text == "version" and words[2].kind == "string":  # noqa: PLR2004
            version = self._filled(words[2].text)
        if "." in name:  # others are Gradle's own
            self._require(f"{name}:{name}.gradle.plugin", version, DependencyScope.BUILD, words[0].line)

    def _read_dependency(self, place: int, configuration: str) -> None:
        scope = DependencyScope.RUNTIME
        if _OF_BUILD.search(configuration):
            scope = DependencyScope.BUILD
        elif _OF_TESTS.search(configuration):
            scope = DependencyScope.DEVELOPMENT
        named: dict[str, str] = {}
        for number, token in self._arguments(place):
            before = self._tokens[number - 1].text
            if token.kind == "word":
                if token.text not in _OTHERS and number > place + 1:
                    continue
                if token.text not in (*_KEYS, *_PLATFORMS):
                    return
            elif token.kind == "string" and before not in {":", "="}:
                self._read_coordinates(token, scope)
            elif token.kind == "string" and self._tokens[number - 2].text in _KEYS:
                named[self._tokens[number - 2].text] = self._filled(token.text)
        if named.get("group") and named.get("name"):
            line = self._tokens[place].line
            self._require(f"{named['group']}:{named['name']}", named.get("version", ""), scope, line)

    def _arguments(self, place: int) -> Iterator[tuple[int, _Token]]:
        """Yield what follows a word on its line, or in the brackets that begin there."""
        depth = 0
        for number in range(place + 1, min(place + _MAX_ARGUMENTS, len(self._tokens))):
            token = self._tokens[number]
            if token.kind == "sign":
                depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(token.text, 0)
                if token.text in "{};" or depth < 0:
                    return
            elif token.kind == "line":
                if depth == 0 and self._tokens[number - 1].text != ",":
                    return
            else:
                yield number, token

    def _read_coordinates(self, token: _Token, scope: DependencyScope) -> None:
        found = _COORDINATES.match(self._filled(token.text))
        if found:
            self._require(f"{found[1]}:{found[2]}", found[3] or "", scope, token.line)
        elif "$" in token.text:
            self._findings.note(f"line {token.line} names a package by what the file does not give: {token.text}")

    def _require(self, name: str, version: str, scope: DependencyScope, line: int) -> None:
        self._findings.require(Ecosystem.MAVEN, name, version, scope, line)

    def _filled(self, text: str) -> str:
        return _INTERPOLATED.sub(lambda found: self._value((found[1] or found[2]), found[0]), text)

    def _value(self, name: str, written: str) -> str:
        return self._values.get(name.rpartition(".")[2], written)


__all__ = ["read_gradle"]

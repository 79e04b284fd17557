# SPDX-License-Identifier: FSL-1.1-MIT
"""Files that are made to take all time or memory of what reads them."""

from __future__ import annotations

import codecs
import random
import string
from collections.abc import Callable, Iterator

from program import SAMPLES

from conexus.parsing.languages import LANGUAGES

_OPENING = (
    "(",
    "[",
    "{",
    "<",
    "((",
    "({",
    "([",
    "[{",
    "<a>",
    "a(",
    "a[",
    "a<",
    "f(x, ",
    "{a:",
    "if(",
    "!(",
    "-(",
    '"{',
    "`${",
)
_RUNS = (
    *string.punctuation,
    " ",
    "\t",
    "\n",
    "\r",
    "\f",
    "a",
    "A",
    "0",
    "a ",
    "a\n",
    "\\\n",
    "é",
    "\u2028",
    "\U0001f4a9",
)
# What our own patterns look for, and what they could backtrack over.
_PATTERNS = (
    *("-----BEGIN ", "-----BEGIN RSA PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----\nAAAA\n", "Private-Lines: 1"),
    *("://a:", "://a:b@", "https://", "eyJ", "eyJaaaaaaaa.", "login x ", "machine x login y ", "sig=", "earer a"),
    *("password=", "api_key = '", 'secret: "a', "key=a1", "token=>'a1b2c3d4", "${a:-", "{{", "$(", "%(", "=a1b2c3d4e5"),
    *(
        "ghp_",
        "AKIA",
        "sk-",
        "xoxb-",
        "hooks.slack.com/",
        "/api/webhooks/1",
        "a.b.",
        "a_",
        "a-",
        "1.",
        "1) ",
        "- ",
        "> ",
    ),
    *("class A ", "struct A_B(", "A_B x ", "(A_B *", "A_B\n", "typedef ", "s{", "s #\n", "tr\n", "y{a}{b}", "s/a/b/"),
    *(
        "# [",
        "# *",
        "# <",
        "# {#",
        "#",
        "# a\n",
        "=\n",
        "[a](",
        "![",
        "![](",
        "[[",
        "**",
        "*_",
        "`",
        "``",
        "~~~\n",
        "|a",
    ),
    *("$a$", "CREATE TABLE a (", "CREATE FUNCTION a AS $$", "BEGIN ", "'", "''", '"', '""', '"""', "'''", "/*", "*/"),
    *(
        "//",
        "<!--",
        "-->",
        "{-",
        "(*",
        "<<A\n",
        "<<-'A'\n",
        "<<~A ",
        "#{",
        "%{",
        "%w(",
        "=begin\n",
        "=pod\n",
        "__END__\n",
    ),
    *("'/a", "'/{", '"/(', "'/<", "'/:", "app.get('/(", "@app.route('/", "http.get('/' + ", "fetch(`/${", "f'/{'"),
    *("import ", "from . import ", "import {", "use a::{", "use a::", "#include <", "require('", "@a", "@a(", "@a\n"),
    *(
        "def a():",
        "def a():\n",
        "class A:\n ",
        "fn a<",
        "int a(",
        "int (*",
        "a*b;",
        "a<b>(c);",
        "a->",
        "a.",
        "a::",
        "a?.",
        "a?",
    ),
    *(
        "if a then ",
        "else if ",
        "case a of ",
        "do ",
        "let ",
        "let a = ",
        "where ",
        "\\a -> ",
        "=> ",
        "a => ",
        "(a) => ",
        "a ? ",
    ),
    *(
        "async ",
        "await ",
        "new ",
        "not ",
        "! ",
        "- - ",
        "+ +",
        "a + ",
        "a,",
        "a;",
        "a:",
        "a: ",
        "a = ",
        "a = {",
        "a\n b\n",
    ),
    *(
        "&a ",
        "*a ",
        "? ",
        "- - ",
        ": ",
        "!a ",
        "!!",
        "a: &b ",
        "- *a\n",
        "[a, ",
        "{a: ",
        "<<: *a\n",
        "[a.b.c]\n",
        "[[a]]\n",
    ),
    *(
        "a.b.c = 1\n",
        "a = [[",
        "a = {b = ",
        "'''a",
        "1e",
        "0x",
        "\\u0000",
        "\\ud800",
        "\x1b$B",
        "\xff",
        "&lt;",
        "&#0;",
        "<a b=",
    ),
)
_NAMES = (
    *"pyproject.toml setup.cfg setup.py Pipfile PKG-INFO package.json go.mod go.work Cargo.toml pom.xml".split(),
    *"build.gradle build.gradle.kts settings.gradle Gemfile composer.json a.csproj Package.swift".split(),
    *"mix.exs Dockerfile docker-compose.yml action.yml .gitmodules Pipfile.lock poetry.lock uv.lock".split(),
    *"package-lock.json pnpm-lock.yaml yarn.lock go.sum Cargo.lock Gemfile.lock composer.lock".split(),
    *"packages.lock.json Package.resolved mix.lock .terraform.lock.hcl a.gemspec main.tf a.versions.toml".split(),
    *"requirements.txt .github/workflows/a.yml pylock.toml requirements/a.in CODEOWNERS".split(),
)

Bomb = tuple[str, bytes]
"""Path and content."""


def suffixes() -> list[str]:
    """A file name for each language, and for each manifest."""
    named = [f"a{one.extensions[0]}" if one.extensions else one.filenames[0] for one in LANGUAGES]
    return [*named, *_NAMES]


def repeated(size: int, dice: random.Random, share: float = 1.0) -> Iterator[Bomb]:
    """Yield a pattern that repeats to a size, as a file of each kind."""
    for name in suffixes():
        for unit in (*_OPENING, *_RUNS, *_PATTERNS):
            if dice.random() < share:
                yield name, (unit * (size // len(unit) + 1))[:size].encode()


def brackets(count: int) -> Iterator[Bomb]:
    """Yield brackets that open and never close, and that do, as a file of each language."""
    for name in suffixes():
        for opening in _OPENING[:12]:
            closing = opening[::-1].translate(str.maketrans("([{<", ")]}>"))
            yield name, (opening * count).encode()
            yield name, (opening * (count // 2) + closing * (count // 2)).encode()


def soups(count: int, size: int, dice: random.Random) -> Iterator[Bomb]:
    """Yield files of a few pieces of a language's own sample, in any order, repeated: what a grammar may not decide."""
    samples = [
        (place.suffix, place.read_text()) for place in sorted(SAMPLES.glob("*/*")) if place.name != "expected.json"
    ]
    for _ in range(count):
        suffix, text = dice.choice(samples)
        pieces = [piece for piece in text.replace("(", " ( ").replace("<", " < ").split() if piece]
        unit = " ".join(dice.choices(pieces, k=dice.randint(1, 8))) + dice.choice((" ", "\n", "", "(", "<", "{"))
        yield f"a{suffix or '.dockerfile'}", (unit * (size // len(unit) + 1))[:size].encode()


def documents(size: int) -> Iterator[Bomb]:
    """Yield documents that unfold, or nest, or repeat without end."""
    xml = "<!DOCTYPE a [<!ENTITY b0 'x'>" + "".join(f"<!ENTITY b{n} '{f'&b{n - 1};' * 20}'>" for n in range(1, 12))
    for name in ("pom.xml", "a.csproj", "packages.config", "a.xml", "Directory.Build.props"):
        yield name, f"{xml}]><project>&b11;</project>".encode()
        yield name, b"<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///dev/zero'>]><project>&b;</project>"
        yield name, ("<a>" * (size // 3)).encode()
        yield name, ("<project " + "a='b' " * (size // 6) + "/>").encode()
        yield name, ("<project>" + "<dependency/>" * (size // 13) + "</project>").encode()
    yaml = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 20)}]\n" for n in range(1, 12))
    merge = "b0: &b0 {x: 1}\n" + "".join(
        f"b{n}: &b{n} {{<<: [{', '.join([f'*b{n - 1}'] * 20)}]}}\n" for n in range(1, 12)
    )
    itself = "services: &a\n  b: *a\n  <<: *a\n"
    for name in ("docker-compose.yml", "action.yml", ".github/workflows/a.yml", "pnpm-lock.yaml", "a.yaml"):
        for text in (yaml, merge, itself, f"services: *a11\n{yaml}", "services:\n" + " - &a b\n" * (size // 9)):
            yield name, text.encode()
        yield name, "".join(f"k{n}: &x{n} v\n" for n in range(size // 16)).encode()
        yield name, "".join(f"{' ' * n}a:\n" for n in range(int(size**0.5))).encode()
    for name in ("package.json", "package-lock.json", "composer.json", "a.json", "a.ipynb", "Pipfile.lock"):
        for text in ('{"a":' * (size // 5), "[" * size, '{"a":' * 900 + "1" + "}" * 900, '{"a":' + "9" * size + "}"):
            yield name, text.encode()
        yield name, ('{"dependencies":{' + ",".join(f'"k{n}":"1"' for n in range(size // 12)) + "}}").encode()
        yield name, ('{"dependencies":{"a":{"dependencies":' * 300 + "{}" + "}}" * 300 + "}").encode()
    for name in ("Cargo.toml", "pyproject.toml", "Cargo.lock", "poetry.lock", "a.versions.toml"):
        for text in (
            f"[{'.'.join('a' * 5_000)}]\n" * (size // 10_000 + 1),
            f"{'.'.join('a' * (size // 2))} = 1\n",
            f"a = {'[' * (size // 2)}",
            "a = " + "{b = " * 400 + "1" + "}" * 400,
            "".join(f"[a.b{n}]\n" for n in range(size // 10)),
            "".join(f"a.b.c{n} = 1\n" for n in range(size // 12)),
            "[[a]]\n" * (size // 6),
            "".join(f"[[a]]\n[a.{'.'.join('b' * 50)}]\n" for _ in range(size // 110)),
            f"a = {'9' * size}\n",
            "dependencies = [" + '"a>=1",' * (size // 7) + "]\n",
        ):
            yield name, text.encode()
    cell = '{"cell_type":"code","source":["a\\n","b"],"metadata":{}},'
    yield "a.ipynb", ('{"cells":[' + cell * (size // len(cell)) + '{}],"nbformat":4}').encode()
    yield "b.ipynb", ('{"cells":[{"cell_type":"code","source":"' + "\\ud83d\\udca9" * (size // 12) + '"}]}').encode()
    yield "c.ipynb", ('{"cells":[{"cell_type":"code","source":[' + '"' + "\\n" * (size // 2) + '"]}]}').encode()
    yield "d.ipynb", ('{"cells":[{"cell_type":"code","source":[' + '"a",' * (size // 4) + '"b"]}]}').encode()


def encodings(size: int, dice: random.Random) -> Iterator[Bomb]:
    """Yield bytes that are no text, or of an encoding that is told wrong."""
    marks = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE, codecs.BOM_UTF8, b"")
    for mark in marks:
        for body in (b"\xff" * size, b"\xd8\x00" * (size // 2), b"\x00\xd8" * (size // 2), dice.randbytes(size)):
            yield "a.py", mark + body
            yield "a.md", mark + body + b"\x00"
        yield "b.py", mark + b"a\x00" * (size // 2)
    for body in (b"\x1b$B", b"\x1b$B!!\x1b(B", b"\xe9", b"a\xe9\n", b"\x81", b"\xa3\xa4", b"\xc0\x80", b"\xed\xa0\x80"):
        yield "a.py", body * (size // len(body))
        yield "a.txt", body * (size // len(body)) + b"\n"


def crowds(size: int) -> Iterator[Bomb]:
    """Yield files of very many very small things."""
    units = {
        "py": ("a=1\n", "def a():0\n", "class A:0\n", "import a\n", "from a import b\n", "a()\n", "a(b(c))\n", "@a\n"),
        "js": ("a=1;", "function a(){}", "import 'a';", "a();", "class A{}", "()=>1;", "x.get('/a');"),
        "ts": ("let a:B;", "type A=B;", "interface A{}", "import a from 'a';"),
        "go": ("var a=1\n", "func a(){}\n", "type A int\n", 'import "a"\n'),
        "c": ("int a;", "int a(){}", "#include <a>\n", "#define A\n", "struct a{};", "a();"),
        "cpp": ("int a;", "template<class A>class B{};", "namespace a{", "a<b>c;"),
        "rs": ("fn a(){}", "use a::b;", "struct A;", "mod a{}", "a!();"),
        "java": ("class A{}", "import a.b;", "@A class B{}", "class A{void b(){}}"),
        "rb": ("def a;end\n", "require 'a'\n", "a=1\n", "class A;end\n"),
        "md": ("# a\n", "- a\n", "a\n\n", "[a](b)\n", "```\n```\n", "|a|b|\n", "<a>\n"),
        "html": ("<a>", "<p>a</p>", "<h1>a</h1>", "<script>a()</script>", "<style>a{}</style>"),
        "css": ("a{}", "a{b:c}", "@media a{}"),
        "sql": ("CREATE TABLE a(b int);", "SELECT 1;", "CREATE FUNCTION a() AS $$ $$;"),
        "json": ("[1],", '{"a":1},', '"a",'),
        "yaml": ("a: b\n", "- a\n", "---\na: b\n"),
        "proto": ("message A{}", "service A{rpc B(C) returns (D);}"),
        "vue": ("<script>a()</script>", "<template><a/></template>"),
        "hs": ("a = b\n", "import A\n", "data A = B\n"),
        "sh": ("a\n", "a() { b; }\n", "source a\n"),
        "txt": ("a\n", "\n", "a b\n"),
        "xml": ("<a/>", "<a>b</a>\n"),
        "csv": ("a,b\n", ",", "\n"),
    }
    for suffix, texts in units.items():
        for text in texts:
            yield f"crowd.{suffix}", text.encode() * (size // len(text))
    for suffix in ("py", "js", "c", "md", "txt", "sql"):
        names = "".join(f"name_{number} = other_{number}()\n" for number in range(size // 30))
        yield f"names.{suffix}", names.encode()


def mutated(samples: list[tuple[str, bytes]], dice: random.Random) -> Bomb:
    """A real file of a language that was damaged: flipped, cut, spliced, repeated, nested."""
    name, data = dice.choice(samples)
    for _ in range(dice.randint(1, 4)):
        data = dice.choice(_MUTATIONS)(data, samples, dice)
    return name, data[:200_000]


def _flipped(data: bytes, _: list[tuple[str, bytes]], dice: random.Random) -> bytes:
    found = bytearray(data)
    for _ in range(dice.randint(1, 20)):
        if found:
            found[dice.randrange(len(found))] = dice.randrange(256)
    return bytes(found)


def _cut(data: bytes, _: list[tuple[str, bytes]], dice: random.Random) -> bytes:
    start = dice.randrange(len(data) + 1)
    return data[start:] if dice.random() < 0.5 else data[:start]


def _spliced(data: bytes, samples: list[tuple[str, bytes]], dice: random.Random) -> bytes:
    other = dice.choice(samples)[1]
    at, start = dice.randrange(len(data) + 1), dice.randrange(len(other) + 1)
    return data[:at] + other[start : start + dice.randint(0, 2_000)] + data[at:]


def _doubled(data: bytes, _: list[tuple[str, bytes]], dice: random.Random) -> bytes:
    tokens = data.split(b" ")
    at = dice.randrange(len(tokens))
    size = dice.randint(1, 4)
    return b" ".join((*tokens[:at], *(tokens[at : at + size] * dice.choice((2, 10, 300))), *tokens[at:]))


def _nested(data: bytes, _: list[tuple[str, bytes]], dice: random.Random) -> bytes:
    at = dice.randrange(len(data) + 1)
    return data[:at] + dice.choice(_OPENING).encode() * dice.choice((10, 1_000, 20_000)) + data[at:]


def _sprinkled(data: bytes, _: list[tuple[str, bytes]], dice: random.Random) -> bytes:
    at = dice.randrange(len(data) + 1)
    return data[:at] + dice.choice(_PATTERNS).encode() * dice.choice((1, 3, 100)) + data[at:]


def _swapped(data: bytes, _: list[tuple[str, bytes]], dice: random.Random) -> bytes:
    lines = data.splitlines(keepends=True)
    dice.shuffle(lines)
    return b"".join(lines)


_MUTATIONS: tuple[Callable[[bytes, list[tuple[str, bytes]], random.Random], bytes], ...] = (
    *(_flipped, _cut, _spliced, _doubled, _nested, _sprinkled, _swapped),
)


def real_samples() -> list[tuple[str, bytes]]:
    """The samples of all languages."""
    return [(place.name, place.read_bytes()) for place in sorted(SAMPLES.glob("*/*")) if place.name != "expected.json"]

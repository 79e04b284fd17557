# SPDX-License-Identifier: FSL-1.1-MIT
"""Tells by name and content what a file is for, and what is not worth indexing. Pure.

Names decide first, since they cost nothing; content is looked at only in its head, or by counts that
run at memory speed.
"""

from __future__ import annotations

import codecs
import re
from functools import lru_cache
from typing import TypeAlias

from conexus.config import IndexOptions
from conexus.parsing.manifests.reading import is_lock_file
from conexus.parsing.text import has_wide_mark, utf16_without_mark
from conexus.types import FileTag, SkipReason

Skip: TypeAlias = tuple[SkipReason, str]
"""Why a file is left out, and a detail for people."""


def _any_of(words: str) -> str:
    return "|".join(map(re.escape, words.split()))


# ------------------------------------------------------------------- names

# Folders that only ever hold other people's code, at any depth.
_DEPENDENCIES = (
    "node_modules bower_components jspm_packages third_party third-party thirdparty 3rdparty 3rd-party 3rd_party "
    "Godeps .yarn site-packages dist-packages _vendor _vendored vendored Pods .venv .bundle .terraform "
    "elm-stuff web_modules .pnpm"
)
_CACHES = (
    "__pycache__ .tox .nox .mypy_cache .pytest_cache .ruff_cache .hypothesis .eggs .gradle .next .nuxt .svelte-kit "
    ".angular .parcel-cache .turbo .dart_tool .stack-work dist-newstyle .ipynb_checkpoints .serverless .sass-cache "
    ".nyc_output .import_linter_cache DerivedData"
)
_OTHER_SYSTEMS = ".svn .hg .bzr .jj CVS _darcs"
_FOLDER = re.compile(
    rf"(?:^|/)(?:(?P<dependencies>{_any_of(_DEPENDENCIES)})"
    rf"|(?P<caches>{_any_of(_CACHES)}|[^/]+\.egg-info|[^/]+\.dist-info)"
    rf"|(?P<system>{_any_of(_OTHER_SYSTEMS)}))/"
)
# "vendor" is also a word of trade: deeper in the tree it counts only with what a package manager puts in it.
_VENDOR = re.compile(
    r"^vendors?/|/vendor/(?:[a-z0-9-]+\.[a-z]{2,}/|composer/|bundle/|ruby/|gems/|cache/|plugins/|autoload\.php$|modules\.txt$)"
    r"|/vendors?/(?:[^/]+/)*[^/]+\.(?:[cm]?js|css|s[ac]ss|less)$"  # a web page's libraries
)
_LOCK_FILES = frozenset(
    "package-lock.json npm-shrinkwrap.json yarn.lock pnpm-lock.yaml bun.lock bun.lockb deno.lock Cargo.lock go.sum "
    "go.work.sum Gemfile.lock poetry.lock Pipfile.lock pdm.lock uv.lock pixi.lock conda-lock.yml composer.lock "
    "mix.lock rebar.lock pubspec.lock Podfile.lock Package.resolved Cartfile.resolved packages.lock.json paket.lock "
    "flake.lock gradle.lockfile .terraform.lock.hcl MODULE.bazel.lock cabal.project.freeze stack.yaml.lock Chart.lock "
    "shard.lock lake-manifest.json pylock.toml project.assets.json".split()
)
# Endings and beginnings are compared in lower case. Tuples, since nothing is faster on names that match none.
_GENERATED_ENDINGS = tuple(
    ".pb.go .pb.gw.go .pb.validate.go _pb2.py _pb2.pyi _pb2_grpc.py _pb2_grpc.pyi .pb.cc .pb.h .pb.c .pb.swift .pb.rs "
    ".pb.ts .pb.js .pbobjc.h .pbobjc.m .grpc.swift .grpc.pb.cc .grpc.pb.h _pb.js _pb.ts _pb.d.ts .pb.dart .pbenum.dart "
    ".pbjson.dart .pbserver.dart .pbgrpc.dart .g.dart .freezed.dart .gr.dart .mocks.dart .designer.cs .designer.vb "
    ".g.cs .g.i.cs .gen.go .gen.ts .gen.tsx .gen.js .gen.cs .gen.rs _generated.go _generated.py _generated.rs "
    "_generated.h _generated.ts .tab.c .tab.cc .tab.cpp .tab.h .tab.hh .tab.hpp .js.map .mjs.map .cjs.map .jsx.map "
    ".ts.map .tsx.map .css.map .scss.map .less.map .js.snap .jsx.snap .ts.snap .tsx.snap .storyshot .ambr".split()
)
_GENERATED_NAMES = frozenset(
    "lex.yy.c lex.yy.h y.tab.c y.tab.h aclocal.m4 project.pbxproj .pnp.js .pnp.cjs .pnp.loader.mjs".split()
)
_GENERATED_STARTS = ("zz_generated.", "moc_", "qrc_")
_STARTS_END_IN = (".go", ".cpp", ".cc", ".cxx")
_MINIFIED_ENDINGS = (
    *(".min.js", ".min.mjs", ".min.cjs", ".min.css", "-min.js", "-min.css"),
    *(".bundle.js", ".bundle.css", ".chunk.js", ".chunk.css"),
)


def skip_by_name(path: str) -> Skip | None:
    """Say whether a name means vendored, generated or minified code.

    Args:
        path: From the root; a folder's ends in ``/`` and speaks for all below it.
    """
    folder, slash, name = path.rpartition("/")
    found = _skip_by_folder(folder + slash)
    if found is not None or not name:
        return found
    if name in _LOCK_FILES and not is_lock_file(name):  # the others are read for the packages that they lock
        return SkipReason.GENERATED, "a lock file"
    lower = name.lower()
    if lower.endswith(_MINIFIED_ENDINGS):
        return SkipReason.MINIFIED, "its name says so"
    if _has_generated_name(lower):
        return SkipReason.GENERATED, "its name is one that generators give"
    if "vendor" in folder and _VENDOR.search(path):
        return SkipReason.VENDORED, "in vendor/"
    return None


def _has_generated_name(lower: str) -> bool:
    return (
        lower.endswith(_GENERATED_ENDINGS)
        or lower in _GENERATED_NAMES
        or ".generated." in lower
        or (lower.startswith(_GENERATED_STARTS) and lower.endswith(_STARTS_END_IN))
    )


@lru_cache(maxsize=8192)
def _skip_by_folder(folder: str) -> Skip | None:
    match = _FOLDER.search(folder)
    if match is None:
        return (SkipReason.VENDORED, "in vendor/") if _VENDOR.search(folder) else None
    name = match[0].strip("/")
    if match["dependencies"]:
        return SkipReason.VENDORED, f"in {name}/"
    return SkipReason.GENERATED, f"in {name}/, {'a cache' if match['caches'] else 'of another version control system'}"


# ----------------------------------------------------------------- content

_SAMPLE_BYTES = 8000  # where git looks for zero bytes
_TEXT_CONTROLS = b"\t\n\r\f\b\x1b"
_CONTROLS = bytes(byte for byte in (*range(0x20), 0x7F) if byte not in _TEXT_CONTROLS)
_CONTROL_SHARE = 0.04  # random bytes have 0.1, and text in any encoding next to none
_FEW_CONTROLS = 2  # in a short file
_MAGIC = (
    b"%PDF-",
    b"\x1f\x8b",
    b"PK\x03\x04",
    b"\x89PNG",
    b"GIF8",
    b"\xff\xd8\xff",
    b"\x7fELF",
    b"wOF2",
    b"7z\xbc\xaf",
)

_MIN_MINIFIED_BYTES = 2000
_LONG_LINE_BYTES = 500  # minifiers break lines at 500 or never
_LONG_SHARE = 0.8
_ORDINARY_LINES = 200  # a file with so many is written by hand, whatever tables it holds
_PROSE = re.compile(
    r"\.(?:md|markdown|mdx|rst|txt|adoc|asciidoc|org|tex|textile|wiki|pod|rtf|po|pot|ipynb|svg)$", re.IGNORECASE
)

_HEAD_BYTES = 4096
_HEAD_LINES = 40
_TEMPLATE = re.compile(
    r"\.(?:in|tmpl|tpl|template|j2|jinja2?|mustache|hbs|erb|ejs|tt|cog|gotmpl|mako|m4|em)$", re.IGNORECASE
)
_LEADER = r"(?://+!?|/\*+!?|\*+|\#+|--+(?:\[=*\[)?|;+|<!--+|%+|'+|\"+|\(\*+|\{-+|!+|\.\\\"|@?rem\b|::|dnl\b|<%--)?"
_GENERATED_LINE = re.compile(
    rf"""^\s*{_LEADER}\s*(?:
      code\ generated\b.*\bdo\ not\ (?:edit|modify)
    | @generated\b
    | <auto-?generated\s*/?>
    | \W*this\ (?:file|code|class|source|module|header|document|script|content)s?\ (?:below\ )?
      (?:is|was|were|has\ been|have\ been)\ (?:an?\ )?
      (?:auto-?\s?(?:matically\ )?@?generated|automatically\ (?:@?generated|produced)|machine[\ -]generated
        |@generated\b|generated\ (?:automatically|by|from|using|with|via)\b)
    | \W*(?:auto-?\s?generated|automatically\ generated|machine[\ -]generated)
      \ (?:by|from|using|with|file|code|on|via)\b
    | \W*(?:auto-?generated|automatically\ generated|generated)\b.{{0,100}}\bdo\ not\ (?:edit|modify|change|touch)\b
    | \W*do\ not\ (?:edit|modify|change|touch)\b.{{0,100}}\b(?:auto-?\s?|automatically\ |machine[\ -])?generated\b
    | generated\ code\ -*\s*do\ not\ modify
    | generated\ by\ (?:the\ protocol\ buffer\ compiler|cython\ \d|gnu\ autoconf|coffeescript|rescript|bucklescript|swig
        |protoc\b|thrift|antlr|flatc|sqlc|mockery|mockgen|bindgen|javacc|jflex|re2c|ragel|help2man)
    | generated\ from\ \S+\ (?:by|with)\ \S+
    | \S+\ generated\ by\ (?:automake|aclocal)\b
    | a\ bison\ parser,\ made\ by | a\ lexical\ scanner\ generated\ by\ flex
    )""",
    re.VERBOSE | re.IGNORECASE,
)
# What may stand above or between the comments at the top of a file.
_PREAMBLE = re.compile(
    r"^(?:\#!|<\?(?:php|xml)|<!doctype|package\s|['\"]use strict['\"]|@file:|pragma\s|\{\s*$|\[\s*$|$)", re.IGNORECASE
)
_COMMENT_START = re.compile(
    r"//|/\*|\*|\#|--|;|<!--|%|'|\"\"\"|\(\*|\{-|!|\.\\\"|@?rem\b|::|dnl\b|r?'''|<%--", re.IGNORECASE
)
_BLOCKS = {"/*": "*/", "<!--": "-->", '"""': '"""', "'''": "'''", "(*": "*)", "{-": "-}", "<%--": "--%>", "--[[": "]]"}


_LFS_POINTER = b"version https://git-lfs.github.com/spec/v1\n"
_LFS_POINTER_BYTES = 1024  # by its specification


def skip_by_content(
    path: str, language_is_data: bool, data: bytes, options: IndexOptions, *, forced: bool = False
) -> Skip | None:
    """Say whether a file's content is not worth indexing.

    Args:
        path: From the root.
        language_is_data: Whether its language is one of data (JSON, CSV, XML, …).
        data: The whole file.
        options: Limits, and which kinds of files to skip.
        forced: Whether the user lets the file in whatever it holds; nothing but binary data is skipped then.
    """
    binary = _binary(data)
    if binary:
        return SkipReason.BINARY, binary
    if forced:
        return None
    if language_is_data and not is_lock_file(path) and len(data) > options.max_data_bytes:
        return SkipReason.TOO_LARGE, f"{len(data):,} bytes of data; the limit is {options.max_data_bytes:,}"
    return _generated(path, language_is_data, data) if options.skip_generated else None


def _generated(path: str, language_is_data: bool, data: bytes) -> Skip | None:
    """Say whether a program wrote a file, or changed it so that nobody can read it."""
    if is_lock_file(path):
        return SkipReason.GENERATED, "a lock file: only the packages that it names are read"
    if not language_is_data and not _PROSE.search(path) and is_minified(data):
        return SkipReason.MINIFIED, "nearly all of it is in very long lines"
    marker = None if _PROSE.search(path) or _TEMPLATE.search(path) else generated_marker(data)
    return (SkipReason.GENERATED, f"it says so: {marker}") if marker else None


def _binary(data: bytes) -> str:
    """Say what makes the data binary, or return an empty text."""
    if has_wide_mark(data):
        return "" if _is_wide_text(data[:_SAMPLE_BYTES]) else "a byte order mark, but no text behind it"
    if data.startswith(_MAGIC):
        return "a known binary format"
    if data.startswith(_LFS_POINTER) and len(data) < _LFS_POINTER_BYTES:
        return "a pointer of Git LFS, whose content is not here"
    middle = len(data) // 2
    sample = (
        data
        if len(data) <= 3 * _SAMPLE_BYTES
        else b"".join((data[:_SAMPLE_BYTES], data[middle : middle + _SAMPLE_BYTES], data[-_SAMPLE_BYTES:]))
    )
    if b"\0" in sample:
        return "" if utf16_without_mark(data) else "zero bytes"
    controls = len(sample) - len(sample.translate(None, _CONTROLS))
    return "control characters" if controls > max(_FEW_CONTROLS, _CONTROL_SHARE * len(sample)) else ""


def _is_wide_text(sample: bytes) -> bool:
    """Whether the start of a file with a mark of UTF-16 or UTF-32 holds nearly nothing but characters."""
    # The sample's length is a multiple of four, so that no character of UTF-32 is cut.
    wide = sample.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE))
    text = sample.decode("utf-32" if wide else "utf-16", "replace")
    bad = sum(char == "\ufffd" or not (char.isprintable() or char.isspace()) for char in text)
    return bad <= max(_FEW_CONTROLS, _CONTROL_SHARE * len(text))


def is_minified(data: bytes) -> bool:
    """Whether nearly all of the text is in lines no one writes, and few others stand beside them."""
    if len(data) < _MIN_MINIFIED_BYTES or len(data) < _LONG_LINE_BYTES * data.count(b"\n") / 4:
        return False
    long_bytes = ordinary = 0
    for line in data.split(b"\n"):
        if len(line) >= _LONG_LINE_BYTES - 20:  # the longest whole statement that fits
            long_bytes += len(line)
        elif line.strip():
            ordinary += 1
    return long_bytes >= _LONG_SHARE * len(data) and ordinary < _ORDINARY_LINES


def generated_marker(data: bytes) -> str | None:
    """Return the line by which a generated file says so, or ``None``.

    Only comments above the first line of code count: a file that mentions such a line is not generated.
    """
    head = data[:_HEAD_BYTES].decode("utf-8", "replace")
    if "generated" not in head.lower() and "bison parser" not in head.lower():
        return None
    closing = ""
    for line in head.splitlines()[:_HEAD_LINES]:
        text = line.strip("\ufeff \t\r")
        start = _COMMENT_START.match(text)
        if not closing and start is None and not _PREAMBLE.match(text):
            return None
        if _GENERATED_LINE.match(text):
            return text[:120]
        closing = _block_end(text, closing)
    return None


def _block_end(line: str, closing: str) -> str:
    """Return what ends the block comment that is open after a line, or an empty text."""
    if closing:
        return "" if closing in line else closing
    for opening, end in _BLOCKS.items():
        if line.startswith(opening):
            return "" if end in line[len(opening) :] else end
    return ""


# ------------------------------------------------------------------- roles

_TEST_FOLDER = re.compile(
    r"""^t/ | (?:^|/)(?:
      tests? | __tests?__ | specs? | testdata | test[_-](?:data|cases?|files?|fixtures?|utils|suites?|support)
    | testsuites? | testcases? | unittests? | [\w.-]+[_.-](?:tests?|specs?|unittests?) | tests?[_.-][\w.-]+
    | fixtures | __fixtures__ | __mocks__ | __snapshots__ | e2e | cypress | playwright
    | (?:android|integration|functional|unit|ui|common|jvm|js|native|ios|linux|desktop|wasm\w*)Tests?
    | [A-Z]\w*Tests | [\w.]+\.(?:Unit|Integration|Functional)?Tests?
    )/""",
    re.VERBOSE,
)
_TEST_WORD = re.compile(
    r"^(?:tests?|unittests?|conftest|runtests)$|^(?:tests?|spec)[_.-]|[_.-](?:[Tt]ests?|specs?|unittests?|e2e|cy|SUITE)$"
)
_TEST_NAME = re.compile(r"^(?:Test|IT)[A-Z]|[a-z0-9](?:Tests?|TestCases?|TestSuite|Specs?|Suite|ITCase|IT)$")
_CAMEL_EXTENSIONS = frozenset(
    "java kt kts scala groovy cs fs vb swift php hs dart m mm cpp cc h hpp ts tsx js jsx pas".split()
)
_TEST_EXTENSIONS = frozenset("t bats feature robot snap".split())
_DOCS_FOLDER = re.compile(r"(?:^|/)(?:docs?|documentation|doc-src|javadoc|man|manual|wiki)/", re.IGNORECASE)
_DOCS_EXTENSIONS = frozenset("md markdown mdx rst adoc asciidoc textile wiki org texi texinfo pod rdoc rmd qmd".split())
_DOCS_NAME = re.compile(
    r"^(?:README|CHANGELOG|CHANGES|HISTORY|NEWS|CONTRIBUTING|CODE_OF_CONDUCT|SECURITY|AUTHORS|CONTRIBUTORS|MAINTAINERS|"
    r"LICEN[CS]E|COPYING|NOTICE|INSTALL|UPGRADING|FAQ|ROADMAP)(?:[._-][\w.-]*)?$"
)
_EXAMPLE_FOLDER = re.compile(
    r"(?:^|/)(?:_?examples?|samples?|demos?|tutorials?|cookbook|quickstarts?|playground|showcase|bench(?:es|marks?)?"
    r"|[\w.-]+[_.-](?:examples?|samples?|demos?)|(?:examples?|samples?|demos?)[_.-][\w.-]+)/",
    re.IGNORECASE,
)
_EXAMPLE_WORD = re.compile(
    r"^(?:examples?|demo)$|^(?:examples?|demo)[_-]|[_-](?:examples?|demo|example_test)$", re.IGNORECASE
)
_CONFIG_FOLDER = re.compile(
    r"(?:^|/)\.(?:github|gitlab|circleci|vscode|idea|devcontainer|config|husky|changeset|buildkite|ci)/"
)
_CONFIG_EXTENSIONS = frozenset(
    "toml ini cfg conf config properties editorconfig env plist xcconfig props targets csproj sln".split()
)
_CONFIG_NAME = re.compile(
    r"""^(?:
      \.[\w.-]+rc(?:\.\w+)?
    | \.(?:env|editorconfig|gitattributes|gitignore|gitmodules|conexusignore|dockerignore|npmignore|flake8)[\w.]*
    | \.(?:travis|gitlab-ci|pre-commit-config|pre-commit-hooks|readthedocs|golangci|rubocop|codecov)[\w.]*
    | \.(?:clang-format|clang-tidy|clangd)
    | [\w.-]+\.config\.(?:[cm]?[jt]s|json) | tsconfig[\w.-]*\.json | jsconfig\.json | package\.json | composer\.json
    | (?:pom|build|web|app|AndroidManifest)\.xml | (?:build|settings)\.gradle(?:\.kts)? | deno\.jsonc?
    | (?:docker-)?compose[\w.-]*\.ya?ml | Dockerfile[\w.-]* | Procfile | Vagrantfile
    | go\.(?:mod|work) | setup\.py | requirements[\w.-]*\.(?:txt|in) | MANIFEST\.in | Gemfile | [\w.-]+\.gemspec
    | Podfile | Package\.swift | mix\.exs | Makefile(?:\.am)? | CMakeLists\.txt | CMakePresets\.json
    | meson(?:_options)?\.(?:build|txt) | WORKSPACE(?:\.bazel)? | appsettings[\w.-]*\.json
    | (?:azure-pipelines|appveyor|mkdocs|_config|netlify|vercel|codecov|renovate)[\w.-]*\.(?:ya?ml|json)
    )$""",
    re.VERBOSE,
)


def tags_of(path: str) -> frozenset[FileTag]:
    """Return the roles that a file has by the conventions of its path."""
    folder, slash, name = path.rpartition("/")
    stem, _, extension = name.rpartition(".") if "." in name[1:] else (name, "", "")
    kind = extension.lower()
    tags = set(_tags_of_folder(folder + slash))
    if kind in _TEST_EXTENSIONS or _TEST_WORD.search(stem) or (kind in _CAMEL_EXTENSIONS and _TEST_NAME.search(stem)):
        tags.add(FileTag.TEST)
    if kind in _DOCS_EXTENSIONS or _DOCS_NAME.match(name):
        tags.add(FileTag.DOCS)
    if _EXAMPLE_WORD.search(stem):
        tags.add(FileTag.EXAMPLE)
    if kind in _CONFIG_EXTENSIONS or _CONFIG_NAME.match(name):
        tags.add(FileTag.CONFIG)
    return frozenset(tags)


@lru_cache(maxsize=8192)
def _tags_of_folder(folder: str) -> frozenset[FileTag]:
    tags = (
        (FileTag.TEST, _TEST_FOLDER),
        (FileTag.DOCS, _DOCS_FOLDER),
        (FileTag.EXAMPLE, _EXAMPLE_FOLDER),
        (FileTag.CONFIG, _CONFIG_FOLDER),
    )
    return frozenset(tag for tag, pattern in tags if pattern.search(folder))

# SPDX-License-Identifier: FSL-1.1-MIT
"""What names and contents say of files."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conexus.config import IndexOptions
from conexus.parsing.classify import generated_marker, skip_by_content, skip_by_name, tags_of
from conexus.types import FileTag, SkipReason

_OPTIONS = IndexOptions()
_CODE = b"def total(prices):\n    return sum(price for price in prices if price > 0)\n\n\n"
_NOISE = random.Random(1).randbytes(60_000)  # noqa: S311 -- the same bytes each time


def _reason(path: str) -> SkipReason | None:
    found = skip_by_name(path)
    return found[0] if found else None


def _content(data: bytes, path: str = "a.py", *, is_data: bool = False) -> SkipReason | None:
    found = skip_by_content(path, is_data, data, _OPTIONS)
    return found[0] if found else None


@pytest.mark.parametrize(
    "path",
    [
        *["node_modules/", "web/node_modules/a/index.js", "third_party/x.c", "third-party/", "Godeps/_workspace/a.go"],
        *[
            "vendor/",
            "vendor/github.com/a/b.go",
            "vendor/bundle/x.rb",
            "api/vendor/autoload.php",
            "api/vendor/composer/x.php",
        ],
        *[
            "go/vendor/modules.txt",
            "go/vendor/golang.org/",
            "env/lib/python3.11/site-packages/",
            "pip/_vendor/urllib3/a.py",
        ],
        *[".yarn/releases/yarn.cjs", "ios/Pods/"],
    ],
)
def test_other_peoples_code_is_vendored(path: str) -> None:
    """Folders of package managers are told by their names and layout."""
    assert _reason(path) is SkipReason.VENDORED


@pytest.mark.parametrize(
    "path",
    [
        *["bun.lock", "web/deno.lock", "pubspec.lock", "flake.lock", "a/user.pb.go", "a_pb2.py", "a_pb2_grpc.pyi"],
        *["a.pb.cc", "x_grpc_pb.js", "model.g.dart", "Form1.Designer.cs", "zz_generated.deepcopy.go", "app.js.map"],
        *["src/__snapshots__/a.test.js.snap", "App.xcodeproj/project.pbxproj", "__pycache__/", "a/b.egg-info/PKG-INFO"],
        *[".svn/entries", "moc_window.cpp", "parser.tab.c", "schema.generated.ts"],
    ],
)
def test_generated_names_are_known(path: str) -> None:
    """Lock files, compiler output and caches are told by name."""
    assert _reason(path) is SkipReason.GENERATED


@pytest.mark.parametrize("path", ["a.min.js", "js/jquery-min.js", "a.min.css", "main.chunk.js"])
def test_minified_names_are_known(path: str) -> None:
    """Minified scripts and styles are told by name."""
    assert _reason(path) is SkipReason.MINIFIED


@pytest.mark.parametrize(
    "path",
    [
        *["src/vendor/models.py", "app/vendor/views.py", "src/vendor/", "vendoring.py", "vendor.go", "node_modules.py"],
        *["lock.py", "src/lockfile.rs", "linker.map", "maps/world.map", "src/snap.py", "generated.py", "src/minify.js"],
        *["admin.js", "a/my_third_party.py", "protobuf.go", "src/generator/pb.go", "lib/pods/x.go", "cache/redis.py"],
    ],
)
def test_alike_names_are_let_in(path: str) -> None:
    """Names that only remind of vendored or generated code are indexed."""
    assert skip_by_name(path) is None


@pytest.mark.parametrize(
    "data",
    [
        b"\x7fELF\x02\x01\x01",
        b"%PDF-1.7\nplain so far\n",
        b"a" * 100 + b"\0",
        _CODE * 300 + b"\0\0" + _CODE,
        _NOISE[:5000].replace(b"\0", b"x"),
        b"#!/bin/sh\n" * 2000 + _NOISE,
        b"\xff\xfe" + _NOISE[:4000],
    ],
)
def test_binary_data_is_told(data: bytes) -> None:
    """Known formats, zero bytes and control characters mean binary, wherever they stand."""
    assert _content(data) is SkipReason.BINARY
    forced = skip_by_content("a.py", False, data, _OPTIONS, forced=True)
    assert forced is not None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"x",
        _CODE * 400,
        b"\x1b[31mred\x1b[0m\n\x0c\n" * 10,
        ("größer = 'ß'\n" * 40).encode("utf-16"),
        ("size = 1\n" * 40).encode("utf-16-be"),
        ("size = 1\n" * 40).encode("utf-32"),
        ("# 検索のための関数\n" * 40).encode("shift_jis"),
        ("# поиск\n" * 40).encode("koi8_r"),
    ],
)
def test_text_of_any_encoding_is_not_binary(data: bytes) -> None:
    """Other encodings, escapes and form feeds are text."""
    assert _content(data) is None


def test_minified_code_is_told_by_its_lines() -> None:
    """Code in a few endless lines is minified, with or without a licence above; a written file with a table is not."""
    line = b"function a(b){return b+1};var c=a(2);" * 400
    assert _content(line, "a.js") is SkipReason.MINIFIED
    assert _content(b"/*\n * licence\n */\n" * 5 + line + b"\n//# end\n", "a.js") is SkipReason.MINIFIED
    assert _content((line[:500] + b"\n") * 50, "a.js") is SkipReason.MINIFIED
    assert _content(_CODE * 100 + b"TABLE = '" + b"QUJD" * 50_000 + b"'\n") is None
    assert _content(line, "a.md") is None
    assert _content(line, "a.json", is_data=True) is None


def test_large_data_is_skipped_but_not_large_code() -> None:
    """The limit for data is its own."""
    data = b"a,b,c\n" * 200_000
    assert _content(data, "a.csv", is_data=True) is SkipReason.TOO_LARGE
    assert _content(data, "a.py") is None
    assert skip_by_content("a.csv", True, data, _OPTIONS, forced=True) is None


def test_a_hundred_megabytes_in_one_line_are_judged_at_once() -> None:
    """No step is slower than linear."""
    data = b"x" * 100_000_000
    started = time.process_time()
    assert _content(data, "a.js") is SkipReason.MINIFIED
    assert time.process_time() - started < 20


@pytest.mark.parametrize(
    "head",
    [
        "// Code generated by protoc-gen-go. DO NOT EDIT.\npackage a\n",
        "// Copyright\n\n// Code generated by MockGen; DO NOT EDIT.\n",
        "# Generated by the protocol buffer compiler.  DO NOT EDIT!\n",
        "/**\n * @generated SignedSource<<abc>>\n */\n",
        "/* eslint-disable */\n// @generated\n",
        "// This file is @generated by prost-build.\n",
        "# This file is automatically @generated by Cargo.\n",
        "//----------\n// <auto-generated>\n//     This code was generated by a tool.\n",
        "/**\n * Autogenerated by Thrift Compiler (0.9.1)\n *\n * DO NOT EDIT UNLESS YOU ARE SURE\n */\n",
        "// Generated from Calc.g4 by ANTLR 4.7\n",
        "/* Generated by Cython 0.29.21 */\n",
        "/* A Bison parser, made by GNU Bison 3.5.  */\n",
        "#! /bin/sh\n# Guess values for system-dependent variables.\n# Generated by GNU Autoconf 2.69 for x.\n",
        "# Makefile.in generated by automake 1.16\n",
        '"""\nThis file was auto-generated by openapi.\n"""\n',
        "<?php\n// THIS FILE IS AUTOMATICALLY GENERATED.\n",
        "<!-- Do not edit: this page is generated -->\n",
        "-- This file is generated by sqlc from queries.sql\n",
        '.\\" DO NOT MODIFY THIS FILE!  It was generated by help2man 1.47.\n',
        "// GENERATED CODE - DO NOT MODIFY BY HAND\n",
        "/*\n   licence text\n   goes on\n\n   This file was generated by SWIG\n*/\n",
        "\ufeff// <auto-generated />\n",
    ],
)
def test_generated_files_say_so_at_the_top(head: str) -> None:
    """The usual lines of generators are known in every comment style."""
    assert generated_marker(head.encode() + _CODE) is not None
    assert _content(head.encode() + _CODE) is SkipReason.GENERATED
    assert skip_by_content("a.py", False, head.encode() + _CODE, IndexOptions(skip_generated=False)) is None
    assert skip_by_content("a.py", False, head.encode() + _CODE, _OPTIONS, forced=True) is None


@pytest.mark.parametrize(
    "text",
    [
        "package gen\n\nvar header = `\n// Code generated by gen. DO NOT EDIT.\n`\n",
        "import os\n# Code generated by hand. DO NOT EDIT.\n",
        "# Detects the @generated marker in files.\n",
        "// isGenerated reports whether a file is generated by a tool.\n",
        '"""Finds files that were generated by a compiler.\n\nA generated file is skipped.\n"""\n',
        "# The output is generated by running this script.\n",
        "// Package gen writes files that say Code generated by gen; DO NOT EDIT.\n",
        "# Settings. Generated by 'django-admin startproject' using Django 4.2.\n",
        "# Generated names are stable.\n",
        "print('# Code generated by x. DO NOT EDIT.')\n",
        "\n" * 60 + "// Code generated by x. DO NOT EDIT.\n",
    ],
)
def test_files_that_speak_of_generated_code_are_let_in(text: str) -> None:
    """A mention in code, in prose or far down does not make a file generated."""
    assert generated_marker(text.encode() + _CODE) is None


def test_templates_of_generated_files_are_let_in() -> None:
    """A template that will become a generated file is written by hand."""
    assert _content(b"// Code generated by x. DO NOT EDIT.\n{{.Body}}\n", "a.go.tmpl") is None


@pytest.mark.parametrize(
    "path",
    [
        *[
            "tests/a.py",
            "test/a.c",
            "pkg/test_a.py",
            "a_test.go",
            "a.spec.ts",
            "a.test.tsx",
            "conftest.py",
            "src/__tests__/a.js",
        ],
        *[
            "src/FooTest.java",
            "FooTests.cs",
            "TestFoo.java",
            "FooSpec.scala",
            "FooIT.java",
            "foo_spec.rb",
            "spec/foo.rb",
        ],
        *["pkg/testdata/x.txt", "t/basic.t", "run.bats", "a.feature", "foo_unittest.cc", "tests.rs", "foo_SUITE.erl"],
        *[
            "MyApp.Tests/Foo.cs",
            "MyAppTests/Foo.swift",
            "src/test/java/A.java",
            "integration-tests/a.py",
            "foo_test.exs",
        ],
        *["e2e/login.ts", "src/androidTest/A.kt", "tests/fixtures/a.json", "runtests.jl", "test.py", "Foo.Tests.ps1"],
    ],
)
def test_tests_are_tagged(path: str) -> None:
    """The conventions of many languages mark tests."""
    assert FileTag.TEST in tags_of(path)


@pytest.mark.parametrize(
    "path",
    [
        *["contest.py", "latest/a.py", "src/attest.go", "protest.rb", "testify.go", "src/testing/a.py", "Latest.java"],
        *[
            "inspect.py",
            "src/spectrum.ts",
            "Contest.java",
            "greatest/x.c",
            "openapi.json",
            "foo.spec",
            "specification.py",
        ],
        *["src/Exit.java", "Audit.cs", "Split.ts", "best.py", "fastest.js", "special/a.py"],
    ],
)
def test_alike_names_are_not_tests(path: str) -> None:
    """Words that only hold "test" or "spec" are no tests."""
    assert FileTag.TEST not in tags_of(path)


@pytest.mark.parametrize(
    ("path", "tags"),
    [
        ("README.md", {FileTag.DOCS}),
        ("LICENSE", {FileTag.DOCS}),
        ("docs/conf.py", {FileTag.DOCS}),
        ("examples/app.py", {FileTag.EXAMPLE}),
        ("pkg/example_test.go", {FileTag.EXAMPLE, FileTag.TEST}),
        ("docs/examples/README.rst", {FileTag.DOCS, FileTag.EXAMPLE}),
        ("pyproject.toml", {FileTag.CONFIG}),
        ("package.json", {FileTag.CONFIG}),
        (".github/workflows/ci.yml", {FileTag.CONFIG}),
        (".eslintrc.json", {FileTag.CONFIG}),
        ("vite.config.ts", {FileTag.CONFIG}),
        ("Dockerfile", {FileTag.CONFIG}),
        (".gitignore", {FileTag.CONFIG}),
        ("src/main.rs", set()),
        ("src/config.py", set()),
        ("src/document.py", set()),
        ("src/sampler.py", set()),
        ("", set()),
    ],
)
def test_other_roles_are_tagged(path: str, tags: set[FileTag]) -> None:
    """Documentation, examples and configuration are known by name; source files have no role."""
    assert tags_of(path) == tags


@given(st.text(), st.binary(max_size=200), st.booleans())
def test_any_path_and_content_gets_an_answer(path: str, data: bytes, is_data: bool) -> None:
    """No name and no content is too strange."""
    assert isinstance(tags_of(path), frozenset)
    found = [skip_by_name(path), skip_by_content(path, is_data, data, _OPTIONS)]
    assert all(skip is None or isinstance(skip[0], SkipReason) for skip in found)

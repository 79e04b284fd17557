# SPDX-License-Identifier: FSL-1.1-MIT
"""The table of languages, and how a file's language is told."""

from collections import Counter

import pytest

from conexus.parsing.grammars import grammar_of
from conexus.parsing.languages import BY_NAME, LANGUAGES, canonical, detect


def name_of(path: str, head: bytes = b"") -> str | None:
    found = detect(path, head)
    return found.name if found else None


@pytest.mark.parametrize("field", ["extensions", "filenames", "interpreters"])
def test_nothing_is_claimed_twice(field: str) -> None:
    """Each ending, name and interpreter belongs to one language, and is written in lower case."""
    claims = Counter(claim for language in LANGUAGES for claim in getattr(language, field))
    assert [claim for claim, count in claims.items() if count > 1 or claim != claim.lower()] == []


def test_names_are_unique() -> None:
    """A language's name stands for one entry."""
    assert len(BY_NAME) == len(LANGUAGES)


def test_extensions_begin_with_a_dot() -> None:
    """An ending without its dot would never match."""
    assert all(ending.startswith(".") and len(ending) > 1 for entry in LANGUAGES for ending in entry.extensions)


@pytest.mark.parametrize("language", [entry.name for entry in LANGUAGES if entry.grammar])
def test_grammars_and_queries_load(language: str) -> None:
    """Every grammar is installed, and our queries fit it."""
    grammar = grammar_of(language)
    assert grammar.parser.parse(b"").root_node.child_count == 0


def test_embedded_languages_are_known() -> None:
    """A part in another language names one that has a grammar."""
    assert all(BY_NAME[inner].grammar for entry in LANGUAGES for _, inner in entry.embedded)


@pytest.mark.parametrize(
    ("path", "language"),
    [
        ("src/app.py", "python"),
        ("types.pyi", "python"),
        ("a/b/Main.JAVA", "java"),
        ("index.mjs", "javascript"),
        ("view.tsx", "tsx"),
        ("lib.d.ts", "typescript"),
        ("kernel.cuh", "cpp"),
        ("Gemfile", "ruby"),
        ("lib/tasks/db.rake", "ruby"),
        ("Makefile", "make"),
        ("CMakeLists.txt", "cmake"),
        ("dockerfile.scm", "lisp"),
        ("notes.txt", "text"),
        ("Dockerfile", "dockerfile"),
        ("docker/Dockerfile.dev", "dockerfile"),
        ("Containerfile.arm64", "dockerfile"),
        ("build.dockerfile", "dockerfile"),
        ("main.tf", "hcl"),
        ("schema.proto", "protobuf"),
        ("analysis.ipynb", "notebook"),
        ("App.vue", "vue"),
        ("App.svelte", "svelte"),
        ("README.md", "markdown"),
        ("Cargo.lock", "toml"),
        (".eslintrc", "json"),
        ("values.yml", "yaml"),
        (".bashrc", "bash"),
        ("a.tar.sql", "sql"),
        ("no-ending", None),
        ("photo.jpeg", None),
        ("", None),
        (".", None),
        ("archive.py/", "python"),
    ],
)
def test_a_name_tells_the_language(path: str, language: str | None) -> None:
    """Whole names come before endings; case does not matter; what is not known is none."""
    assert name_of(path) == language


@pytest.mark.parametrize(
    ("head", "language"),
    [
        (b"#!/usr/bin/env python3\nprint(1)\n", "python"),
        (b"#!/usr/bin/python3.12 -u\n", "python"),
        (b"#! /bin/sh -e\n", "bash"),
        (b"#!/usr/bin/env -S node --no-warnings\n", "javascript"),
        (b"#!/usr/bin/env -S deno run\n", "javascript"),
        (b"#!/usr/bin/perl -w\n", "perl"),
        (b"#!/usr/local/bin/lua5.4\n", "lua"),
        (b"#!/usr/bin/env Rscript\n", "r"),
        (b"#!/usr/bin/ruby2.7", "ruby"),
        (b"#!/bin/awk -f\n", None),
        (b"#!\n", None),
        (b"# !/bin/sh\n", None),
        (b"\xff\xfe#!/bin/sh", None),
        (b"", None),
    ],
)
def test_a_shebang_tells_the_language(head: bytes, language: str | None) -> None:
    """A script without an ending is known by its first line."""
    assert name_of("bin/run", head) == language


def test_the_name_comes_before_the_shebang() -> None:
    """An ending that is known is believed."""
    assert name_of("run.rb", b"#!/bin/sh\n") == "ruby"


@pytest.mark.parametrize(
    ("head", "language"),
    [
        (b"", "c"),
        (b"#ifndef A_H\n#include <stdio.h>\nint f(void);\n", "c"),
        (b"/* a class of its own */\nstruct a { int namespace_id; };\n", "c"),
        (b'#ifdef __cplusplus\nextern "C" {\n#endif\nint f(void);\n', "c"),
        (b"#pragma once\nnamespace app {\n", "cpp"),
        (b"#include <vector>\n", "cpp"),
        (b"template <typename T>\nT f(T t);\n", "cpp"),
        (b"class Queue {\n public:\n", "cpp"),
        (b"inline std::size_t f();\n", "cpp"),
        (b"#import <Foundation/Foundation.h>\n", "objc"),
        (b"@interface Queue : NSObject\n@end\n", "objc"),
        (b"@class Queue;\n", "objc"),
    ],
)
def test_headers_are_told_by_what_is_in_them(head: bytes, language: str) -> None:
    """``.h`` is C, C++ or Objective-C."""
    assert name_of("include/queue.h", head) == language


@pytest.mark.parametrize(
    ("path", "head", "language"),
    [
        ("a.m", b"#import <UIKit/UIKit.h>\n@implementation A\n", "objc"),
        ("a.m", b"% Sums a vector.\nfunction total = add(v)\n", "text"),
        ("a.m", b"function y = f(x)\n", "text"),
        ("a.m", b"", "objc"),
        ("a.mm", b"% no\n", "objc"),
        ("t/basic.t", b"use strict;\nuse Test::More;\nok(1);\n", "perl"),
        ("a.t", b"The quick brown fox\n", "text"),
    ],
)
def test_endings_that_languages_share(path: str, head: bytes, language: str) -> None:
    """MATLAB is not taken for Objective-C, nor any ``.t`` for Perl."""
    assert name_of(path, head) == language


@pytest.mark.parametrize(
    ("typed", "language"),
    [
        ("py", "python"),
        ("TypeScript", "typescript"),
        (" C++ ", "cpp"),
        ("golang", "go"),
        ("sh", "bash"),
        ("terraform", "hcl"),
        ("proto", "protobuf"),
        ("jupyter", "notebook"),
        ("rust", "rust"),
        ("cobol", None),
        ("", None),
    ],
)
def test_aliases(typed: str, language: str | None) -> None:
    """What people type for a language is understood, whatever its case."""
    assert canonical(typed) == language

# SPDX-License-Identifier: FSL-1.1-MIT
"""What may be trained on, and what may not."""

from __future__ import annotations

import pytest

from training import excluded
from training.fetch import LIST, debian_licence, is_permissive, is_wanted, read_list
from training.overlap import Lines, Runs, hash_of

_TEXT = "\n".join(f"    value_{word} = compute_the_{word}(first_argument, second_{word})" for word in "abcdefghij")


@pytest.mark.parametrize(
    "licence",
    [
        "MIT",
        "MIT OR Apache-2.0",
        "Expat and BSD-3-clause",
        "GPL-2+ or MIT",
        "Apache-2.0 WITH LLVM-exception",
        "PSF-2.0 AND ZLIB",
    ],
)
def test_permissive_licences(licence: str) -> None:
    assert is_permissive(licence)


@pytest.mark.parametrize(
    "licence",
    [
        "",
        "GPL-3+",
        "MPL-2.0",
        "Apache-2.0 and GPL-2",
        "MPL-2.0 AND (Apache-2.0 OR MIT)",
        "https://example.org/licence",
        "OSI Approved",
    ],
)
def test_other_licences(licence: str) -> None:
    assert not is_permissive(licence)


def test_a_debian_licence_is_that_of_all_files_but_the_packaging() -> None:
    text = "Format: x\n\nFiles: *\nLicense: MIT\n\nFiles: a b\nLicense: GPL-2\n\nFiles: debian/*\nLicense: GPL-3\n"
    assert debian_licence(text) == "MIT and GPL-2"


@pytest.mark.parametrize(
    ("name", "urls"),
    [
        ("flask", ()),
        ("librust-serde-derive-dev", ()),
        ("golang-github-spf13-cobra-dev", ()),
        ("ruby-activesupport", ()),
        ("something", ("git+https://github.com/trpc/trpc.git",)),
        ("other", ("Homepage, https://github.com/Pydantic/pydantic-core",)),
    ],
)
def test_packages_of_the_benchmark_are_refused(name: str, urls: tuple[str, ...]) -> None:
    assert excluded.reason(name, urls)


def test_other_packages_are_not() -> None:
    assert not excluded.reason("requests-oauthlib", ("https://github.com/requests/requests-oauthlib",))


def test_no_package_of_the_list_is_of_the_benchmark() -> None:
    assert not [name for _, name, _ in read_list(LIST) if excluded.reason(name)]


@pytest.mark.parametrize(
    "path", ["pip/_vendor/requests/api.py", "tests/test_a.py", "node_modules/a/b.js", "src/fmt/core.h", "a.min.js"]
)
def test_files_that_are_left_out(path: str) -> None:
    assert not is_wanted(path)


def test_a_source_file_is_wanted() -> None:
    assert is_wanted("package/module.py")


def test_copies_are_found_by_lines_and_by_runs() -> None:
    lines = Lines(frozenset(hash_of("".join(line.split())) for line in _TEXT.splitlines()))
    assert lines.is_copy("x = 1\n" + _TEXT)
    assert not lines.is_copy(_TEXT.replace("compute", "find"))


def test_the_head_of_a_file_makes_no_copy() -> None:
    head = "Permission is hereby granted, free of charge, to any person obtaining a copy of this software " * 9
    words = head.replace(",", "").split()
    known = frozenset(hash_of(" ".join(words[at : at + 16])) for at in range(len(words) - 15))
    assert not Runs(known).is_copy(head)

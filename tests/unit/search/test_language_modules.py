# SPDX-License-Identifier: FSL-1.1-MIT
"""Which files imports mean by the rules of Rust, of scripts, and of languages that declare their modules."""

from __future__ import annotations

from dataclasses import replace

import pytest

from conexus.parsing.languages import detect
from conexus.search.imports import ImportResolver
from conexus.search.modules import Modules
from conexus.search.rust_modules import placed_modules

RUST = [
    *["app/src/lib.rs", "app/src/main.rs", "app/src/net.rs", "app/src/net/http/mod.rs"],
    *["app/src/net/tests/deep.rs"],
    *["app/src/bin/tool/main.rs", "app/src/bin/tool/config.rs", "app/tests/all.rs", "app/tests/support/mod.rs"],
    *["app/src/odd/place.rs", "core/lib.rs", "core/regex.rs"],
]
CRATES = Modules(crates={"app": "app", "core_kit": "core"}, required_crates=frozenset({"serde"}))
SCRIPTS = [
    *["a/App.css", "a/App.tsx", "a/index.js", "a/helpers.dom.ts", "a/helpers.math.ts", "a/.oxlintrc.json"],
    *["a/vitest.setup.js", "a/types.d.ts", "a/types.js", "a/Button.ios.tsx", "a/icon.svg", "a/deep/x.mts"],
    *["kit/package.json", "kit/lib/main.js", "a/theme.scss"],
]
DECLARED = [
    ("cs/One.cs", "Shop.Web"),
    ("cs/other/Two.cs", "Shop.Web"),
    ("cs/other/Two.cs", "Shop.Web.Tools"),
    ("ex/lib/cart.ex", "Shop.Cart"),
    ("php/all.php", "Acme.Shop.Item"),
    ("php/all.php", "Acme.Shop.f"),
]
OTHERS = [
    *["cs/Main.cs", "cs/One.cs", "cs/other/Two.cs", "ex/lib/cart.ex", "ex/lib/main.ex", "php/all.php", "php/main.php"],
    *[
        "sw/Sources/Core/A.swift",
        "sw/Sources/Core/in/B.swift",
        "sw/Sources/App/main.swift",
        "sw/Tests/AppTests/T.swift",
    ],
    *["j/src/org/shop/A.java", "j/src/org/shop/B.java", "j/src/org/Main.java"],
    *["c/include/net/apply.h", "c/src/apply.h", "c/tests/apply/all.c", "c/tests/poll.c"],
]


def languages(paths: list[str]) -> list[tuple[str, str | None]]:
    """Paths with their languages."""
    return [(path, found.name if (found := detect(path)) else None) for path in paths]


@pytest.mark.parametrize(
    ("importer", "target", "meant"),
    [
        ("app/src/lib.rs", "self::net", ["app/src/net.rs"]),
        ("app/src/net.rs", "self::http::Client", ["app/src/net/http/mod.rs"]),
        ("app/src/net.rs", "http::Client", ["app/src/net/http/mod.rs"]),  # a module of its own, without self
        ("app/src/net/http/mod.rs", "super::Error", ["app/src/net.rs"]),
        ("app/src/net/http/mod.rs", "super", ["app/src/net.rs"]),
        ("app/src/net/http/mod.rs", "super::super::Error", ["app/src/lib.rs"]),
        ("app/src/net/http/mod.rs", "crate::net::Error", ["app/src/net.rs"]),
        ("app/src/net/http/mod.rs", "crate::Error", ["app/src/lib.rs"]),
        ("app/src/main.rs", "crate::Error", []),  # its own
        ("app/src/main.rs", "app::net", ["app/src/net.rs"]),
        ("app/src/bin/tool/main.rs", "crate::config::Config", ["app/src/bin/tool/config.rs"]),
        ("app/tests/all.rs", "self::support", ["app/tests/support/mod.rs"]),
        ("app/tests/all.rs", "app::Error", ["app/src/lib.rs"]),
        ("app/src/net/tests/deep.rs", "crate::net", ["app/src/net.rs"]),  # tests within a crate are no crate
        ("app/src/lib.rs", "./odd/place.rs", ["app/src/odd/place.rs"]),
        ("app/src/net.rs", "core_kit::regex::Regex", ["core/regex.rs"]),
        ("app/src/net.rs", "core::fmt", []),
        ("app/src/net.rs", "serde::net", []),
        ("app/src/net.rs", "unknown::net", []),
        ("app/src/net.rs", "super::super::super::super::x", []),
        ("app/src/net.rs", "::", []),
    ],
)
def test_modules_of_rust(importer: str, target: str, meant: list[str]) -> None:
    """As rustc finds them."""
    assert ImportResolver(languages(RUST), modules=CRATES).resolve(importer, target) == meant


PLACED = [
    *["k/src/lib.rs", "k/src/net.rs", "k/src/tests/net_tests.rs", "k/src/tests/data.rs", "k/src/odd/place.rs"],
    *["k/src/odd/inner.rs", "k/src/odd/inner/deep.rs", "k/src/error.rs", "shared/util.rs", "shared/more.rs"],
    *["k/src/sys/mod.rs", "k/src/sys/unix.rs", "k/src/sys/fd.rs", "x/src/a.rs", "x/src/b.rs"],
]
PLACES = [
    ("k/src/net.rs", "./tests/net_tests.rs"),
    ("k/src/lib.rs", "./odd/place.rs"),
    ("k/src/lib.rs", "./../../shared/util.rs"),
    ("k/src/sys/mod.rs", "./unix.rs"),
    ("x/src/a.rs", "./b.rs"),
    ("x/src/b.rs", "./a.rs"),
    ("k/src/lib.rs", "./gone.rs"),
    ("k/src/script.py", "./error.rs"),
]


@pytest.mark.parametrize(
    ("importer", "target", "meant"),
    [
        ("k/src/tests/net_tests.rs", "super::Socket", ["k/src/net.rs"]),
        ("k/src/tests/net_tests.rs", "super::super::error::Error", ["k/src/error.rs"]),
        ("k/src/tests/net_tests.rs", "super::super", ["k/src/lib.rs"]),
        ("k/src/tests/net_tests.rs", "self::data", ["k/src/tests/data.rs"]),
        ("k/src/odd/place.rs", "self::inner", ["k/src/odd/inner.rs"]),
        ("k/src/odd/place.rs", "super::net::Socket", ["k/src/net.rs"]),
        ("k/src/odd/inner.rs", "super::Place", ["k/src/odd/place.rs"]),
        ("k/src/odd/inner.rs", "super::super::error::Error", ["k/src/error.rs"]),
        ("k/src/odd/inner/deep.rs", "super::super::super::net", ["k/src/net.rs"]),
        ("k/src/sys/unix.rs", "super::fd::Fd", ["k/src/sys/fd.rs"]),
        ("k/src/sys/unix.rs", "super::Sys", ["k/src/sys/mod.rs"]),
        ("shared/util.rs", "crate::net::Socket", ["k/src/net.rs"]),
        ("shared/util.rs", "self::more", ["shared/more.rs"]),
        ("shared/more.rs", "crate::error::Error", ["k/src/error.rs"]),
        ("shared/more.rs", "super::Util", ["shared/util.rs"]),
        ("x/src/a.rs", "super::super::super::c", ["x/src/b.rs"]),  # each says that it has the other
        ("x/src/a.rs", "crate::c", []),
    ],
)
def test_modules_where_an_attribute_places_them(importer: str, target: str, meant: list[str]) -> None:
    """As rustc finds them: what such a file has is beside it, and what is around it is who names it."""
    modules = replace(CRATES, placed=placed_modules(PLACES))
    assert ImportResolver(languages(PLACED), modules=modules).resolve(importer, target) == meant


@pytest.mark.parametrize(
    ("importer", "target", "meant"),
    [
        ("a/index.js", "./App", ["a/App.tsx"]),  # not what only looks so
        ("a/index.js", "./helpers.math.js", ["a/helpers.math.ts"]),
        ("a/index.js", "./helpers", []),
        ("a/App.tsx", "./types", ["a/types.js"]),
        ("a/App.tsx", "./types.js", ["a/types.js"]),
        ("a/App.tsx", ".", ["a/index.js"]),
        ("a/deep/x.mts", "..", ["a/index.js"]),
        ("a/App.tsx", "./deep/x.mjs", ["a/deep/x.mts"]),
        ("a/App.tsx", "./Button", ["a/Button.ios.tsx"]),
        ("a/App.tsx", "./icon.svg?raw", ["a/icon.svg"]),
        ("a/App.tsx", "./theme.scss", ["a/theme.scss"]),
        ("a/App.tsx", "../kit", ["kit/lib/main.js"]),
        ("a/App.tsx", "kit", ["kit/lib/main.js"]),
        ("a/App.tsx", "vitest", []),
        ("a/App.tsx", "./", ["a/index.js"]),
        ("a/App.tsx", "../../x", []),
    ],
)
def test_paths_of_scripts(importer: str, target: str, meant: list[str]) -> None:
    """As node, TypeScript and bundlers find them."""
    modules = Modules(packages={"kit": ("kit", ("kit/dist/main.js", "kit/lib/main"))})
    assert ImportResolver(languages(SCRIPTS), modules=modules).resolve(importer, target) == meant


@pytest.mark.parametrize(
    ("importer", "target", "meant"),
    [
        ("cs/Main.cs", "Shop.Web", ["cs/One.cs", "cs/other/Two.cs"]),
        ("cs/Main.cs", "Shop.Web.Tools", ["cs/other/Two.cs"]),
        ("cs/Main.cs", "System.Text", []),
        ("ex/lib/main.ex", "Shop.Cart", ["ex/lib/cart.ex"]),
        ("ex/lib/main.ex", "Logger", []),
        ("php/main.php", "Acme\\Shop\\Item", ["php/all.php"]),
        ("php/main.php", "\\Acme\\Shop\\f", ["php/all.php"]),
        ("sw/Sources/App/main.swift", "Core", ["sw/Sources/Core/A.swift", "sw/Sources/Core/in/B.swift"]),
        ("sw/Tests/AppTests/T.swift", "App", ["sw/Sources/App/main.swift"]),
        ("sw/Tests/AppTests/T.swift", "Foundation", []),
        ("j/src/org/Main.java", "org.shop.*", ["j/src/org/shop/A.java", "j/src/org/shop/B.java"]),
        ("j/src/org/Main.java", "org.shop.A.*", ["j/src/org/shop/A.java"]),
        ("c/tests/apply/all.c", "apply.h", ["c/src/apply.h"]),  # the other is net/apply.h
        ("c/tests/apply/all.c", "net/apply.h", ["c/include/net/apply.h"]),
        ("c/tests/apply/all.c", "poll.h", []),
    ],
)
def test_modules_by_what_files_declare(importer: str, target: str, meant: list[str]) -> None:
    """Namespaces, modules and classes wherever they are; targets, packages and headers by their folders."""
    assert ImportResolver(languages(OTHERS), declared=DECLARED).resolve(importer, target) == meant

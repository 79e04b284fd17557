# SPDX-License-Identifier: FSL-1.1-MIT
"""Which files of a tree an import means."""

from __future__ import annotations

import pytest

from conexus.parsing.languages import detect
from conexus.search.imports import ImportResolver

TREE = [
    "src/shop/__init__.py",
    "src/shop/cart.py",
    "src/shop/json/__init__.py",
    "tests/test_cart.py",
    "scripts/report.py",
    "scripts/logging.py",
    "empty/main.py",
    "empty/time.py",
    "web/src/index.ts",
    "web/src/util.ts",
    "web/src/util.test.ts",
    "web/src/app.config.ts",
    "web/src/app.ts",
    "web/src/side.css",
    "web/src/parts/index.tsx",
    "web/src/parts/List.vue",
    "go/shop.go",
    "go/cart/add.go",
    "go/cart/remove.go",
    "go/main/main.go",
    "engine/src/lib.rs",
    "engine/src/de/mod.rs",
    "engine/src/de/value.rs",
    "tools/src/de/mod.rs",
    "j/src/main/java/org/shop/Cart.java",
    "j/src/test/java/org/shop/CartTest.java",
    "c/include/shop.h",
    "c/src/shop.c",
    "c/src/shop.h",
    "c/src/main.c",
    "c/include/memory.h",
    "c/other/stdio.h",
    "c/one/config.h",
    "c/two/config.h",
    "php/src/Cart/Item.php",
    "php/src/Shop.php",
    "ruby/lib/shop/cart.rb",
    "ruby/lib/shop.rb",
    "ruby/shop.gemspec",
    "hs/src/Data/Shop.hs",
    "hs/app/Main.hs",
    "ex/lib/shop_web/cart.ex",
    "ex/lib/shop/logger.ex",
    "cs/My.Shop/Carts/Cart.cs",
    "cs/My.Shop/Program.cs",
    "proto/shop/v1/cart.proto",
    "proto/shop/v1/shop.proto",
]


@pytest.mark.parametrize(
    ("importer", "target", "meant"),
    [
        ("src/shop/cart.py", "shop.json", ["src/shop/json/__init__.py"]),
        ("src/shop/cart.py", "json", []),  # the standard library's, not the one in the package
        ("src/shop/cart.py", ".json", ["src/shop/json/__init__.py"]),
        ("src/shop/json/__init__.py", "..cart", ["src/shop/cart.py"]),
        ("src/shop/json/__init__.py", "...", []),
        ("src/shop/cart.py", "shop._json", ["src/shop/__init__.py"]),  # a name in the package, not the module json
        ("scripts/report.py", "logging", ["scripts/logging.py"]),  # beside a script
        ("tests/test_cart.py", "logging", []),
        ("empty/main.py", "time", []),
        ("tests/test_cart.py", "scripts.report", ["scripts/report.py"]),  # a folder without __init__.py
        ("empty/main.py", "empty.time", ["empty/time.py"]),
        ("tests/test_cart.py", "shop.cart", ["src/shop/cart.py"]),
        ("tests/test_cart.py", "shop.cart.Cart", ["src/shop/cart.py"]),
        ("tests/test_cart.py", "shop", ["src/shop/__init__.py"]),
        ("web/src/index.ts", "./util", ["web/src/util.ts"]),
        ("web/src/index.ts", "./util.js", ["web/src/util.ts"]),
        ("web/src/index.ts", "./app.config", ["web/src/app.config.ts"]),
        ("web/src/index.ts", "./parts", ["web/src/parts/index.tsx"]),
        ("web/src/parts/index.tsx", "..", ["web/src/index.ts"]),
        ("web/src/index.ts", "@/parts/List.vue", ["web/src/parts/List.vue"]),
        ("web/src/index.ts", "./side.css", ["web/src/side.css"]),
        ("web/src/index.ts", "util", []),
        ("web/src/index.ts", "node:util", []),
        ("web/src/index.ts", "../../../../etc/passwd", []),
        ("go/main/main.go", "example.org/team/go/cart", ["go/cart/add.go", "go/cart/remove.go"]),
        ("go/main/main.go", "example.org/team/shop", ["go/shop.go"]),
        ("go/main/main.go", "fmt", []),
        ("engine/src/de/mod.rs", "crate::de::value::Value", ["engine/src/de/value.rs"]),
        ("tools/src/de/mod.rs", "crate::de::value::Value", []),
        ("engine/src/de/value.rs", "super::Error", ["engine/src/de/mod.rs"]),
        ("engine/src/de/value.rs", "std::de", []),
        ("engine/src/de/value.rs", "super", ["engine/src/de/mod.rs"]),
        ("j/src/test/java/org/shop/CartTest.java", "org.shop.Cart", ["j/src/main/java/org/shop/Cart.java"]),
        ("j/src/test/java/org/shop/CartTest.java", "org.shop.Cart.MAX", ["j/src/main/java/org/shop/Cart.java"]),
        ("j/src/test/java/org/shop/CartTest.java", "java.util.List", []),
        ("c/src/main.c", "shop.h", ["c/src/shop.h"]),
        ("c/src/main.c", "memory", []),
        ("c/src/main.c", "stdio.h", []),
        ("c/src/main.c", "config.h", []),  # which of two is not known
        ("go/shop.go", "shop.h", []),
        ("php/src/Shop.php", "Acme\\Cart\\Item", ["php/src/Cart/Item.php"]),
        ("ruby/lib/shop.rb", "shop/cart", ["ruby/lib/shop/cart.rb"]),
        ("ruby/lib/shop/cart.rb", "../shop", ["ruby/lib/shop.rb"]),
        ("hs/app/Main.hs", "Data.Shop", ["hs/src/Data/Shop.hs"]),
        ("hs/app/Main.hs", "Data.Text", []),
        ("ex/lib/shop/logger.ex", "ShopWeb.Cart", ["ex/lib/shop_web/cart.ex"]),
        ("ex/lib/shop_web/cart.ex", "Logger", []),
        ("cs/My.Shop/Program.cs", "My.Shop.Carts", ["cs/My.Shop/Carts/Cart.cs"]),
        ("proto/shop/v1/shop.proto", "shop/v1/cart.proto", ["proto/shop/v1/cart.proto"]),
        ("src/shop/cart.py", "", []),
        ("no/such/file.py", "shop.cart", []),
    ],
)
def test_what_is_meant(importer: str, target: str, meant: list[str]) -> None:
    """The nearest that fits; nothing for what lies outside of the tree."""
    files = ((path, found.name if (found := detect(path)) else None) for path in TREE)
    assert ImportResolver(files, ["empty"]).resolve(importer, target) == meant


def test_a_tree_that_is_a_package_itself() -> None:
    """Its modules are named after its folder; those of the standard library are not in it."""
    files = [("__init__.py", "python"), ("abc.py", "python"), ("db/__init__.py", "python"), ("db/models.py", "python")]
    resolver = ImportResolver(files, name="app")
    assert resolver.resolve("abc.py", "app.db.models.Model") == ["db/models.py"]
    assert resolver.resolve("db/models.py", "app.abc") == ["abc.py"]
    assert resolver.resolve("db/models.py", "abc.ABC") == []
    assert resolver.resolve("db/models.py", "..abc") == ["abc.py"]
    assert resolver.resolve("db/models.py", "app") == ["__init__.py"]


def test_packages_of_go_are_those_of_the_modules_of_the_tree() -> None:
    """By the module's path where it is known, so that a package of others with the same name is none of the tree."""
    files = [(path, "go") for path in ("main.go", "util/a.go", "util/a_test.go", "tool/go.go", "tool/util/b.go")]
    resolver = ImportResolver(files, go_modules={"": "example.org/app", "tool": "example.org/tool"})
    assert resolver.resolve("main.go", "example.org/app/util") == ["util/a.go"]
    assert resolver.resolve("main.go", "example.org/tool/util") == ["tool/util/b.go"]
    assert resolver.resolve("util/a.go", "example.org/app") == ["main.go"]
    assert resolver.resolve("main.go", "github.com/other/util") == []

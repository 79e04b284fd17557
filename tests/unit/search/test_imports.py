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
    "web/src/index.ts",
    "web/src/util.ts",
    "web/src/util.test.ts",
    "web/src/app.config.ts",
    "web/src/app.ts",
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
        ("tests/test_cart.py", "shop.cart", ["src/shop/cart.py"]),
        ("tests/test_cart.py", "shop.cart.Cart", ["src/shop/cart.py"]),
        ("tests/test_cart.py", "shop", ["src/shop/__init__.py"]),
        ("web/src/index.ts", "./util", ["web/src/util.ts"]),
        ("web/src/index.ts", "./util.js", ["web/src/util.ts"]),
        ("web/src/index.ts", "./app.config", ["web/src/app.config.ts"]),
        ("web/src/index.ts", "./parts", ["web/src/parts/index.tsx"]),
        ("web/src/parts/index.tsx", "..", ["web/src/index.ts"]),
        ("web/src/index.ts", "@/parts/List.vue", ["web/src/parts/List.vue"]),
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
        ("j/src/test/java/org/shop/CartTest.java", "org.shop.Cart", ["j/src/main/java/org/shop/Cart.java"]),
        ("j/src/test/java/org/shop/CartTest.java", "org.shop.Cart.MAX", ["j/src/main/java/org/shop/Cart.java"]),
        ("j/src/test/java/org/shop/CartTest.java", "java.util.List", []),
        ("c/src/main.c", "shop.h", ["c/src/shop.h"]),
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
    assert ImportResolver(files).resolve(importer, target) == meant

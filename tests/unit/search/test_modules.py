# SPDX-License-Identifier: FSL-1.1-MIT
"""What a tree's configuration says of where modules are, and which files imports mean by it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conexus.parsing.languages import detect
from conexus.parsing.manifests.reading import read_manifest
from conexus.search.imports import ImportResolver
from conexus.search.modules import is_setting, modules_of

TEXTS = {
    "web/tsconfig.json": """{
      // what is shared
      "extends": "./config/tsconfig.base",
      "compilerOptions": {"strict": true,},
    }""",
    "web/config/tsconfig.base.json": """{
      "compilerOptions": {
        "baseUrl": "..",
        "paths": {"@app/*": ["src/*"], "config": ["src/settings.ts"], "~parts/*": ["nowhere/*", "src/parts/*"]}
      }
    }""",
    "admin/jsconfig.json": '{"compilerOptions": {"paths": {"@/*": ["./lib/*"]}}}',
    "packages/ui/package.json": """{
      "name": "@acme/ui", "main": "dist/index.js",
      "imports": {"#internal/*": "./src/internal/*.js"},
      "exports": {".": {"types": "./dist/index.d.ts", "default": "./dist/index.js"},
                  "./button": {"source": "./src/button.tsx", "default": "./dist/button.js"}}
    }""",
    "packages/util/package.json": '{"name": "util-kit", "main": "main.js"}',
    "php/composer.json": '{"autoload": {"psr-4": {"Acme\\\\Shop\\\\": "src/", '
    '"Acme\\\\Shop\\\\Tests\\\\": ["tests"]}}}',
    "Cargo.toml": "[workspace]\nmembers = ['crates/*']\n",
    "crates/core/Cargo.toml": '[package]\nname = "shop-core"\n[dependencies]\nserde = "1"\n',
    "crates/app/Cargo.toml": '[package]\nname = "app"\n[dependencies]\nshop-core = {path = "../core"}\n',
    "go/a/go.mod": "module example.org/shop\n",
    "go/b/go.mod": "module example.org/shop/tools\n",
}
TREE = [
    *TEXTS,
    *["web/src/app.ts", "web/src/settings.ts", "web/src/parts/list.tsx", "web/src/util/index.ts"],
    *["admin/lib/user.js", "admin/main.js"],
    *["packages/ui/src/index.ts", "packages/ui/src/button.tsx", "packages/ui/src/internal/a.ts"],
    *["packages/ui/src/theme.ts", "packages/util/main.js", "packages/util/deep/x.js"],
    *["php/src/Cart/Item.php", "php/tests/ItemTest.php", "php/src/Shop.php"],
    *["crates/core/src/lib.rs", "crates/core/src/de/mod.rs", "crates/core/src/de/value.rs", "crates/core/src/ser.rs"],
    *["crates/app/src/main.rs", "crates/app/src/de.rs"],
    *["go/a/shop.go", "go/a/cart/add.go", "go/b/tools.go", "go/b/gen/gen.go"],
    *["c/include/net/io.h", "c/src/win/net/io.h", "c/src/main.c"],
]


def resolver() -> ImportResolver:
    """One that knows the tree's configuration."""
    manifests = {path: read_manifest(path, text) for path, text in TEXTS.items()}
    modules = modules_of(
        {path: text for path, text in TEXTS.items() if is_setting(path)},
        [(path, one) for path, found in manifests.items() for one in found.provided],
        [one for found in manifests.values() for one in found.required],
    )
    languages = [(path, language.name if (language := detect(path)) else None) for path in TREE]
    return ImportResolver(languages, modules=modules)


@pytest.mark.parametrize(
    ("importer", "target", "meant"),
    [
        ("web/src/app.ts", "@app/parts/list", ["web/src/parts/list.tsx"]),
        ("web/src/app.ts", "config", ["web/src/settings.ts"]),
        ("web/src/app.ts", "~parts/list", ["web/src/parts/list.tsx"]),  # the first target has no such file
        ("web/src/app.ts", "src/util", ["web/src/util/index.ts"]),  # below baseUrl
        ("web/src/app.ts", "react", []),
        ("admin/main.js", "@/user", ["admin/lib/user.js"]),
        ("admin/main.js", "@app/parts/list", []),  # an alias of another folder
        ("web/src/app.ts", "@acme/ui", ["packages/ui/src/index.ts"]),  # what is built of it is not in the tree
        ("web/src/app.ts", "@acme/ui/button", ["packages/ui/src/button.tsx"]),
        ("web/src/app.ts", "@acme/ui/theme", ["packages/ui/src/theme.ts"]),
        ("packages/ui/src/button.tsx", "#internal/a", ["packages/ui/src/internal/a.ts"]),
        ("web/src/app.ts", "util-kit", ["packages/util/main.js"]),
        ("web/src/app.ts", "util-kit/deep/x.js", ["packages/util/deep/x.js"]),
        ("php/src/Shop.php", "Acme\\Shop\\Cart\\Item", ["php/src/Cart/Item.php"]),
        ("php/src/Shop.php", "Acme\\Shop\\Tests\\ItemTest", ["php/tests/ItemTest.php"]),
        ("crates/app/src/main.rs", "shop_core::de::value::Value", ["crates/core/src/de/value.rs"]),
        ("crates/app/src/main.rs", "shop_core::de::Reader", ["crates/core/src/de/mod.rs"]),
        ("crates/app/src/main.rs", "shop_core::Error", ["crates/core/src/lib.rs"]),
        ("crates/app/src/main.rs", "crate::de::Reader", ["crates/app/src/de.rs"]),
        ("crates/core/src/ser.rs", "crate::de", ["crates/core/src/de/mod.rs"]),
        ("crates/core/src/ser.rs", "serde::de::Visitor", []),  # a crate of others, whatever its modules are called
        ("go/b/tools.go", "example.org/shop/cart", ["go/a/cart/add.go"]),
        ("go/a/shop.go", "example.org/shop/tools/gen", ["go/b/gen/gen.go"]),
        ("c/src/main.c", "net/io.h", ["c/include/net/io.h"]),
    ],
)
def test_what_is_meant_by_the_configuration(importer: str, target: str, meant: list[str]) -> None:
    """Aliases, what they extend, workspaces and what they export, crates, namespaces and modules."""
    assert resolver().resolve(importer, target) == meant


def test_configurations_that_extend_each_other_end() -> None:
    """A circle says nothing more than its parts."""
    texts = {"tsconfig.json": '{"extends": "./tsconfig.b.json"}', "tsconfig.b.json": '{"extends": "./tsconfig.json"}'}
    assert modules_of(texts, []).aliases == ()


@given(st.text(max_size=80) | st.recursive(st.none() | st.text(max_size=5), st.lists).map(str))
def test_no_configuration_breaks_it(text: str) -> None:
    """Whatever a file of that name holds."""
    for path in ("tsconfig.json", "package.json", "composer.json"):
        modules_of({path: text, "a/tsconfig.json": '{"compilerOptions": {"paths": ' + text + "}}"}, [])


def test_settings_are_told_by_name() -> None:
    """Those of TypeScript have many."""
    assert all(map(is_setting, ["tsconfig.json", "a/tsconfig.build.json", "jsconfig.json", "package.json"]))
    assert not any(map(is_setting, ["tsconfig.ts", "config.json", "package-lock.json"]))

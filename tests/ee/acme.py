# SPDX-License-Identifier: LicenseRef-Conexus-Commercial
"""Six small repositories of an organisation that depend on each other, in several ecosystems."""

from __future__ import annotations

from pathlib import Path

from program import commit, write

ORGANISATION = "example.org/acme"

MONEY = {
    "pyproject.toml": '[project]\nname = "acme-money"\nversion = "2.1.0"\ndependencies = ["attrs>=22"]\n',
    "src/acme_money/__init__.py": "from acme_money.amounts import Amount, add_amounts\n",
    "src/acme_money/amounts.py": (
        "import attr\n\n\n"
        "@attr.define\nclass Amount:\n    cents: int\n\n    def as_text(self):\n        return str(self.cents)\n\n\n"
        "def add_amounts(one, other):\n    return round_cents(one.cents + other.cents)\n\n\n"
        "def round_cents(cents):\n    return Amount(cents)\n"
    ),
    "CODEOWNERS": "* @acme/money\n",
}
SHOP = {
    "pyproject.toml": (
        '[project]\nname = "acme-shop"\nversion = "1.0.0"\n'
        'dependencies = ["acme-money>=1,<2", "fastapi>=0.100", "attrs>=23"]\n'
    ),
    "shop/__init__.py": "",
    "shop/cart.py": (
        "from acme_money import add_amounts\n\n\n"
        "class Cart:\n    def total(self, items):\n        found = None\n        for item in items:\n"
        "            found = add_amounts(found, item)\n        return found\n"
    ),
    "shop/api.py": (
        "from fastapi import FastAPI\n\nfrom shop.cart import Cart\n\napp = FastAPI()\n\n\n"
        '@app.get("/carts/{cart_id}/total")\ndef read_total(cart_id: int):\n    return Cart().total([])\n\n\n'
        '@app.get("/carts/{cart_id}/unused")\ndef read_unused(cart_id: int):\n    return None\n'
    ),
    ".github/CODEOWNERS": "* @acme/shop\nshop/api.py @acme/api\n",
}
SITE = {
    "package.json": (
        '{\n  "name": "@acme/site",\n  "version": "0.1.0",\n  "dependencies": {\n    "@acme/buttons": "^1.0.0",\n'
        '    "react": "^18.0.0"\n  }\n}\n'
    ),
    "src/total.ts": (
        'import { paint } from "@acme/buttons";\n\n'
        "export async function showTotal(cart: number) {\n"
        "  const answer = await fetch(`/carts/${cart}/total`);\n  return paint(await answer.text());\n}\n\n"
        'export async function lose() {\n  return fetch("/nowhere/to/be/found");\n}\n'
    ),
}
BUTTONS = {
    "package.json": (
        '{\n  "name": "@acme/buttons",\n  "version": "1.4.0",\n  "dependencies": {\n    "react": "^17.0.0"\n  }\n}\n'
    ),
    "src/index.ts": 'export { paint } from "./paint";\n',
    "src/paint.ts": "export function paint(text: string) {\n  return `<b>${text}</b>`;\n}\n",
}
LEDGER = {
    "README.md": "# Ledger\n\nPosts what is written into the book.\n",
    "go.mod": "module example.org/acme/ledger\n\ngo 1.22\n\nrequire example.org/acme/book v1.2.0\n",
    "ledger.go": (
        'package ledger\n\nimport "example.org/acme/book/pages"\n\n'
        "func Post(cents int) int {\n\treturn pages.Write(cents)\n}\n"
    ),
}
BOOK = {
    "go.mod": "module example.org/acme/book\n\ngo 1.22\n\nrequire example.org/acme/ledger v0.9.0\n",
    "pages/pages.go": "package pages\n\nfunc Write(cents int) int {\n\treturn cents\n}\n",
    "audit.go": (
        'package book\n\nimport "example.org/acme/ledger"\n\nfunc Audit() int {\n\treturn ledger.Post(1)\n}\n'
    ),
}
REPOSITORIES = {"money": MONEY, "shop": SHOP, "site": SITE, "buttons": BUTTONS, "ledger": LEDGER, "book": BOOK}


def make(folder: Path, without: tuple[str, ...] = ()) -> dict[str, Path]:
    """Write the repositories below a folder and return their roots.

    Args:
        folder: Where.
        without: Files that are left out, as ``shop/shop/cart.py``.
    """
    roots = {}
    for name, files in REPOSITORIES.items():
        roots[name] = folder / name
        write(roots[name], {path: text for path, text in files.items() if f"{name}/{path}" not in without})
        commit(roots[name], f"https://{ORGANISATION}/{name}.git")
    return roots

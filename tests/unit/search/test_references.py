# SPDX-License-Identifier: FSL-1.1-MIT
"""Which definitions a name means where it is used."""

from __future__ import annotations

from conexus.parsing.languages import BY_NAME
from conexus.parsing.parse import parse_text
from conexus.search.references import BY_HOPS, ELSEWHERE, SAME_FILE, ReferenceResolver

FILES = {
    "a.py": "from b import send\n\n\nclass Cart:\n    def total(self):\n        return price()\n\n    def add(self):\n"
    "        return self.total()\n\n\nclass Bill:\n    def total(self): ...\n\n\ndef price(): ...\n",
    "b.py": "from c import close\n\n\ndef send(): ...\n\n\ndef send_all(): ...\n",
    "c.py": "def close(): ...\n\n\nclass Box:\n    def get(self): ...\n",
    "d.py": "def send(): ...\n\n\ndef only(): ...\n",
}
RESOLVER = ReferenceResolver(
    {path: parse_text(text, BY_NAME["python"], 1500).symbols for path, text in FILES.items()},
    {"a.py": ["b.py"], "b.py": ["c.py"]},
)


def meant(path: str, name: str, line: int) -> list[tuple[str, str, float]]:
    """Files, names and confidences."""
    return [
        (one.path, one.symbol.qualified_name, round(one.confidence, 3)) for one in RESOLVER.resolve(path, name, line)
    ]


def test_what_is_nearest_is_meant() -> None:
    """In the file, then in what it imports, then in what that imports, then anywhere."""
    assert meant("a.py", "price", 6) == [("a.py", "price", SAME_FILE)]
    assert meant("a.py", "send", 3) == [("b.py", "send", BY_HOPS[0])]  # not that of d.py
    assert meant("a.py", "close", 3) == [("c.py", "close", BY_HOPS[1])]
    assert meant("a.py", "only", 3) == [("d.py", "only", ELSEWHERE)]
    assert meant("c.py", "send", 9) == [("b.py", "send", ELSEWHERE / 2), ("d.py", "send", ELSEWHERE / 2)]
    assert meant("a.py", "unknown", 3) == []


def test_a_method_of_the_class_around_is_meant() -> None:
    """And not one of the same name of another class of the file."""
    assert meant("a.py", "total", 9) == [("a.py", "Cart.total", SAME_FILE)]


def test_a_definition_does_not_mean_itself() -> None:
    """On the line of its own name."""
    assert meant("a.py", "price", 16) == []


def test_methods_of_every_type_are_unsure() -> None:
    """``get`` is one of a dictionary's, too."""
    [(_, name, confidence)] = meant("a.py", "get", 3)
    assert name == "Box.get"
    assert confidence < ELSEWHERE


def test_overloads_are_one() -> None:
    """Declarations of one name in one place share nothing."""
    text = "export function on(a: string): void;\nexport function on(a: number): void;\nexport function on(a: any) {}\n"
    symbols = parse_text(text, BY_NAME["typescript"], 1500).symbols
    found = ReferenceResolver({"x.ts": symbols}, {"y.ts": ["x.ts"]}).resolve("y.ts", "on", 1)
    assert len(found) == len(symbols)
    assert {one.confidence for one in found} == {BY_HOPS[0]}

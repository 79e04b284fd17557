# SPDX-License-Identifier: FSL-1.1-MIT
"""What imports are read of a file, each with its line."""

from __future__ import annotations

import pytest

from conexus.parsing.languages import detect
from conexus.parsing.parse import parse_text

RUST = """use crate::{a, b::{self, C, d::*}, E as F};
use super::*;
pub use self::Kind::A;
extern crate foo;
mod child;
#[path = "other/place.rs"]
mod odd;
mod tests { use super::*; use super::super::q::R; use self::k::L; mod deep; }
cfg_rt! {
    mod inner; // use not::this;
    pub(crate) use inner::{Thing, self};
}
fn f() { println!("use x;"); }
"""


@pytest.mark.parametrize(
    ("path", "text", "imports"),
    [
        (
            "lib.rs",
            RUST,
            [
                *[("crate::a", 1), ("crate::b", 1), ("crate::b::C", 1), ("crate::b::d", 1), ("crate::E", 1)],
                *[("super", 2), ("self::Kind::A", 3), ("foo", 4), ("self::child", 5), ("./other/place.rs", 7)],
                *[("self", 8), ("super::q::R", 8), ("self::tests::k::L", 8), ("self::tests::deep", 8)],
                *[("self::inner", 10), ("inner::Thing", 11), ("inner", 11)],
            ],
        ),
        ("A.java", "import a.b.*;\nimport static a.B.*;\nimport a.B;\n", [("a.b.*", 1), ("a.B.*", 2), ("a.B", 3)]),
        ("a.kt", "import a.b.*\nimport a.B as C\n", [("a.b.*", 1), ("a.B", 2)]),
        (
            "a.ex",
            "defmodule A do\n  alias Shop.{Cart, Item.Deep}\n  alias Shop.Other\nend\n",
            [("Shop.Cart", 2), ("Shop.Item.Deep", 2), ("Shop.Other", 3)],
        ),
        (
            "a.php",
            "<?php\nuse Acme\\Cart\\{Item, Deep\\Thing as T};\nuse Acme\\Whole as W;\n",
            [("Acme\\Cart\\Item", 2), ("Acme\\Cart\\Deep\\Thing", 2), ("Acme\\Whole", 3)],
        ),
        ("a.py", "from . import (a,\n  b)\nfrom c import *\n", [(".a", 1), (".b", 1), ("c", 3)]),
    ],
)
def test_what_a_file_imports(path: str, text: str, imports: list[tuple[str, int]]) -> None:
    """Groups are parted, and what is relative is as the top of the file would write it."""
    assert [(one.target, one.line) for one in parse_text(text, detect(path), 1500).imports] == imports

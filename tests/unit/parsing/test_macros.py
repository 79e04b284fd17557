# SPDX-License-Identifier: FSL-1.1-MIT
"""Macros that only the preprocessor understands are blanked before parsing, and nothing else is."""

import pytest

from conexus.parsing.languages import BY_NAME
from conexus.parsing.macros import without_macros
from conexus.parsing.parse import parse_text


def names(language: str, text: str) -> set[str]:
    return {symbol.qualified_name for symbol in parse_text(text, BY_NAME[language], 1500).symbols}


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("cpp", "class API_EXPORT Shape : public Base {\n public:\n  int area();\n};\n", {"Shape", "Shape.area"}),
        ("cpp", 'struct LIB_API("x") Box {\n  int size;\n};\n', {"Box", "Box.size"}),
        ("cpp", "LIB_BEGIN_NAMESPACE\nclass After {\n  int x;\n};\nLIB_END_NAMESPACE\n", {"After", "After.x"}),
        ("c", "LIB_EXTERN unsigned int lib_run(int a);\n", {"lib_run"}),
        (
            "c",
            "struct req {\n  REQ_FIELDS\n};\nstruct other {\n  REQ_FIELDS\n  int a;\n};\n",
            {"req", "other", "other.a"},
        ),
        ("c", "typedef int (WINAPI *Callback)(int a);\n", {"Callback"}),
        ("objc", "NS_ASSUME_NONNULL_BEGIN\n\n@interface Desk\n- (void)open;\n@end\n", {"Desk", "Desk.open"}),
    ],
)
def test_definitions_behind_macros_are_found(language: str, text: str, expected: set[str]) -> None:
    """A macro hides no definition."""
    assert names(language, text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "enum color {\n  RED,\n  GREEN\n};\n",
        "enum size {\n  BUFFER_SIZE\n};\n",
        "BOOL\nopen_door(int a)\n{\n}\n",
        "int x =\n  LIMIT\n;\n",
        "call(a,\n  LIMIT\n);\n",
        "FILE *open_file(int a);\n",
        "BOOL is_open(int a);\n",
    ],
)
def test_names_that_are_code_stay(text: str) -> None:
    """Members of enumerations, return types and operands are no macros."""
    assert without_macros("c", text.encode()) == text.encode()


def test_length_and_lines_stay() -> None:
    """Positions in the tree are those of the file, and other languages are not touched."""
    source = b"LIB_BEGIN\r\nclass LIB_API Box {\n};\n"
    masked = without_macros("cpp", source)
    assert masked != source
    assert len(masked) == len(source)
    assert masked.count(b"\n") == source.count(b"\n")
    assert without_macros("java", source) is source

# SPDX-License-Identifier: FSL-1.1-MIT
"""The tree of errors is whole, and every error says what to do."""

import re

import pytest

from conexus import errors
from conexus.errors import ConexusError, ErrorCode


def subclasses(parent: type[ConexusError]) -> list[type[ConexusError]]:
    return [child for direct in parent.__subclasses__() for child in (direct, *subclasses(direct))]


OURS = [kind for kind in subclasses(ConexusError) if kind.__module__ == "conexus.errors"]


def test_each_code_belongs_to_one_error() -> None:
    """No two errors share a code, and no code is without an error."""
    codes = [kind.code for kind in OURS]
    assert sorted(codes) == sorted(ErrorCode)


def test_the_tree_in_the_docstring_is_the_real_one() -> None:
    """Names, codes and depth in the module's head are those of the classes."""
    drawn = re.findall(r"^([│ ]*)[├└]── (\w+)\s+([A-Z_]+)", errors.__doc__ or "", re.MULTILINE)
    real = [(kind.__mro__.index(ConexusError), kind.__name__, kind.code.name) for kind in OURS]
    assert sorted((len(indent) // 4 + 1, name, code) for indent, name, code in drawn) == sorted(real)


@pytest.mark.parametrize("kind", OURS, ids=lambda kind: kind.__name__)
def test_an_error_carries_message_and_hint(kind: type[ConexusError]) -> None:
    """Both can be read back, and the message is what is printed."""
    error = kind("the disk is full", hint="make room")
    assert (str(error), error.message, error.hint) == ("the disk is full", "the disk is full", "make room")
    assert error.in_words == "the disk is full (make room)"
    assert kind("x").hint is None
    assert kind("x").in_words == "x"


def test_codes_are_names_that_travel() -> None:
    """Codes are lower-case words, as they stand in JSON."""
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", code.value) for code in ErrorCode)

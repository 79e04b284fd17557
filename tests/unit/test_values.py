# SPDX-License-Identifier: FSL-1.1-MIT
"""Our ``dataclass`` does what the one of the standard library does, in each form that is used."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle  # what the protocol of copies is shared with
import typing
from collections.abc import Callable
from typing import Any

import pytest

from conexus import values

FORMS: list[dict[str, bool]] = [
    {},
    {"frozen": True},
    {"frozen": True, "slots": True},
    {"frozen": True, "slots": True, "eq": False},
    {"slots": True},
    {"slots": True, "eq": False},
    {"eq": False},
]


def made(decorator: Callable[..., Any], form: dict[str, bool]) -> Any:
    """A class with fields of every kind."""

    @decorator(**form)
    class Thing:
        """A thing."""

        name: str
        size: int = 3
        parts: list[int] = dataclasses.field(default_factory=list[int])
        note: str = dataclasses.field(default="", compare=False, repr=False)
        twice: int = dataclasses.field(init=False, default=0)
        last: str = dataclasses.field(default="z", kw_only=True)

        def __post_init__(self) -> None:
            object.__setattr__(self, "twice", self.size * 2)

        @property
        def words(self) -> str:
            """Words of its own."""
            return f"{self.name} {self.size}"

    return Thing


def outcome(question: Callable[[Any], object], cls: object) -> object:
    """What comes of it: a value, or the kind of error."""
    try:
        return question(cls)
    except Exception as error:  # noqa: BLE001 -- to be compared
        return type(error)


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_it_behaves_as_the_standard_one(form: dict[str, bool]) -> None:
    """Whichever method is called first."""
    questions: list[Callable[[Any], object]] = [
        lambda cls: str(inspect.signature(cls)).partition(" ->")[0],
        lambda cls: repr(cls("a")),
        lambda cls: repr(cls("a", 4, [1], "n", last="y")),
        lambda cls: cls("a") == cls("a"),
        lambda cls: cls("a") == cls("a", note="other"),
        lambda cls: cls("a") == cls("b"),
        lambda cls: cls("a") == "a",
        lambda cls: cls.__hash__ is object.__hash__,
        lambda cls: hash(cls("a")) and None,
        lambda cls: len({dataclasses.replace(cls("a"), parts=()) for _ in range(2)}),
        lambda cls: cls(),
        lambda cls: cls("a", 1, [], "", "z"),
        lambda cls: cls("a", twice=1),
        lambda cls: cls("a", colour=1),
        lambda cls: cls("a").parts is cls("a").parts,
        lambda cls: setattr(cls("a"), "size", 5),
        lambda cls: delattr(cls("a"), "size"),
        lambda cls: [field.name for field in dataclasses.fields(cls)],
        lambda cls: dataclasses.asdict(cls("a", 7)),
        lambda cls: dataclasses.replace(cls("a", 7), size=8).twice,
        lambda cls: repr(copy.copy(cls("a", 7))),
        lambda cls: repr(copy.deepcopy(cls("a", 7, [1, 2]))),
        lambda cls: cls("a").words,
        lambda cls: cls.__match_args__,
        lambda cls: hasattr(cls("a"), "__dict__"),
        lambda cls: list(typing.get_type_hints(cls.__init__)) if cls("a") else (),
        lambda cls: type("Child", (cls,), {})("a", 9).twice,
    ]
    for question in questions:  # a class of its own for each, so that nothing was called before
        ours, standard = made(values.dataclass, form), made(dataclasses.dataclass, form)
        assert outcome(question, ours) == outcome(question, standard), inspect.getsource(question)


def test_methods_of_its_own_stay() -> None:
    """What the class defines is not replaced."""

    @values.dataclass(frozen=True)
    class Own:  # noqa: PLW1641 -- it gets one
        """With an equality and words of its own."""

        name: str

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Own)

        def __repr__(self) -> str:
            return "mine"

    @values.dataclass(frozen=True)
    class Heir(Own):
        """Adds a field."""

        size: int = 1

    assert Own("a") == Own("b")
    assert (repr(Own("a")), hash(Own("a"))) == ("mine", hash(("a",)))
    assert Heir("a") != Heir("b")
    assert Heir("a", 2) == Heir("a", 2)
    assert repr(Heir("a")).endswith("Heir(name='a', size=1)")


@values.dataclass(frozen=True, slots=True)
class Kept:
    """At the top of a module, where copies by name find it."""

    name: str


def test_copies_by_name() -> None:
    """The protocol that ``copy`` and others use."""
    assert pickle.loads(pickle.dumps(Kept("a"))) == Kept("a")  # noqa: S301 -- our own

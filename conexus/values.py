# SPDX-License-Identifier: FSL-1.1-MIT
"""``dataclass`` as in the standard library, of which methods are compiled when they are first called.

The standard library compiles up to six methods of each class while it is imported, which is a good part of the time of
a short command: it imports well over a hundred classes, and makes instances of a few of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass  # noqa: PLC0414 -- to type checkers it is that one
else:
    import dataclasses
    import inspect
    import sys
    from collections.abc import Callable

    _LATE = ("__repr__", "__eq__", "__hash__")
    _OPTIONS = ("default", "default_factory", "init", "repr", "hash", "compare", "kw_only")

    def dataclass(
        cls: type | None = None, /, *, frozen: bool = False, slots: bool = False, eq: bool = True
    ) -> type | Callable[[type], type]:
        """Make a dataclass; see :func:`dataclasses.dataclass`."""

        def wrap(cls: type) -> type:
            # A class that defines ``__eq__`` alone has ``__hash__ = None``, as Python puts it there.
            own = {name for name, value in cls.__dict__.items() if value is not None}
            made = dataclasses.dataclass(init=False, repr=False, eq=False, slots=slots)(cls)
            late = _LATE if eq else _LATE[:1]
            for name, how in (("__init__", _init), *((name, _compiled) for name in late)):
                if name not in own:
                    setattr(made, name, _waiting(made, name, how, frozen))
            if eq and not frozen and "__hash__" not in own:
                made.__hash__ = None
            if frozen:
                made.__setattr__, made.__delattr__ = _refuse_to_set, _refuse_to_delete
                if slots:
                    made.__getstate__, made.__setstate__ = _state, _restore
            made.__signature__ = _Signature()
            return made

        return wrap if cls is None else wrap(cls)

    def _waiting(made: type, name: str, how: Callable[..., Any], frozen: bool) -> Callable[..., Any]:
        """Return a method that replaces itself by the one that ``how`` gives."""

        def method(self: object, /, *args: object, **kwargs: object) -> object:
            found = how(made, name, frozen)
            setattr(made, name, found)
            return found(self, *args, **kwargs)

        return method

    def _init(made: type, _name: str, frozen: bool) -> Callable[..., None]:
        first, later, body = ["self"], [], []
        known: dict[str, Any] = {"_new": dataclasses._HAS_DEFAULT_FACTORY, "_set": object.__setattr__}  # noqa: SLF001 -- what is shown of a default that is made
        for field in dataclasses.fields(made):
            name = value = field.name
            if field.default_factory is not dataclasses.MISSING:
                known[f"_of_{name}"] = field.default_factory
                value = f"_of_{name}() if {name} is _new else {name}" if field.init else f"_of_{name}()"
            elif field.default is not dataclasses.MISSING:
                known[f"_of_{name}"] = field.default
                value = name if field.init else f"_of_{name}"
            elif not field.init:
                continue
            body.append(f"_set(self, {name!r}, {value})" if frozen else f"self.{name} = {value}")
            if field.init:
                default = "_new" if field.default_factory is not dataclasses.MISSING else f"_of_{name}"
                (later if field.kw_only else first).append(f"{name}={default}" if f"_of_{name}" in known else name)
        if hasattr(made, "__post_init__"):
            body.append("self.__post_init__()")
        parameters = ", ".join([*first, *(["*", *later] if later else [])])
        code = f"def make({', '.join(known)}):\n def __init__({parameters}):\n  " + "\n  ".join(body or ["pass"])
        space: dict[str, Any] = {}
        exec(f"{code}\n return __init__", sys.modules[made.__module__].__dict__, space)  # noqa: S102 -- names of our own fields
        found = space["make"](**known)
        found.__qualname__ = f"{made.__qualname__}.__init__"
        found.__annotations__ = {field.name: field.type for field in dataclasses.fields(made) if field.init}
        found.__annotations__["return"] = None
        return found

    def _compiled(made: type, name: str, frozen: bool) -> Callable[..., Any]:
        """Return a method of a class that the standard library makes of the same fields."""
        twin: dict[str, Any] = {
            field.name: dataclasses.field(**{key: getattr(field, key) for key in _OPTIONS})
            for field in dataclasses.fields(made)
        }
        twin["__annotations__"] = {field.name: field.type for field in dataclasses.fields(made)}
        twin["__module__"] = made.__module__
        return dataclasses.dataclass(frozen=frozen)(type(made.__name__, (), twin)).__dict__[name]

    class _Signature:
        """What :func:`inspect.signature` gives for a class; instances have none."""

        def __get__(self, instance: object, owner: type) -> inspect.Signature:
            if instance is not None:
                raise AttributeError("__signature__")
            made = next(cls for cls in owner.__mro__ if "__init__" in cls.__dict__)
            if made.__init__.__name__ != "__init__":
                made.__init__ = _init(made, "__init__", made.__setattr__ is _refuse_to_set)
            parameters = list(inspect.signature(made.__init__).parameters.values())
            return inspect.Signature(parameters[1:])

    def _refuse_to_set(self: object, name: str, value: object) -> None:
        raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")

    def _refuse_to_delete(self: object, name: str) -> None:
        raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")

    def _state(self: object) -> list[object]:
        return [getattr(self, field.name) for field in dataclasses.fields(self)]

    def _restore(self: object, state: list[object]) -> None:
        for field, value in zip(dataclasses.fields(self), state, strict=True):
            object.__setattr__(self, field.name, value)


__all__ = ["dataclass"]

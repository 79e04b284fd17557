# SPDX-License-Identifier: FSL-1.1-MIT
"""Messages of :mod:`conexus.daemon.schema` from and to those of ``proto/conexus/v1``, by the names of their fields.

No message is named here: what is done to a field follows from the descriptor of protobuf. A field without a value
takes the default of the schema, and so does an enum that is unspecified. What the schema does not know is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, TypeVar, cast, get_args

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.unknown_fields import UnknownFieldSet
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from conexus.daemon import schema
from conexus.daemon.validation import invalid
from conexus.errors import InvalidRequest
from conexus.v1 import (
    admin_pb2,
    audit_pb2,
    common_pb2,
    daemon_pb2,
    directory_pb2,
    graph_pb2,
    index_pb2,
    policies_pb2,
    repositories_pb2,
    search_pb2,
)
from conexus.values import dataclass

_M = TypeVar("_M", bound=schema.Message)
_FILES = (
    common_pb2,
    search_pb2,
    repositories_pb2,
    index_pb2,
    daemon_pb2,
    admin_pb2,
    directory_pb2,
    policies_pb2,
    audit_pb2,
    graph_pb2,
)

MESSAGES: Mapping[str, type[Message]] = {
    name: getattr(file, name) for file in _FILES for name in file.DESCRIPTOR.message_types_by_name
}
"""The classes of all messages by name."""

Convert = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class _Field:
    """How one field is carried over."""

    name: str
    has_presence: bool
    encode: Convert | None
    """From the value of the schema to what the constructor of protobuf takes; as it is where ``None``."""
    decode: Callable[[Any, str], Any]
    """From the value of protobuf, and the place of the field for errors; ``None`` for no value."""


def message_of(model: schema.Message) -> Message:
    """Return a message as protobuf has it.

    Raises:
        ValueError: A number or a text is more than the field holds.
    """
    return MESSAGES[type(model).__name__](**_encoded(model))


def model_of(kind: type[_M], message: Message) -> _M:
    """Return a message as the schema has it.

    Raises:
        InvalidRequest: It has fields that the schema does not have, or values that it does not allow.
    """
    try:
        return kind.model_validate(_decoded(kind.__name__, message, ""))
    except ValidationError as exc:
        raise invalid(exc) from exc


def read(kind: type[_M], data: bytes) -> _M:
    """Return what bytes hold.

    Raises:
        InvalidRequest: They hold no such message, or one that is not valid.
    """
    try:
        message = MESSAGES[kind.__name__].FromString(data)
    except DecodeError as exc:
        raise InvalidRequest(f"the request is no {kind.__name__} of conexus.v1") from exc
    return model_of(kind, message)


def value_name(enum: EnumDescriptor, number: int) -> str | None:
    """Return the name of an enum's value as the schema has it: short and lower-case. ``None`` where there is none."""
    return _names(enum).get(number)


def _encoded(model: schema.Message) -> dict[str, Any]:
    values = model.__dict__
    found = {}
    for field in _fields(type(model).__name__):
        value = values[field.name]
        if value is not None:
            found[field.name] = value if field.encode is None else field.encode(value)
    return found


def _decoded(name: str, message: Message, place: str) -> dict[str, Any]:
    """Return the values of a message, whose own place ends with a dot where it has one."""
    _refuse_unknown(message, place)
    found = {}
    for field in _fields(name):
        if field.has_presence and not message.HasField(field.name):
            continue
        value = field.decode(getattr(message, field.name), place + field.name)
        if value is not None:
            found[field.name] = value
    return found


def _refuse_unknown(message: Message, place: str) -> None:
    unknown = UnknownFieldSet(message)
    if len(unknown):
        number = unknown[0].field_number
        raise InvalidRequest(
            f"{message.DESCRIPTOR.name} has a field with the number {number}, which the schema does not have",
            hint="the client may be newer than the daemon",
            details={"field": f"{place}{number}"},
        )


@cache
def _fields(name: str) -> tuple[_Field, ...]:
    infos = getattr(schema, name).model_fields
    descriptors = cast("list[FieldDescriptor]", MESSAGES[name].DESCRIPTOR.fields)
    return tuple(_field(field, infos[field.name]) for field in descriptors)


def _field(field: FieldDescriptor, info: FieldInfo) -> _Field:
    encode, decode = _converters(field, _max_items(info))
    return _Field(field.name, field.has_presence, encode, decode)


def _converters(field: FieldDescriptor, most: int | None) -> tuple[Convert | None, Callable[[Any, str], Any]]:
    kind: Descriptor | None = field.message_type
    if kind is not None and kind.GetOptions().map_entry:
        return None, lambda value, _: dict(value)
    if kind is not None and kind.name not in vars(schema):  # a list that may be left out
        return _of_wrapped_list(kind.fields_by_name["values"], most)
    one_out, one_in = _of_one(field)
    if not field.is_repeated:
        return one_out, one_in
    # Of a list that is too long no more is read than what tells so.
    end = None if most is None else most + 1
    many_out = None if one_out is None else lambda values: [one_out(value) for value in values]
    return many_out, lambda values, place: [
        one_in(value, f"{place}.{number}") for number, value in enumerate(values[:end])
    ]


def _of_wrapped_list(field: FieldDescriptor, most: int | None) -> tuple[Convert, Callable[[Any, str], Any]]:
    encode, decode = _converters(field, most)

    def values(message: Any, place: str) -> Any:  # noqa: ANN401 -- as the other ways
        _refuse_unknown(message, f"{place}.")
        return decode(message.values, place)

    return lambda value: {"values": value if encode is None else encode(value)}, values


def _of_one(field: FieldDescriptor) -> tuple[Convert | None, Callable[[Any, str], Any]]:
    """Return how a value that is no list is carried over."""
    if field.enum_type is not None:
        names = _names(field.enum_type)
        numbers = {name: number for number, name in names.items()}
        if field.is_repeated:
            return numbers.__getitem__, lambda value, _: names.get(value, value)
        return numbers.__getitem__, lambda value, _: names.get(value, value) if value else None
    if field.message_type is not None:
        name = field.message_type.name
        return _encoded, lambda value, place: _decoded(name, value, f"{place}.")
    return None, lambda value, _: value


@cache
def _names(enum: EnumDescriptor) -> dict[int, str]:
    unspecified = enum.values_by_number[0].name
    prefix = unspecified.removesuffix("UNSPECIFIED")
    return {value.number: value.name.removeprefix(prefix).lower() for value in enum.values if value.number}


def _max_items(info: FieldInfo) -> int | None:
    return next((limit for limit in _limits(info) if limit is not None), None)


def _limits(info: FieldInfo) -> Iterator[int | None]:
    """Yield the greatest lengths that the schema names for a field, be they its own or of its variants."""
    for rule in info.metadata:
        yield getattr(rule, "max_length", None)
    for variant in get_args(info.annotation):
        for inner in getattr(variant, "__metadata__", ()):
            if isinstance(inner, FieldInfo):
                yield from _limits(inner)


__all__ = ["MESSAGES", "message_of", "model_of", "read", "value_name"]

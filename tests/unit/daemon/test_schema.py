# SPDX-License-Identifier: FSL-1.1-MIT
"""The messages of the daemon and those of proto/conexus/v1 say the same, and each becomes the other without loss."""

from __future__ import annotations

import inspect
from enum import StrEnum
from typing import Any, get_origin

import pytest
from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor
from hypothesis import given
from hypothesis import strategies as st
from message_strategies import MODELS, shape_of, values_of
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from conexus.daemon import schema, wire
from conexus.daemon.operations import OPERATIONS, Operation
from conexus.errors import InvalidRequest
from conexus.types import ROLE_PERMISSIONS, Role
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

FILES = (
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
OF_THE_WIRE = {"StringList", "SymbolKindList", "SearchStreamItem"}
"""What only protobuf needs: lists that may be left out, and the item of a stream."""
STREAMS = {
    ("SearchService", "SearchStream"): ("SearchRequest", "SearchStreamItem"),
    ("IndexService", "RunIndex"): ("IndexRequest", "Job"),
    ("IndexService", "WatchJob"): ("JobRequest", "Job"),
    ("DaemonService", "Events"): ("Empty", "Event"),
}
F = FieldDescriptor


def expected(name: str, info: FieldInfo) -> tuple[object, bool, bool]:
    """What a field of protobuf should be: its type, whether it is repeated, and whether it can be unset."""
    kind, many, optional = shape_of(info)
    if get_origin(kind) is dict:
        return "map", True, False
    if many and optional:
        return ("StringList" if kind is str else f"{kind.__name__}List"), False, True
    if inspect.isclass(kind) and issubclass(kind, (BaseModel, StrEnum)):
        presence = not many and (optional or issubclass(kind, BaseModel))
        return kind.__name__, many, presence
    number = F.TYPE_INT64 if "bytes" in name else F.TYPE_INT32
    scalar = {str: F.TYPE_STRING, bool: F.TYPE_BOOL, int: number, float: F.TYPE_DOUBLE}[kind]
    has_default = info.default is not PydanticUndefined and not many and info.default not in {None, kind()}
    return scalar, many, not many and (optional or has_default)


def found(field: FieldDescriptor) -> tuple[object, bool, bool]:
    """The same of a field as it is."""
    if field.message_type is not None:
        kind = field.message_type
        return ("map" if kind.GetOptions().map_entry else kind.name), field.is_repeated, field.has_presence
    kind = field.enum_type.name if field.enum_type is not None else field.type
    return kind, field.is_repeated, field.has_presence


def test_every_model_has_a_message_and_the_reverse() -> None:
    """Neither side has a message of its own, but for lists and items that only protobuf needs."""
    assert set(wire.MESSAGES) - OF_THE_WIRE == set(MODELS)


@pytest.mark.parametrize("name", MODELS)
def test_fields_agree(name: str) -> None:
    """Fields have the same names in the same order, the same types, and the same ways to be empty."""
    fields = MODELS[name].model_fields
    descriptor = wire.MESSAGES[name].DESCRIPTOR
    assert [field.name for field in descriptor.fields] == list(fields)
    assert {field.name: found(field) for field in descriptor.fields} == {
        key: expected(key, info) for key, info in fields.items()
    }


def enums() -> dict[str, EnumDescriptor]:
    """All enums of the schema files."""
    return {name: enum for file in FILES for name, enum in file.DESCRIPTOR.enum_types_by_name.items()}


def enum_classes() -> dict[str, type[StrEnum]]:
    """All enums that the models use."""
    used = {shape_of(info)[0] for model in MODELS.values() for info in model.model_fields.values()}
    return {kind.__name__: kind for kind in used if inspect.isclass(kind) and issubclass(kind, StrEnum)}


def test_enums_agree() -> None:
    """Every enum has the same values on both sides, and one more for none of them."""
    classes = enum_classes()
    assert set(enums()) == set(classes)
    for name, enum in enums().items():
        assert enum.values[0].number == 0
        assert enum.values[0].name.endswith("_UNSPECIFIED")
        assert [wire.value_name(enum, value.number) for value in enum.values[1:]] == [
            one.value for one in classes[name]
        ]


def test_services_are_the_table_and_the_streams() -> None:
    """Every operation has its method, and there is no other method but the streams."""
    methods = {
        (service.name, method.name): (method.input_type.name, method.output_type.name)
        for file in FILES
        for service in file.DESCRIPTOR.services_by_name.values()
        for method in service.methods
    }
    table = {operation.grpc: (operation.request.__name__, operation.response.__name__) for operation in OPERATIONS}
    assert methods == table | STREAMS


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_role_and_permission_of_an_operation_agree(operation: Operation) -> None:
    """The least role that may ask has the permission, and the one below it has not."""
    roles = list(Role)
    may = [operation.needs in ROLE_PERMISSIONS[role] for role in roles]
    assert may == [role.rank >= operation.role.rank for role in roles]


# ------------------------------------------------------------------------------ there and back


@pytest.mark.parametrize("name", MODELS)
def test_nothing_is_lost_there_and_back(name: str) -> None:
    """A message of the schema becomes bytes and the same message again; null, empty and unset stay apart."""

    @given(values_of(MODELS[name]))
    def check(model: schema.Message) -> None:
        message = wire.message_of(model)
        assert wire.model_of(MODELS[name], message) == model
        assert wire.read(MODELS[name], message.SerializeToString()) == model

    check()


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_any_bytes_are_a_request_or_an_invalid_one(operation: Any) -> None:
    """Whatever comes in as a request either is one or is refused as not valid."""

    @given(st.binary(max_size=200))
    def check(data: bytes) -> None:
        try:
            assert isinstance(wire.read(operation.request, data), operation.request)
        except InvalidRequest as error:
            assert error.message

    check()


# ------------------------------------------------------------------------------ what is refused


def test_unset_fields_take_the_defaults_of_the_schema() -> None:
    """A request with a query alone is that of the schema."""
    message = search_pb2.SearchRequest(query="q")
    assert wire.model_of(schema.SearchRequest, message) == schema.SearchRequest(query="q")


def test_zero_is_not_the_default() -> None:
    """A limit of zero is refused, not taken for the default."""
    with pytest.raises(InvalidRequest, match="limit: input should be greater than or equal to 1") as caught:
        wire.model_of(schema.SearchRequest, search_pb2.SearchRequest(query="q", limit=0))
    assert caught.value.details == {"field": "limit"}


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (b"\x0a\x01q\x98\x06\x01", "99"),  # number 99
        (b"\x0a\x01q\x1a\x03\x98\x06\x01", "filter.99"),
        (b"\x0a\x01q\x1a\x05\x0a\x03\x98\x06\x01", "filter.repositories.99"),
    ],
)
def test_unknown_fields_are_refused(data: bytes, field: str) -> None:
    """A field that the schema does not have is an error that says where, at every depth."""
    with pytest.raises(InvalidRequest, match="99, which the schema does not have") as caught:
        wire.read(schema.SearchRequest, data)
    assert caught.value.details == {"field": field}


@pytest.mark.parametrize("number", [0, 99, -1])
def test_enum_values_that_do_not_exist_are_refused(number: int) -> None:
    """In a list of kinds each has to be one; the unspecified one is none."""
    asked = search_pb2.SearchRequest(query="q")
    asked.filter.kinds.values.append(number)  # type: ignore[arg-type]
    with pytest.raises(InvalidRequest, match=r"filter\.kinds\.0") as caught:
        wire.model_of(schema.SearchRequest, asked)
    assert caught.value.details == {"field": "filter.kinds.0"}


def test_a_query_that_is_too_long_is_named() -> None:
    """The error names the field even where it is called like a part of an address."""
    with pytest.raises(InvalidRequest, match="query: string should have") as caught:
        wire.model_of(schema.SearchRequest, search_pb2.SearchRequest(query="q" * 200_000))
    assert caught.value.details == {"field": "query"}


def test_a_list_that_is_far_too_long_is_not_read() -> None:
    """A million empty searches take two megabytes; they are refused without being looked at one by one."""
    asked = search_pb2.BatchSearchRequest(searches=[search_pb2.SearchRequest(query="q")] * 100_000)
    with pytest.raises(InvalidRequest, match="it takes 10,000, and there are 10,001"):
        wire.model_of(schema.BatchSearchRequest, asked)
    looked_at = wire._decoded("BatchSearchRequest", asked, "")
    assert len(looked_at["searches"]) == schema.MAX_BATCH + 1

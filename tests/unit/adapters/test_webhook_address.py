# SPDX-License-Identifier: FSL-1.1-MIT
"""Webhooks lead to the public internet only, in whatever form an address is written."""

from __future__ import annotations

import ipaddress
import time
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conexus.adapters.webhook_address import (
    allowed_addresses,
    check_url,
    is_public,
    parse_url,
    require_allowed,
    resolve,
    within,
)
from conexus.errors import InvalidRequest, SourceError

LOCAL_4 = [
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24"),
    *("192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"),
    *("224.0.0.0/4", "240.0.0.0/4", "255.255.255.255/32", "168.63.129.16/32"),
]
LOCAL_6 = [
    *("::/128", "::1/128", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "3fff::/20", "5f00::/16"),
    *("fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8", "fd00:ec2::254/128", "::ffff:0:0:0/96", "4000::/3"),
]


def in_any(networks: list[str]) -> st.SearchStrategy[IPv4Address | IPv6Address]:
    """Addresses of networks, their first and last ones among them."""

    def of(text: str) -> st.SearchStrategy[IPv4Address | IPv6Address]:
        network = ipaddress.ip_network(text)
        return st.integers(0, network.num_addresses - 1).map(lambda number: network[number])

    return st.sampled_from(networks).flatmap(of)


def forms_of(inner: IPv4Address) -> list[IPv6Address]:
    """The ways an IPv4 address can be carried in an IPv6 one."""
    number = int(inner)
    return [
        IPv6Address(0xFFFF << 32 | number),  # mapped
        IPv6Address(number),  # compatible
        IPv6Address((0x64FF9B << 96) | number),  # NAT64
        IPv6Address((0x2002 << 112) | number << 80 | 1),  # 6to4
        IPv6Address((0x26064700 << 96) | (0x5EFE << 32) | number),  # ISATAP below a public network
        IPv6Address((0x26064700 << 96) | (0x02005EFE << 32) | number),
    ]


@settings(max_examples=500)
@given(in_any(LOCAL_4) | in_any(LOCAL_6))
def test_no_local_address_is_public(address: IPv4Address | IPv6Address) -> None:
    """Nor one for documentation, tests, multicast or a cloud's credentials."""
    assert not is_public(address)
    with pytest.raises(InvalidRequest, match="address") as caught:
        require_allowed(address, allow_private=False)
    assert caught.value.details == {"argument": "url"}


@settings(max_examples=500)
@given(in_any(LOCAL_4))
def test_no_form_of_a_local_address_is_public(inner: IPv4Address | IPv6Address) -> None:
    """A gateway would turn it back into the local one."""
    assert isinstance(inner, IPv4Address)
    for form in forms_of(inner):
        assert not is_public(form), form


@settings(max_examples=500)
@given(st.integers(0, 2**32 - 1).map(IPv4Address) | st.integers(0, 2**128 - 1).map(IPv6Address))
def test_what_is_public_is_in_no_local_network(address: IPv4Address | IPv6Address) -> None:
    """And is what Python says is global, or carries what is."""
    if not is_public(address):
        return
    networks = [ipaddress.ip_network(text) for text in (*LOCAL_4, *LOCAL_6)]
    assert not any(address in network for network in networks if network.version == address.version)
    assert address.is_global or address in IPv6Network("2002::/16") or address in IPv6Network("64:ff9b::/96")
    assert not address.is_multicast


@given(st.integers(0x01000000, 0x09FFFFFF).map(IPv4Address))
def test_a_public_address_is_public_in_the_forms_of_gateways(inner: IPv4Address) -> None:
    """A machine without IPv4 of its own reaches it as NAT64."""
    assert is_public(inner)
    mapped, _, nat64, six_to_four, *_ = forms_of(inner)
    assert is_public(mapped)
    assert is_public(nat64)
    assert is_public(six_to_four)


@pytest.mark.parametrize("text", ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "2a00:1450:4001:80e::200e"])
def test_known_services_are_public(text: str) -> None:
    """So that the rules do not refuse everything."""
    assert is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize(
    "text",
    [
        "169.254.169.254",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "fd00:ec2::254",
        "::ffff:0:0",
        "::",
        "224.0.0.1",
    ],
)
def test_some_addresses_are_never_allowed(text: str) -> None:
    """Not even where private ones are: there is no receiver of webhooks."""
    with pytest.raises(InvalidRequest):
        require_allowed(ipaddress.ip_address(text), allow_private=True)


@pytest.mark.parametrize("text", ["127.0.0.1", "10.1.2.3", "::1", "fd00::1", "fe80::1%lo", "::ffff:10.0.0.1"])
def test_private_addresses_can_be_allowed(text: str) -> None:
    """By the setting that the hint names."""
    require_allowed(ipaddress.ip_address(text), allow_private=True)
    with pytest.raises(InvalidRequest) as caught:
        require_allowed(ipaddress.ip_address(text), allow_private=False)
    assert "webhooks.allow_private" in str(caught.value.hint)


# ----------------------------------------------------------------------------------- addresses


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://example.org", ("https", "example.org", 443, "/", "example.org")),
        ("HTTP://Example.ORG:8080/a/b?c=%20d&e=f#g", ("http", "example.org", 8080, "/a/b?c=%20d&e=f", None)),
        ("https://example.org:443/", ("https", "example.org", 443, "/", "example.org")),
        ("http://[2606:4700::1]:81/x", ("http", "2606:4700::1", 81, "/x", "[2606:4700::1]:81")),
        ("https://example.org/b\u00fcro", ("https", "example.org", 443, "/b%C3%BCro", "example.org")),
        ("https://example.org?x=1", ("https", "example.org", 443, "/?x=1", "example.org")),
    ],
)
def test_an_address_is_taken_apart(url: str, expected: tuple[str, str, int, str, str | None]) -> None:
    """The port may be any; what comes after # is not sent."""
    found = parse_url(url)
    assert (found.scheme, found.host, found.port, found.path) == expected[:4]
    assert found.authority == (expected[4] or "example.org:8080")


@pytest.mark.parametrize(
    "url",
    [
        *("", "example.org", "//example.org", "https://", "https:///x", "ftp://example.org/", "file:///etc/passwd"),
        *("https://user@example.org/", "https://user:pw@example.org/", "https://@example.org/", "gopher://example.org"),
        *(
            "https://example.org:0/",
            "https://example.org:99999/",
            "https://example.org:x/",
            "https://[::1",
            "https://[]/",
        ),
        *(
            "https://exa mple.org/",
            "https://example.org/\r\nHost: x",
            "https://example.org\\@127.0.0.1/",
            "javascript:1",
        ),
        *(
            "https://b\u00fccher.example/",
            "https://example.org/" + "x" * 2_000,
            "https://[fe80::1%25eth0]/",
            "https://a{b}/",
        ),
    ],
)
def test_other_addresses_are_refused(url: str) -> None:
    """Each with the argument that is wrong."""
    with pytest.raises(InvalidRequest) as caught:
        parse_url(url)
    assert caught.value.details == {"argument": "url"}


@settings(max_examples=500)
@given(st.text(max_size=60) | st.text(max_size=40).map(lambda text: f"https://{text}"))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    """And what is one could be sent: nothing in it can end a line or leave its place."""
    try:
        found = parse_url(text)
    except InvalidRequest:
        return
    assert found.scheme in {"http", "https"}
    assert 1 <= found.port <= 65_535
    for part in (found.host, found.path, found.authority):
        assert part.isascii()
        assert part.isprintable()
        assert " " not in part
    assert found.path.startswith("/")
    assert "@" not in found.authority


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost/",
        "http://a.localhost:1/",
        "http://127.0.0.1/",
        "http://[::1]:80/",
        "http://127.1/",
        "http://0x7f.1/",
        "http://0177.0.0.1/",
        "http://2130706433/",
    ],
)
def test_a_local_address_is_refused_when_it_is_added(url: str) -> None:
    """As far as it can be told without a look-up; it may be allowed."""
    with pytest.raises(InvalidRequest, match="not a public address"):
        check_url(url, allow_private=False)
    check_url(url, allow_private=True)
    check_url("https://example.org/hook", allow_private=False)


# ------------------------------------------------------------------------------------- look-ups


def test_one_private_address_among_many_is_enough() -> None:
    """It cannot be known which of them a connection would take. The name is asked for once."""
    asked: list[str] = []

    def resolver(host: str, _port: int) -> list[str]:
        asked.append(host)
        return ["1.1.1.1", "1.1.1.1", "2606:4700::1111", *(["10.0.0.1"] if host == "mixed.example" else [])]

    good = parse_url("https://good.example/")
    assert allowed_addresses(good, resolver, allow_private=False) == [
        IPv4Address("1.1.1.1"),
        IPv6Address("2606:4700::1111"),
    ]
    with pytest.raises(InvalidRequest, match=r"10\.0\.0\.1"):
        allowed_addresses(parse_url("https://mixed.example/"), resolver, allow_private=False)
    assert asked == ["good.example", "mixed.example"]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1", "2130706433", "0x7f.1", "0177.0.0.1", "[::ffff:7f00:1]", "0"])
def test_other_ways_to_write_this_machine_are_known(host: str) -> None:
    """The system reads them as numbers, and what it says is what counts."""
    with pytest.raises((InvalidRequest, SourceError)):
        allowed_addresses(parse_url(f"http://{host}/"), resolve, allow_private=False)


def test_a_name_without_address_is_told() -> None:
    """By what it is called."""
    with pytest.raises(SourceError, match=r"nowhere\.invalid"):
        resolve("nowhere.invalid", 80)
    with pytest.raises(SourceError, match=r"a\.example has no address"):
        allowed_addresses(parse_url("http://a.example/"), lambda *_: [], allow_private=False)
    with pytest.raises(SourceError, match="cannot be understood"):
        allowed_addresses(parse_url("http://a.example/"), lambda *_: ["what"], allow_private=False)


def test_a_look_up_ends_in_time() -> None:
    """However long the system takes; its errors and answers come through."""

    def slow(_host: str, _port: int) -> list[str]:
        time.sleep(3.0)
        return ["1.1.1.1"]

    before = time.monotonic()
    with pytest.raises(SourceError, match="in time"):
        within(slow, 0.05)("a.example", 80)
    assert time.monotonic() - before < 2.5
    assert within(slow, 30.0)("a.example", 80) == ["1.1.1.1"]
    with pytest.raises(SourceError, match="not known"):
        within(resolve, 5.0)("nowhere.invalid", 80)


def test_the_networks_of_these_tests_are_what_they_say() -> None:
    """A typing error here would let the rules pass."""
    assert all(IPv4Network(text) for text in LOCAL_4)
    assert all(IPv6Network(text) for text in LOCAL_6)

# SPDX-License-Identifier: FSL-1.1-MIT
"""Where a webhook may lead: to the public internet, unless the settings say otherwise.

Whoever may add a webhook could else have the daemon send requests into the network it runs in: to other services
of the machine, to a router, or to the place where a cloud keeps a machine's credentials. A name is judged by all
addresses that it has, at the moment of each delivery, and the connection then goes to one of these.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import threading
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from urllib.parse import quote, urlsplit

from conexus.errors import InvalidRequest, SourceError
from conexus.values import dataclass

Address = IPv4Address | IPv6Address
Resolver = Callable[[str, int], Sequence[str]]
"""From a name and a port to addresses."""

_PORTS = {"http": 80, "https": 443}
_MAX_URL_CHARS = 2_000
_MAX_ADDRESSES = 8
_HOST = re.compile(r"[a-z0-9._-]{1,253}|[0-9a-f:.]{2,45}", re.ASCII)
_TARGET_SIGNS = "/%:=&?~+!$,;'@()*[]"  # what quoting leaves as it is, beside letters, digits and _.-

# What Python counts as global, or once did, and is still no place on the internet that somebody's service runs at.
_NOT_PUBLIC_4 = tuple(map(IPv4Network, ("192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15", "240.0.0.0/4")))
_GLOBAL_UNICAST = IPv6Network("2000::/3")  # all that is assigned; the rest is local, multicast or not in use
_NOT_PUBLIC_6 = tuple(map(IPv6Network, ("2001::/23", "2001:db8::/32", "3fff::/20")))
_NAT64 = IPv6Network("64:ff9b::/96")
_SIX_TO_FOUR = IPv6Network("2002::/16")
_ISATAP = (0x00005EFE, 0x02005EFE)  # upper half of an interface's number whose lower half is an IPv4 address

# Where clouds hand out a machine's credentials: refused even where private addresses are allowed.
_METADATA = frozenset(
    map(
        ipaddress.ip_address,
        ("169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254"),
    )
)


@dataclass(frozen=True, slots=True)
class Target:
    """An address of the web in its parts."""

    scheme: str
    """``http`` or ``https``."""
    host: str
    """Name or number, in lower case and without brackets."""
    port: int
    path: str
    """With the query."""

    @property
    def authority(self) -> str:
        """Host and port as the header ``Host`` has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def parse_url(url: str) -> Target:
    """Take an address apart.

    Raises:
        InvalidRequest: It is not one of http or https, holds credentials, or cannot be understood.
    """
    if len(url) > _MAX_URL_CHARS or not url.isprintable() or any(char in url for char in ' \\"<>^`{|}'):
        raise _refused("the address is too long, or has spaces or signs that do not belong there")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as exc:
        raise _refused(f"the address cannot be understood: {exc}") from exc
    if parts.scheme not in _PORTS:
        raise _refused("the address must begin with https:// or http://")
    if "@" in parts.netloc:
        raise _refused("the address must not hold a user or a password")
    host = parts.hostname or ""
    if not _HOST.fullmatch(host) or port == 0:
        raise _refused("the address has no usable host", "write a name with other letters as xn--…")
    path = quote(parts.path or "/", safe=_TARGET_SIGNS) + (
        f"?{quote(parts.query, safe=_TARGET_SIGNS)}" if parts.query else ""
    )
    return Target(parts.scheme, host, port or _PORTS[parts.scheme], path)


def check_url(url: str, *, allow_private: bool) -> None:
    """Refuse an address that no delivery would go to, as far as that can be told without asking for its name.

    Raises:
        InvalidRequest: It cannot be used.
    """
    target = parse_url(url)
    if target.host == "localhost" or target.host.endswith(".localhost"):
        require_allowed(IPv4Address("127.0.0.1"), allow_private=allow_private)
    address = _written(target.host)
    if address is not None:
        require_allowed(address, allow_private=allow_private)


def _written(host: str) -> Address | None:
    """Return the address that a host is, also one that only old programs write so: ``127.1``, ``0x7f.1``, a number."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    try:
        return IPv4Address(socket.inet_aton(host))
    except OSError:
        return None  # a name


def allowed_addresses(target: Target, resolver: Resolver, *, allow_private: bool) -> list[Address]:
    """Return the addresses of a target's host, all of which may be connected to. The name is looked up once.

    Raises:
        InvalidRequest: One of them may not: it is not known which of them a connection would take.
        SourceError: The name has no address.
    """
    found: list[Address] = []
    for text in dict.fromkeys(resolver(target.host, target.port)):
        try:
            address = ipaddress.ip_address(text)
        except ValueError as exc:
            raise SourceError(f"{target.host} has an address that cannot be understood") from exc
        require_allowed(address, allow_private=allow_private)
        found.append(address)
    if not found:
        raise SourceError(f"{target.host} has no address")
    return found[:_MAX_ADDRESSES]


def require_allowed(address: Address, *, allow_private: bool) -> None:
    """Refuse an address that is not public; some are refused whatever is allowed.

    Raises:
        InvalidRequest: It is refused.
    """
    every = (address, *_embedded(address))
    if any(form in _METADATA or form.is_multicast or form.is_unspecified for form in every):
        raise _refused(f"{address} is no address of a webhook")
    if not allow_private and not is_public(address):
        raise _refused(
            f"{address} is not a public address",
            "to allow webhooks within your own network: conexus config set webhooks.allow_private true",
        )


def is_public(address: Address) -> bool:
    """Whether an address is one of the public internet, also where it carries another one inside."""
    if isinstance(address, IPv4Address):
        return (
            address.is_global
            and not (address.is_multicast or address.is_reserved)
            and address not in _METADATA
            and not any(address in network for network in _NOT_PUBLIC_4)
        )
    inner = _embedded(address)
    if not all(map(is_public, inner)):
        return False
    if address.scope_id:
        return False
    if address in _NAT64 or address in _SIX_TO_FOUR or address.ipv4_mapped is not None:
        return True  # as public as what is inside
    return address in _GLOBAL_UNICAST and address.is_global and not any(address in network for network in _NOT_PUBLIC_6)


def _embedded(address: Address) -> tuple[IPv4Address, ...]:
    """Return the IPv4 addresses that a gateway would make of an IPv6 address."""
    if isinstance(address, IPv4Address):
        return ()
    number = int(address)
    low = IPv4Address(number & 0xFFFFFFFF)
    if address.ipv4_mapped is not None or address in _NAT64 or number >> 32 == 0:
        return (low,)
    if address in _SIX_TO_FOUR:
        return (IPv4Address(number >> 80 & 0xFFFFFFFF),)
    return (low,) if number >> 32 & 0xFFFFFFFF in _ISATAP else ()


def resolve(host: str, port: int) -> list[str]:
    """Ask the system for the addresses of a name.

    Raises:
        SourceError: It has none.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as exc:
        raise SourceError(f"the name {host} is not known") from exc
    return [str(row[4][0]) for row in found]


def within(resolver: Resolver, timeout_s: float) -> Resolver:
    """Return a resolver that gives up after a time, which the system's does not.

    Raises:
        SourceError: From the new resolver, where the time is over.
    """

    def limited(host: str, port: int) -> Sequence[str]:
        found: list[Sequence[str]] = []
        failed: list[SourceError] = []

        def ask() -> None:
            try:
                found.append(resolver(host, port))
            except SourceError as exc:
                failed.append(exc)

        thread = threading.Thread(target=ask, name="conexus-resolve", daemon=True)
        thread.start()
        thread.join(max(0.0, timeout_s))
        if failed:
            raise failed[0]
        if not found:
            raise SourceError(f"the name {host} could not be looked up in time")
        return found[0]

    return limited


def _refused(message: str, hint: str | None = None) -> InvalidRequest:
    return InvalidRequest(message, hint=hint, details={"argument": "url"})

# SPDX-License-Identifier: FSL-1.1-MIT
"""The far end of a wire, in a network of its own: answers names, listens to all, and tells it.

Makes a network with one interface, an address, default routes and a name server, in which a test runs programs: the
one of the process whose number is the first line of the output. For each line of input a line of JSON tells what came
over the wire until then. ``icmpv6`` is the kernel's own: neighbour discovery and the like, which no program asks for.
"""

from __future__ import annotations

import json
import os
import select
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from pathlib import Path

NAMES = "10.99.0.1"
_ALL, _OURS = 0x0003, 4  # ETH_P_ALL, PACKET_OUTGOING
_INSIDE = """
ip link set lo up
ip address add 10.99.0.2/24 dev near
ip -6 address add fd99::2/64 dev near nodad
ip link set near up
ip route add default via 10.99.0.1
ip -6 route add default via fd99::1
mount --bind "$1" "$(readlink -f /etc/resolv.conf)"
"""


def kind_of(frame: bytes) -> str:
    """Tell what a frame carries."""
    kind = int.from_bytes(frame[12:14])
    if kind == 0x0806:
        return "arp"
    if kind == 0x86DD:
        return "icmpv6" if frame[20] in {0, 58} else "ipv6"  # 0: options before ICMPv6
    return "ipv4" if kind == 0x0800 else f"type {kind:#06x}"


def question(packet: bytes) -> tuple[str, bytes]:
    """Return the name that is asked for, and the answer: this end's address, and none of version 6."""
    parts, place = [], 12
    while packet[place]:
        parts.append(packet[place + 1 : place + 1 + packet[place]].decode("ascii", "replace"))
        place += 1 + packet[place]
    asked = packet[12 : place + 5]
    is_v4 = packet[place + 1 : place + 3] == b"\x00\x01"
    answer = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04" + socket.inet_aton(NAMES) if is_v4 else b""
    return ".".join(parts), packet[:2] + struct.pack(">HHHHH", 0x8180, 1, int(is_v4), 0, 0) + asked + answer


def answer_names(asked: list[str]) -> None:
    """Be a name server."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((NAMES, 53))
    while True:
        packet, who = server.recvfrom(4_096)
        name, answer = question(packet)
        asked.append(name)
        server.sendto(answer, who)


def main() -> None:
    """Serve until the input ends."""
    ip = ("ip", "link", "add", "far", "type", "veth", "peer", "name", "near")
    subprocess.run(ip, check=True)
    for line in ("address add 10.99.0.1/24 dev far", "-6 address add fd99::1/64 dev far nodad", "link set far up"):
        subprocess.run(["ip", *line.split()], check=True)
    listener = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ALL))
    listener.bind(("far", _ALL))
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as names:
        names.write(f"nameserver {NAMES}\n")
        names.flush()
        Path(names.name).chmod(0o644)
        script = "echo made; read -r _; set -e\n" + _INSIDE + "echo up; exec sleep 3600"
        holder = subprocess.Popen(
            ["unshare", "--net", "--mount", "sh", "-c", script, "sh", names.name],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert holder.stdin is not None
        assert holder.stdout is not None
        holder.stdout.readline()
        subprocess.run(["ip", "link", "set", "near", "netns", str(holder.pid)], check=True)
        holder.stdin.write(b"\n")
        holder.stdin.flush()
        if holder.stdout.readline() != b"up\n":
            sys.exit("the wire cannot be made")
    asked: list[str] = []
    threading.Thread(target=answer_names, args=(asked,), daemon=True).start()
    os.write(1, b"%d\n" % holder.pid)
    seen: Counter[str] = Counter()
    while True:
        ready, _, _ = select.select([listener, 0], [], [])
        if listener in ready:
            frame, address = listener.recvfrom(65_536)
            if address[2] != _OURS:
                seen[kind_of(frame)] += 1
        elif os.read(0, 4_096):
            os.write(1, json.dumps({"seen": seen, "names": asked}).encode() + b"\n")
        else:
            holder.kill()
            return


if __name__ == "__main__":
    main()

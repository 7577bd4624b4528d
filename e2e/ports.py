"""Ports that one process asks for and no other gets, however many ask at once.

A port that was found free by binding 0 is anybody's again when that socket closes: the kernel may give it to the next
who binds 0, or to any outgoing connection. These lie below the range that the kernel gives from, and each is reserved
by the name of an abstract Unix socket, which the kernel gives once and takes back when the process ends.
"""

import pathlib
import random
import socket

# The kernel's own begin here.
EPHEMERAL = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
FIRST = 16_384
# Kept for the life of this process.
RESERVATIONS = []


def free_port():
    """A port on which nobody listens, reserved for this process."""
    if EPHEMERAL <= FIRST:
        raise RuntimeError(f"net.ipv4.ip_local_port_range begins at {EPHEMERAL}: ports from {FIRST} up to there are needed")
    for port in random.sample(range(FIRST, EPHEMERAL), 1000):
        reservation = socket.socket(socket.AF_UNIX)
        try:
            reservation.bind(f"\0tidegate-port-{port}")
            with socket.socket() as probe:
                # As servers do, so that connections that have ended count for nothing.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(("0.0.0.0", port))
        except OSError:
            reservation.close()
            continue
        RESERVATIONS.append(reservation)
        return port
    raise RuntimeError("no port is free")


def free_ports(count):
    return [free_port() for _ in range(count)]

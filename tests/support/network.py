"""Keeps a test from the network: whatever its process asks of another machine is refused, with the address."""

import ipaddress
import socket
import sys
from typing import Any


class NetworkRefused(Exception):
    """A test asked something of another machine."""


def refuse_network() -> None:
    """From now on, and for as long as this process lives, let it reach this machine alone.

    Python's own sockets are watched, and so those of asyncio, httpx and urllib; processes started by a test are not.
    """
    sys.addaudithook(_check)


def _check(event: str, arguments: tuple[Any, ...]) -> None:
    if event in ("socket.connect", "socket.sendto"):
        opened, address = arguments
        if opened.family in (socket.AF_INET, socket.AF_INET6) and not _here(address[0]):
            raise NetworkRefused(f"Tests use no network, and this one wants to reach {address[0]}, port {address[1]}.")
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        host = arguments[0].decode() if isinstance(arguments[0], bytes) else arguments[0] or ""
        if not _here(host) and _address(host) is None:
            raise NetworkRefused(f"Tests use no network, and this one wants to look up {host}.")


def _here(host: str) -> bool:
    """Whether a host is this machine."""
    if host in ("", "localhost", socket.gethostname()):
        return True
    address = _address(host)
    return address is not None and (address.is_loopback or address.is_unspecified)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """A host that is written as an address; None for a name, which would have to be looked up."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address

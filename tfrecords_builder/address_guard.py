"""Keeps a download away from addresses that are not public.

A list of URLs comes from strangers, and so does every redirect and DNS answer: without this, any of them could read a
cloud machine's credentials (169.254.169.254) or a service on the local network. The address is checked where the
socket for it is made: between check and connection there is no moment in which a name could change its address.
"""

import socket
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from tfrecords_builder.download_config import Network

Address = IPv4Address | IPv6Address
# As getaddrinfo gives it: family, type, protocol, canonical name, (address, port, …).
AddressInfo = tuple[int, int, int, str, tuple[object, ...]]

# RFC 6052: addresses that a translator turns into the IPv4 address of their last 32 bits.
_NAT64 = IPv6Network("64:ff9b::/96")


class BlockedAddress(OSError):  # noqa: N818 - it reads as what happened
    """A connection to an address that is not public was about to be made."""


class AddressGuard:
    """Decides which addresses may be connected to.

    Args:
        allowed: networks that may be asked although they are not public.
    """

    def __init__(self, allowed: Iterable[Network] = ()) -> None:
        self._allowed = tuple(allowed)

    def require_public(self, text: str) -> None:
        """Returns if a numeric address may be connected to.

        Raises:
            BlockedAddress: it may not, or is no numeric address.
        """
        try:
            address = ip_address(text)
        except ValueError as error:
            raise BlockedAddress(f"{text!r} is not a numeric address") from error
        if any(address in network for network in self._allowed):
            return
        if not all(map(_is_public, _meanings(address))):
            raise BlockedAddress(f"{text} is not a public address")

    def make_socket(self, info: AddressInfo) -> socket.socket:
        """Returns a socket for an address that may be connected to; the connector's `socket_factory`.

        Raises:
            BlockedAddress: it may not.
        """
        family, kind, protocol, _, place = info
        self.require_public(str(place[0]))
        return socket.socket(family, kind, protocol)


def _is_public(address: Address) -> bool:
    return address.is_global and not address.is_multicast and not address.is_reserved


def _meanings(address: Address) -> list[Address]:
    """Returns the address and the IPv4 addresses that it may stand for."""
    if isinstance(address, IPv4Address):
        return [address]
    embedded: list[Address] = []
    if address.ipv4_mapped is not None:
        return [address.ipv4_mapped]
    if address.sixtofour is not None:
        embedded.append(address.sixtofour)
    if address.teredo is not None:
        embedded.extend(address.teredo)
    if address in _NAT64:
        # The prefix itself counts as reserved; what matters is where the translator leads.
        return [IPv4Address(int(address) & 0xFFFFFFFF)]
    return [address, *embedded]

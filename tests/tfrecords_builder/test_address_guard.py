import socket

import pytest

from tfrecords_builder.address_guard import AddressGuard, BlockedAddress
from tfrecords_builder.download_config import parse_networks

INSIDE = [
    "127.0.0.1",
    "127.255.255.254",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.100.100.200",
    "0.0.0.0",  # noqa: S104 - refused, not bound
    "224.0.0.1",
    "255.255.255.255",
    "240.0.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "::",
    "::1",
    "fe80::1",
    "fe80::1%eth0",
    "fd00:ec2::254",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::127.0.0.1",
    "64:ff9b::127.0.0.1",
    "64:ff9b::169.254.169.254",
    "2002:7f00:1::",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:db8::1",
]


@pytest.mark.parametrize("address", INSIDE)
def test_addresses_that_are_not_public(address):
    with pytest.raises(BlockedAddress, match="is not a public address"):
        AddressGuard().require_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "198.35.26.112", "2620:0:863:ed1a::1", "64:ff9b::8.8.8.8"])
def test_public_addresses(address):
    AddressGuard().require_public(address)


@pytest.mark.parametrize("text", ["localhost", "", "127.1", "2130706433", "1.2.3.4/8"])
def test_what_is_no_address_is_not_public(text):
    with pytest.raises(BlockedAddress, match="not a numeric address"):
        AddressGuard().require_public(text)


def test_only_what_is_allowed_is_allowed():
    guard = AddressGuard(parse_networks(["127.0.0.1,10.1.0.0/16"]))
    guard.require_public("127.0.0.1")
    guard.require_public("10.1.2.3")
    for address in ("127.0.0.2", "10.2.0.1", "::1", "::ffff:127.0.0.1"):
        with pytest.raises(BlockedAddress):
            guard.require_public(address)


def test_sockets_are_made_for_public_addresses_only():
    guard = AddressGuard()
    with guard.make_socket((socket.AF_INET, socket.SOCK_STREAM, 6, "", ("8.8.8.8", 80))) as made:
        assert made.family == socket.AF_INET
    with pytest.raises(BlockedAddress, match=r"127\.0\.0\.1 is not a public address"):
        guard.make_socket((socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 80)))

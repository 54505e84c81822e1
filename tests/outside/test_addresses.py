"""Which addresses may be connected to."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from callrouter.outside.addresses import may_reach

PUBLIC = (
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.1",
    "100.63.255.255",
    "100.128.0.1",
    "126.255.255.255",
    "128.0.0.1",
    "172.15.255.255",
    "172.32.0.1",
    "185.45.152.42",
    "192.167.255.255",
    "198.17.255.255",
    "198.20.0.1",
    "223.255.255.255",
    "2a00:1450:4010:c05::64",
    "2606:4700:4700::1111",
    "2001:4860:4860::8888",
)
INSIDE = (
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.255.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.0.1",
    "::1",
    "fc00::1",
    "fd12:3456::1",
)
NEVER = (
    "0.0.0.0",  # noqa: S104
    "0.1.2.3",
    "100.100.100.200",
    "168.63.129.16",
    "169.254.0.1",
    "169.254.169.254",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::808:808",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:2::1",
    "2001:10::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "3ffe::1",
    "3fff::1",
    "5f00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "::1%lo",
    "fec0::1",
    "ff02::1",
)


@pytest.mark.parametrize("address", PUBLIC)
def test_the_internet_may_be_reached(address: str) -> None:
    assert may_reach(address)
    assert may_reach(address, private=True)


@pytest.mark.parametrize("address", INSIDE)
def test_what_is_inside_may_be_reached_only_where_the_account_says_so(address: str) -> None:
    assert not may_reach(address)
    assert may_reach(address, private=True)


@pytest.mark.parametrize("address", NEVER)
def test_what_is_nobodys_or_a_clouds_own_is_never_reached(address: str) -> None:
    assert not may_reach(address)
    assert not may_reach(address, private=True)


@pytest.mark.parametrize(
    "text", ["", "localhost", "127.1", "0x7f.0.0.1", "2130706433", "017700000001", "127.0.0.01"]
)
def test_what_is_no_plain_address_is_never_reached(text: str) -> None:
    assert not may_reach(text)
    assert not may_reach(text, private=True)


def test_the_standard_library_would_let_some_of_them_pass() -> None:
    """Why there is a list of our own; once nothing is left here, it may go."""
    passed = [one for one in NEVER if ip_address(one).is_global]
    assert "64:ff9b::7f00:1" in passed
    assert "fec0::1" in passed

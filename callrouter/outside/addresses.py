"""Which addresses may be connected to. Our own list: `ipaddress.is_global` lets too much pass."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Final

_INSIDE: Final = tuple(
    ip_network(network)
    for network in (
        "10.0.0.0/8",
        "100.64.0.0/10",  # carriers' NAT, also private networks over the internet
        "127.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "::1/128",
        "fc00::/7",
    )
)
"""For accounts with `allow_private` alone."""

_NEVER: Final = tuple(
    ip_network(network)
    for network in (
        "0.0.0.0/8",
        "100.100.100.200/32",  # metadata of a cloud, as 169.254.169.254 and the two below
        "168.63.129.16/32",
        "169.254.0.0/16",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "2001::/23",  # Teredo and other protocols' own
        "2001:db8::/32",
        "2002::/16",
        "3ffe::/16",
        "3fff::/20",
        "fd00:ec2::/32",
    )
)
_UNICAST: Final = ip_network("2000::/3")
"""Whatever else IPv6 has is mapped, translated, local, for many or nobody's."""


def may_reach(address: str, *, private: bool = False) -> bool:
    """Tell whether an address may be connected to; False for what is no plain address."""
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    if "%" in address or any(ip in network for network in _NEVER):
        return False
    if any(ip in network for network in _INSIDE):
        return private
    return ip.version == 4 or ip in _UNICAST

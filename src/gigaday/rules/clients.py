"""Which address a request comes from, when proxies stand between."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

UNKNOWN = "@unknown"
_MOST_HOPS = 32


def client_of(peer: str, forwarded: str, trusted: Sequence[Network], *, local: bool = False) -> str:
    """The client's address as limits count it: IPv4 whole, IPv6 as its /64 (one subscriber has at least that many).

    It is the peer, or, where the peer is a trusted proxy, the right-most address of X-Forwarded-For that is not:
    everything left of it is the client's own claim. `local` says that the node is reached through its own Unix socket
    alone: a peer without an address is then such a proxy.
    """
    address = _parse(peer)
    if address is None and not (local and not peer):
        return UNKNOWN
    for hop in reversed(forwarded.split(",")[-_MOST_HOPS:]):
        if address is not None and not _within(address, trusted):
            break
        before = _parse(hop.strip())
        if before is None:
            break
        address = before
    return UNKNOWN if address is None else _grouped(address)


def _parse(text: str) -> Address | None:
    """An address, without the port or brackets that some proxies add; None for anything else."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text[:64])
    except ValueError:
        return None
    return (isinstance(address, IPv6Address) and address.ipv4_mapped) or address


def _within(address: Address, networks: Sequence[Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)


def _grouped(address: Address) -> str:
    if isinstance(address, IPv4Address):
        return str(address)
    return f"{IPv6Address(int(address) >> 64 << 64)}/64"

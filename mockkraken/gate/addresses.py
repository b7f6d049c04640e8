"""Where a key may be used from: single addresses and CIDR ranges, IPv4 and IPv6 (kraken/10 §3.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

# Verdicts remembered per key: a bot comes from one address, so reading it anew for each request is waste.
_REMEMBERED = 256


class Allowlist:
    """A key's allowed addresses, compiled.

    Args:
        entries: at least one address (`10.0.0.1`, `2001:db8::1`) or range (`10.0.0.0/8`); bits beyond a range's mask
            don't count.

    Raises:
        ValueError: an entry is neither; the message names it.
    """

    __slots__ = ("_networks", "_verdicts", "entries")

    def __init__(self, entries: Iterable[str]) -> None:
        self.entries = tuple(entries)
        self._networks = [_network(entry) for entry in self.entries]
        self._verdicts: dict[str, bool] = {}

    def allows(self, remote: str) -> bool:
        """Whether the sender's address is in the list; a text that is no address never is."""
        verdict = self._verdicts.get(remote)
        if verdict is None:
            address = _address(remote)
            verdict = address is not None and any(address in network for network in self._networks)
            if len(self._verdicts) >= _REMEMBERED:
                self._verdicts.clear()
            self._verdicts[remote] = verdict
        return verdict


def _network(entry: str) -> IPv4Network | IPv6Network:
    # ipaddress is imported only here and below: it costs start-up time, and most sandboxes have no allowlist.
    from ipaddress import IPv4Network, IPv6Network, ip_network

    try:
        network = ip_network(entry, strict=False)
    except ValueError as error:
        raise ValueError(f"not an IP address or CIDR range: {entry!r}") from error
    if isinstance(network, IPv6Network) and network.prefixlen >= 96:
        mapped = network.network_address.ipv4_mapped
        if mapped is not None:
            return IPv4Network((mapped, network.prefixlen - 96))
    return network


def _address(text: str) -> IPv4Address | IPv6Address | None:
    from ipaddress import IPv6Address, ip_address

    try:
        address = ip_address(text)
    except ValueError:
        return None
    # A dual-stack socket shows an IPv4 peer as ::ffff:a.b.c.d.
    if isinstance(address, IPv6Address):
        return address.ipv4_mapped or address
    return address

"""What an IP address in words is, and whose: one rule for configuration, link and web."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network


def address_of(text: str) -> IPv4Address | IPv6Address | None:
    """The address; of IPv4 within IPv6, as a socket for both tells it, the IPv4 one. None: it is no address."""
    try:
        found = ip_address(text)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def is_loopback(text: str) -> bool:
    """Whether it is an address of this machine."""
    found = address_of(text)
    return found is not None and found.is_loopback


def is_in(text: str, networks: tuple[Network, ...]) -> bool:
    """Whether the address is one of these networks'; what is no address is in none."""
    found = address_of(text)
    return found is not None and any(found in network for network in networks)


def network_of(text: str) -> str:
    """Whose address it is: itself, but of IPv6 the /64, of which everybody has 2^64. What is no address is itself."""
    found = address_of(text.partition("%")[0])
    if found is None:
        return text
    return str(found if isinstance(found, IPv4Address) else ip_network((found, 64), strict=False))

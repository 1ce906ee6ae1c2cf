"""Whether a host is this machine itself, and nobody else can mean another by it."""

from ipaddress import IPv6Address, ip_address


def is_loopback(host: str) -> bool:
    """Return whether a host name or address can be reached from this machine alone.

    Addresses of 127.0.0.0/8, ::1 and IPv4 ones that are mapped into IPv6 count, and the name
    `localhost`, whatever its case. Everything else is somebody's: an empty host means every
    interface to a server, and what only a resolver could tell (`localhost.`, `127.1`) counts as
    foreign.
    """
    try:
        address = ip_address(host)
    except ValueError:
        return host.lower() == "localhost"
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback  # Python before 3.13 does not look at mapped ones

"""`impasto formats`: what photos the service takes, and the limits it runs with."""

import sys
from collections.abc import Iterator

from api.cli.options import AsJson, Url
from api.cli.photos import shown_size
from api.cli.service import connect
from api.cli.tables import print_json, show_table
from impasto_client import Formats, to_json


def formats(as_json: AsJson = False, url: Url = None) -> None:
    """List the formats that are painted, what is turned away, and the service's limits."""
    with connect(url) as client:
        found = client.formats()
    if as_json:
        print_json(to_json(found))
        return
    show_table(("format", "files", "comes back as", "note"), list(_rows(found)))
    limits = found.limits
    sys.stdout.write(
        f"\nA photo may have {shown_size(limits.photo_bytes)} and {limits.photo_megapixels:g} "
        f"megapixels, a ZIP file {shown_size(limits.archive_bytes)}, an album "
        f"{limits.album_photos:,} photos.\n"
        f"--format may be {', '.join(found.formats)}.\n"
    )


def _rows(found: Formats) -> Iterator[tuple[str, ...]]:
    for known in found.accepted:
        result = known.result.rpartition("/")[2].upper()
        yield known.name, " ".join(known.suffixes), result, ""
    for kind in found.refused:
        yield kind.name, " ".join(kind.suffixes), "", f"turned away ({kind.reason})"

"""JPEGs that lack their end marker: closed where every row is there, told apart where it is not.

Phones drop the marker when they append a film or a panorama's data, and some transfers lose the
last two bytes. Other viewers show such photos whole, so their owners take them for whole.

ITU T.81 annexes B (segments) and G (progressive scans).
"""

import re
from collections.abc import Iterator

_END_OF_IMAGE = b"\xff\xd9"
_START_OF_SCAN, _TABLES = 0xDA, frozenset({0xC4, 0xCC, 0xDB, 0xDC, 0xDD, 0xFE, *range(0xE0, 0xF0)})
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_BASELINE = frozenset({0xC0, 0xC1})
_LAST_COEFFICIENT = 63
_RESTART = re.compile(rb"\xff([\xd0-\xd7])")
#: Bytes that hold any one unit of coded data: ten blocks of 64 coefficients of 26 bits.
_UNIT_BYTES = 2080
#: Runs of coded data that mean different pictures, where a picture still needs data.
_PADDINGS = tuple(run * _UNIT_BYTES for run in (b"\x00", b"\x55", b"\xaa", b"\xff\x00"))


def closings(data: bytes) -> list[bytes]:
    """Return the file closed in several ways; none where scans are missing or it is no such file.

    A decoder that has every row reads no way's padding, so that all decode to one picture. Where
    rows are missing, it takes the padding for data and the pictures differ.
    """
    scan = _last_scan(data)
    if scan is None:
        return []
    body, coded = data[: scan.stop], data[scan.start : scan.stop]
    return [body + _padded(coded, padding) + _END_OF_IMAGE for padding in _PADDINGS]


def _padded(coded: bytes, padding: bytes) -> bytes:
    """Repeat padding behind each restart marker that a decoder may wait for next."""
    restarts = _RESTART.findall(coded)
    following = restarts[-1][0] - 0xD0 + 1 if restarts else 0
    markers = (bytes([0xFF, 0xD0 + (following + turn) % 8]) for turn in range(8))
    return padding + b"".join(marker + padding for marker in markers)


def _last_scan(data: bytes) -> slice | None:
    """Find the last scan's coded data; None where coefficients have no scan."""
    components: frozenset[int] = frozenset()
    missing: dict[int, list[bool]] = {}
    baseline, scan = False, None
    for marker, start, stop in _segments(data):
        if marker in _FRAMES:
            components = frozenset(data[start + 8 : stop : 3])
            missing = {number: [True] * (_LAST_COEFFICIENT + 1) for number in components}
            baseline = marker in _BASELINE
        elif marker == _START_OF_SCAN:
            _note_scan(data[start + 2 : stop], missing)
            scan = slice(stop, _end_of_coded_data(data, stop))
            if baseline and not any(map(any, missing.values())):
                break  # Nothing of the picture can follow.
    complete = bool(components) and not any(map(any, missing.values()))
    return scan if complete else None


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield marker, start of the length field and end of each segment; coded data is passed over.

    Ends at what no encoder writes between two scans: that is appended data.
    """
    position = 2
    while position + 4 <= len(data) and data[position] == 0xFF:
        marker, start = data[position + 1], position + 2
        if marker not in _TABLES | _FRAMES | {_START_OF_SCAN}:
            return
        stop = start + max(2, int.from_bytes(data[start : start + 2], "big"))
        yield marker, start, stop
        position = _end_of_coded_data(data, stop) if marker == _START_OF_SCAN else stop


def _note_scan(head: bytes, missing: dict[int, list[bool]]) -> None:
    """Strike off the coefficients whose last bit a scan brings."""
    count = head[0] if head else 0
    first, last, bits = (*head[1 + 2 * count : 4 + 2 * count], 0, 0, 0)[:3]
    if bits & 0x0F:
        return  # A later scan refines these coefficients.
    for number in head[1 : 1 + 2 * count : 2]:
        for coefficient in range(first, min(last, _LAST_COEFFICIENT) + 1):
            missing.get(number, [False] * (_LAST_COEFFICIENT + 1))[coefficient] = False


def _end_of_coded_data(data: bytes, position: int) -> int:
    """Find the marker that ends coded data: 0xFF and neither a stuffed zero nor a restart."""
    while (found := data.find(b"\xff", position)) >= 0 and found + 1 < len(data):
        follower = data[found + 1]
        if follower != 0xFF and follower != 0 and not 0xD0 <= follower <= 0xD7:
            return found
        position = found + (1 if follower == 0xFF else 2)
    return len(data)

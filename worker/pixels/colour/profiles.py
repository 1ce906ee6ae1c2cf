"""Builds ICC profiles from colour declared by numbers: H.273 codes, gAMA and cHRM.

ICC.1:2022 (profiles), ITU-T H.273 (code points), PNG third edition 4.3 (which of them counts).
"""

import struct
from collections.abc import Sequence
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

Point = tuple[float, float]

#: White of daylight, and of ICC's connection space.
_D65: Final[Point] = (0.3127, 0.3290)
_D50_XYZ = np.array([0.9642, 1.0, 0.8249])
#: Bradford's matrix, as ICC.1 annex E gives it.
_BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)

#: H.273 colour primaries → red, green, blue and white (x, y).
_PRIMARIES: dict[int, tuple[Point, Point, Point, Point]] = {
    1: ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060), _D65),
    4: ((0.670, 0.330), (0.210, 0.710), (0.140, 0.080), (0.310, 0.316)),
    5: ((0.640, 0.330), (0.290, 0.600), (0.150, 0.060), _D65),
    6: ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), _D65),
    7: ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), _D65),
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), _D65),
    11: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.314, 0.351)),
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), _D65),
}
#: Codes that mean "as sRGB" where nothing better is known, and broadcast's curves, whose pictures
#: are shown with sRGB's curve.
_SRGB_CURVES = frozenset({0, 1, 2, 6, 13, 14, 15})
#: H.273 transfer characteristics → exponent of a pure power.
_POWERS = {4: 2.2, 5: 2.8, 8: 1.0}
#: The transfer functions of high dynamic range: PQ and HLG.
HDR_TRANSFERS = frozenset({16, 18})

#: gAMA of sRGB, in 100,000ths, and what still counts as it.
_SRGB_GAMMA, _NEAR = 0.45455, 0.002


def of_codes(primaries: int, transfer: int) -> bytes | None:
    """Return the ICC profile of H.273 codes; None for sRGB's own.

    Raises ValueError for codes that no profile of three primaries and a curve describes.
    """
    exponent = None if transfer in _SRGB_CURVES else _POWERS.get(transfer, 0.0)
    if exponent == 0.0 or (primaries not in _PRIMARIES and primaries not in (0, 2)):
        raise ValueError(f"primaries {primaries} with transfer {transfer}")
    points = _PRIMARIES.get(primaries, _PRIMARIES[1])
    if points == _PRIMARIES[1] and exponent is None:
        return None
    return matrix_profile(points, exponent)


def of_gamma(gamma: float, chromaticities: Sequence[float] | None) -> bytes | None:
    """Return the ICC profile of a PNG's gAMA and cHRM (white, red, green, blue); None for sRGB's.

    `gamma` is the file's: 1 / 2.2 for most. Raises ValueError where the numbers are no colours.
    """
    points = _PRIMARIES[1]
    if chromaticities is not None:
        if len(chromaticities) != 8:
            raise ValueError("cHRM has not eight numbers")
        pairs = list(zip(chromaticities[::2], chromaticities[1::2], strict=True))
        points = (pairs[1], pairs[2], pairs[3], pairs[0])
    plain = all(
        abs(a - b) < 0.001
        for mine, theirs in zip(points, _PRIMARIES[1], strict=True)
        for a, b in zip(mine, theirs, strict=True)
    )
    exponent = None if abs(gamma - _SRGB_GAMMA) < _NEAR else 1 / gamma if gamma > 0 else 0.0
    if plain and exponent is None:
        return None
    return matrix_profile(points, exponent)


def is_hdr(profile: bytes) -> bool:
    """Whether an ICC profile says by its `cicp` tag that it is one of PQ or HLG."""
    count = int.from_bytes(profile[128:132], "big")
    for entry in range(132, min(132 + 12 * count, len(profile) - 11), 12):
        name, start, _ = struct.unpack(">4sII", profile[entry : entry + 12])
        if name == b"cicp":
            return profile[start + 9 : start + 10] in map(_one_byte, HDR_TRANSFERS)
    return False


def _one_byte(number: int) -> bytes:
    return bytes([number])


@cache
def matrix_profile(points: tuple[Point, Point, Point, Point], exponent: float | None) -> bytes:
    """Write a version 4 display profile of red, green, blue and white (x, y) and one curve.

    The curve is a power, or sRGB's where `exponent` is None. Raises ValueError where the points
    span no colours.
    """
    if exponent is not None and not 0.1 <= exponent <= 10:
        raise ValueError(f"a gamma of {exponent}")
    columns = _to_connection_space(points)
    curve = _curve(exponent)
    tags: dict[bytes, bytes] = {
        b"desc": _text("made of numbers"),
        b"cprt": _text("none"),
        b"wtpt": _xyz(_D50_XYZ),
        b"rXYZ": _xyz(columns[:, 0]),
        b"gXYZ": _xyz(columns[:, 1]),
        b"bXYZ": _xyz(columns[:, 2]),
        b"rTRC": curve,
        b"gTRC": curve,
        b"bTRC": curve,
    }
    return _assembled(tags)


def _to_connection_space(points: tuple[Point, Point, Point, Point]) -> NDArray[np.float64]:
    """Return the matrix from linear RGB to XYZ under D50."""
    if any(y <= 0 or not 0 <= x <= 1 or y > 1 for x, y in points):
        raise ValueError("points outside the diagram")
    red, green, blue, white = (np.array([x / y, 1.0, (1 - x - y) / y]) for x, y in points)
    primaries = np.stack([red, green, blue], axis=1)
    if abs(np.linalg.det(primaries)) < 1e-6:
        raise ValueError("points on one line")
    scaled = primaries * np.linalg.solve(primaries, white)
    gains = (_BRADFORD @ _D50_XYZ) / (_BRADFORD @ white)
    adapted: NDArray[np.float64] = np.linalg.inv(_BRADFORD) @ np.diag(gains) @ _BRADFORD @ scaled
    return adapted


def _fixed(value: float) -> bytes:
    return struct.pack(">i", round(value * 65536))


def _xyz(values: NDArray[np.float64]) -> bytes:
    return b"XYZ \0\0\0\0" + b"".join(_fixed(float(value)) for value in values)


def _curve(exponent: float | None) -> bytes:
    if exponent is not None:
        return b"para\0\0\0\0\0\0\0\0" + _fixed(exponent)
    numbers = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
    return b"para\0\0\0\0\0\3\0\0" + b"".join(map(_fixed, numbers))


def _text(text: str) -> bytes:
    coded = text.encode("utf-16-be")
    return b"mluc\0\0\0\0" + struct.pack(">II2s2sII", 1, 12, b"en", b"US", len(coded), 28) + coded


def _assembled(tags: dict[bytes, bytes]) -> bytes:
    table, bodies = b"", b""
    first = 128 + 4 + 12 * len(tags)
    for name, body in tags.items():
        table += name + struct.pack(">II", first + len(bodies), len(body))
        bodies += body + bytes(-len(body) % 4)
    size = first + len(bodies)
    head = struct.pack(">I4sI4s4s4s", size, b"\0\0\0\0", 0x04400000, b"mntr", b"RGB ", b"XYZ ")
    head += bytes(12) + b"acsp" + bytes(28) + b"".join(map(_fixed, _D50_XYZ.tolist())) + bytes(48)
    return head + struct.pack(">I", len(tags)) + table + bodies

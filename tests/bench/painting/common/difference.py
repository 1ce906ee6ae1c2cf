"""How far a painting is from the one it should be."""

from typing import TypedDict

import numpy as np

from worker.engines.port import Pixels


class Differences(TypedDict):
    """Bytes of 255 apart at most, the share of pixels at most one apart, and decibels."""

    largest_difference: int
    within_one: float
    #: Infinite for no difference.
    psnr: float


def differences(painting: Pixels, reference: Pixels) -> Differences:
    """Return how far a painting is from the reference."""
    apart = np.abs(painting.astype(np.int16) - reference)
    energy = float(np.square(apart.astype(np.float64)).mean())
    return {
        "largest_difference": int(apart.max()),
        "within_one": float((apart.max(axis=-1) <= 1).mean()),
        "psnr": float(10 * np.log10(255**2 / energy)) if energy else float("inf"),
    }

"""How much of a photo a painting keeps, by measures that nothing was trained on."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_gradient_magnitude
from skimage.color import rgb2gray
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from worker.engines.port import Pixels

#: Pixels that edges are smoothed by: those of things, not of grain or of a JPEG's blocks.
EDGE_SIGMA = 1.5
#: Decibels of two pictures that are the same: noise of a fifth of 1/255.
SAME_DB = 60.0


@dataclass(frozen=True, slots=True)
class Content:
    """A painting beside its photo: similarities, 1 for the photo itself, and decibels."""

    ssim: float
    edges: float
    psnr: float

    @property
    def kept(self) -> float:
        """The one number: mean of structural similarity and edge correlation."""
        return (self.ssim + self.edges) / 2


def content_of(painting: Pixels, photo: Pixels) -> Content:
    """Compare two pictures of one size, (H, W, 3) uint8.

    SSIM is of luminance (Wang and others, 2004: Gaussian window, sigma 1.5), edges are Pearson's
    correlation of the strengths of gradients, PSNR is of all channels.
    """
    a, b = rgb2gray(painting), rgb2gray(photo)
    ssim: Any = structural_similarity(
        a, b, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=1.0
    )
    return Content(float(ssim), _correlation(_edges(a), _edges(b)), _decibels(painting, photo))


def _edges(grey: np.ndarray) -> np.ndarray:
    return gaussian_gradient_magnitude(grey, EDGE_SIGMA).ravel()


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Return Pearson's correlation; 0 where one of them is the same everywhere."""
    if a.std() < 1e-9 or b.std() < 1e-9:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def _decibels(painting: Pixels, photo: Pixels) -> float:
    if np.array_equal(painting, photo):
        return SAME_DB
    return min(float(peak_signal_noise_ratio(photo, painting)), SAME_DB)

#!/usr/bin/env bash
# Pillow 13.0.0 (wheel with libtiff 4.7.2) reads some valid 16-bit TIFFs as another picture, and says nothing.
#
# Expected: a TIFF whose colour planes lie apart (PlanarConfiguration 2) and one whose zero is white
# (PhotometricInterpretation 0) come out as the picture that tifffile, libvips and OpenCV read.
# Seen: uncompressed planes of 16 bits are read as if one byte were one sample, so that the picture is
# scrambled; white-is-zero of 16 bits comes out as its negative. No exception, no warning. Packed
# planes (LZW, Deflate), which go through libtiff, and both kinds at 8 bits are right.
# Why it matters: scanners and Photoshop write both kinds. Whoever processes albums in bulk hands
# people a wrong picture that says "done". Read TIFFs of more than 8 bits by tifffile.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
  pillow==13.0.0 numpy==2.4.6 tifffile==2026.3.3 imagecodecs==2026.3.6
"$work/venv/bin/python" - "$work" <<'PY'
import sys
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

folder = Path(sys.argv[1])
ramp = np.zeros((48, 64, 3), np.uint8)
ramp[..., 0] = np.linspace(20, 235, 64)
ramp[..., 1] = np.linspace(20, 235, 48)[:, None]
deep = ramp.astype(np.uint16) * 257
planes = np.moveaxis(deep, 2, 0).copy()


def mean_error(name: str, expected: np.ndarray, **how: object) -> float:
    path = folder / name
    tifffile.imwrite(path, **how)
    with Image.open(path) as image:
        image.load()
        found = np.asarray(image).astype(np.float64)
    if found.max() > 255:
        found /= 257
    return float(np.abs(found - expected).mean())


separate = {"photometric": "rgb", "planarconfig": "separate"}
errors = {
    "planes apart, 16 bits": mean_error("planes.tif", ramp, data=planes, **separate),
    "planes apart, 16 bits, LZW": mean_error("lzw.tif", ramp, data=planes, compression="lzw", **separate),
    "planes apart, 8 bits": mean_error(
        "planes8.tif", ramp, data=np.moveaxis(ramp, 2, 0).copy(), **separate
    ),
    "white is zero, 16 bits": mean_error(
        "white.tif", ramp[..., 0], data=65535 - deep[..., 0], photometric="miniswhite"
    ),
    "white is zero, 8 bits": mean_error(
        "white8.tif", ramp[..., 0], data=255 - ramp[..., 0], photometric="miniswhite"
    ),
}
for name, error in errors.items():
    print(f"{name}: mean error {error:.1f} of 255")
wrong = {name for name, error in errors.items() if error > 5}
seen = {"planes apart, 16 bits", "white is zero, 16 bits"}
sys.exit(0 if wrong == seen else f"changed: wrong are now {sorted(wrong) or 'none'}")
PY

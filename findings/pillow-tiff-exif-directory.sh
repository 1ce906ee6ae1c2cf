#!/usr/bin/env bash
# Pillow 13.0.0 writes no Exif directory into a TIFF when it is handed an Image.Exif, and does from its bytes.
#
# Expected: image.save(path, exif=exif) and image.save(path, exif=exif.tobytes()) write the same tags,
# as they do for JPEG, PNG and WebP.
# Seen: of the object, TIFF keeps the first directory alone; the Exif directory (capture date, lens,
# exposure) and the places are gone without a word. Of the bytes it keeps both.
# Why it matters: whoever carries a photo's metadata on, format by format, loses the capture date of
# every TIFF. Hand over bytes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check pillow==13.0.0
"$work/venv/bin/python" - <<'PY'
import io
import sys

from PIL import Image

EXIF_DIRECTORY, TAKEN = 0x8769, 0x9003


def date_of(kind: str, exif: object) -> str | None:
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, kind, exif=exif)
    file.seek(0)
    with Image.open(file) as image:
        return image.getexif().get_ifd(EXIF_DIRECTORY).get(TAKEN)


exif = Image.Exif()
exif[0x013B] = "An artist"
exif.get_ifd(EXIF_DIRECTORY)[TAKEN] = "2024:05:06 07:08:09"
seen = {
    (kind, way): date_of(kind, value)
    for kind in ("JPEG", "PNG", "WEBP", "TIFF")
    for way, value in (("object", exif), ("bytes", exif.tobytes()))
}
for (kind, way), date in seen.items():
    print(f"{kind}, exif as {way}: {date}")
lost = {how for how, date in seen.items() if date is None}
sys.exit(0 if lost == {("TIFF", "object")} else f"changed: lost are now {sorted(lost) or 'none'}")
PY

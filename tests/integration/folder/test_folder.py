"""One folder of everything, sent by the real command line: what comes back, file by file."""

import io
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pi_heif
import pytest
from PIL import Image

from tests.integration.folder.drawn import TAKEN_NS, Drawn, draw
from tests.integration.live_stack import LiveStack
from worker.pixels import PixelLimits, decode

COMMAND = "from api.cli.main import main; main()"


@dataclass(frozen=True)
class Sent:
    """The folder, and what the command line said and left."""

    root: Path
    out: Path
    drawn: Drawn
    code: int
    answer: dict[str, Any]
    said: str

    def items(self) -> dict[str, dict[str, Any]]:
        """The items, by the paths of their photos in the folder."""
        return {photo["source"]: photo for photo in self.answer["photos"]}


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", COMMAND, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)


@pytest.fixture(scope="module")
def sent(stack: LiveStack, tmp_path_factory: pytest.TempPathFactory) -> Sent:
    """Send it once; strength 0 paints what is nearly the photo."""
    root = tmp_path_factory.mktemp("folder") / "photos"
    root.mkdir()
    drawn, out = draw(root), root.parent / "out"
    stack.wait_ready()
    options = ("--style", "water-lilies", "--strength", "0", "--out", str(out), "--json")
    ended = run("stylize", str(root), *options, "--url", stack.url)
    return Sent(root, out, drawn, ended.returncode, json.loads(ended.stdout), ended.stderr)


def test_every_photo_comes_back_in_its_place_and_nothing_else(sent: Sent) -> None:
    assert sum(path.is_file() for path in sent.root.rglob("*")) >= 40
    wanted = {result for result, _ in sent.drawn.painted.values()}
    found = {path.relative_to(sent.out).as_posix() for path in sent.out.rglob("*.*")}
    assert found == wanted
    items = sent.items()
    for source, (result, size) in sent.drawn.painted.items():
        with Image.open(sent.out / result) as painting:
            assert painting.size == size, source
            assert (
                painting.format
                == {".jpg": "JPEG", ".png": "PNG", ".webp": "WEBP"}[Path(result).suffix]
            )
        item = items[source]
        assert (item["result_path"], item["error"]) == (result, None)
        assert item["path"] == str(sent.out / result)


def test_every_painting_is_upright(sent: Sent) -> None:
    """The right half is redder and the lower half greener, but where the photo is otherwise."""
    for source, (result, _) in sent.drawn.painted.items():
        pixels = np.asarray(Image.open(sent.out / result).convert("RGB")).astype(float)
        height, width, _ = pixels.shape
        red = pixels[:, width // 2 :, 0].mean() - pixels[:, : width // 2, 0].mean()
        green = pixels[height // 2 :, :, 1].mean() - pixels[: height // 2, :, 1].mean()
        sign = -1 if source in sent.drawn.turned else 1
        assert sign * red > 20, source
        assert sign * green > 20, source


def test_every_file_that_is_not_painted_has_its_reason(sent: Sent) -> None:
    items = sent.items()
    reasons = {source: items[source]["error"]["type"] for source in sent.drawn.failed}
    assert reasons == sent.drawn.failed
    assert set(items) == set(sent.drawn.painted) | set(sent.drawn.failed)
    raw = {items[source]["error"]["detail"] for source in sent.drawn.failed if "cameras/" in source}
    assert len(raw) == 1  # one wording for all makers
    assert "a camera's raw file" in raw.pop()
    told = {Path(entry["photo"]): entry["reason"] for entry in sent.answer["left_out"]}
    assert set(told) == {sent.root / path for path in sent.drawn.left_out}
    for path, words in sent.drawn.left_out.items():
        assert words in told[sent.root / path]
        assert f"left out: {sent.root / path} {words}" in sent.said


def test_what_can_be_no_photo_is_told_in_one_line(sent: Sent) -> None:
    count = len(sent.drawn.others)
    (line,) = [li for li in sent.said.splitlines() if "are no photos" in li]
    kinds = ".aae, .json, .mov, .mp4, .txt, .xmp"
    assert line == f"{count} files are no photos and not sent ({kinds})."
    for path in sent.drawn.clutter:
        assert str(sent.root / path) not in sent.said
    assert sent.answer["job"]["note"] == (
        "Passed over: 2 files that are no photo, Holiday.zip/day 1/clip.mov, "
        "Holiday.zip/__MACOSX/._a.jpg."
    )


def test_exit_code_and_counts_tell_what_is_missing(sent: Sent) -> None:
    assert sent.code == 1
    counts = sent.answer["job"]["counts"]
    assert counts == {
        "total": len(sent.drawn.painted) + len(sent.drawn.failed),
        "done": len(sent.drawn.painted),
        "failed": len(sent.drawn.failed),
    }


def test_files_of_several_pictures_say_so(sent: Sent) -> None:
    notes = {source: item["note"] for source, item in sent.items().items() if item["note"]}
    assert notes == {
        "scans/pages.tif": "The file holds 3 pages; the first is painted.",
        "scans/eyes.mpo": "The file holds 2 pictures; the first is painted.",
    }


def test_results_have_their_photos_times_and_no_places(sent: Sent) -> None:
    for source, (result, _) in sent.drawn.painted.items():
        path = sent.out / result
        if not source.startswith("Holiday.zip/"):
            assert path.stat().st_mtime_ns == TAKEN_NS, source
        with Image.open(path) as painting:
            found = painting.getexif()
            assert not found.get_ifd(0x8825), source
            assert found.get(0x0112, 1) == 1, source
        assert b"digitalsourcetype/trainedAlgorithmicMedia" in path.read_bytes(), source


def test_watching_it_again_says_the_same_for_people(sent: Sent, stack: LiveStack) -> None:
    again = run("watch", sent.answer["job"]["id"], "--out", str(sent.out), "--url", stack.url)
    assert again.returncode == 1
    done, total = len(sent.drawn.painted), len(sent.items())
    assert f"{done} of {total} photos are painted, {total - done} failed." in again.stderr
    assert f"{done} of the results were there already, the same." in again.stderr
    assert "pages.tif: The file holds 3 pages; the first is painted." in again.stderr
    assert "unsupported-format" in again.stdout


@pytest.mark.parametrize(("choice", "suffix"), [("own", ".avif"), ("webp", ".webp")])
def test_avif_comes_back_as_avif_where_asked(
    sent: Sent, stack: LiveStack, tmp_path: Path, choice: str, suffix: str
) -> None:
    photo = sent.root / "DCIM/Camera/20240506.avif"
    options = ("--style", "water-lilies", "--strength", "0", "--format", choice)
    ended = run("stylize", str(photo), *options, "--out", str(tmp_path), "--url", stack.url)
    assert ended.returncode == 0, ended.stderr
    result = tmp_path / f"20240506{suffix}"
    with Image.open(result) as painting:
        assert (painting.format, painting.size) == (suffix[1:].upper(), (96, 64))
    assert b"digitalsourcetype/trainedAlgorithmicMedia" in result.read_bytes()
    assert result.stat().st_mtime_ns == TAKEN_NS


def test_pixels_of_every_heic_are_libheifs_own_turned_once(sent: Sent) -> None:
    """All eight orientations by the container, by Exif and by both: libheif turns by the first."""
    files = [source for source in sent.drawn.painted if source.endswith(".HEIC")]
    assert len(files) == 24
    for source in files:
        data = (sent.root / source).read_bytes()
        own = pi_heif.open_heif(io.BytesIO(data)).to_pillow().convert("RGB")
        way, orientation = source[-9], int(source[-6])
        if way == "1":  # Exif alone
            turn = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}.get(orientation)
            own = own if turn is None else own.transpose(Image.Transpose(turn))
        expected = np.asarray(own).astype(int)
        found = decode(data, PixelLimits(max_megapixels=1)).rgb.astype(int)
        assert found.shape == expected.shape, source
        assert np.abs(found - expected).max() <= 2, source

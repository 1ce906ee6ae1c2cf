"""Photos of one stem through the service: three paintings, however they are fetched."""

import io
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from impasto_client import Client, Item
from tests.integration.live_stack import LiveStack
from tests.photos import encoded, scene

UPRIGHT = scene(96, 64)
#: Three photos that would all come back as `a.png`, told apart by how they lie.
ALBUM = {
    "a.bmp": encoded(UPRIGHT, "BMP"),
    "a.png": encoded(UPRIGHT.transpose(Image.Transpose.ROTATE_180), "PNG"),
    "a.tif": encoded(UPRIGHT.transpose(Image.Transpose.FLIP_LEFT_RIGHT), "TIFF"),
}
NAMES = {"a.bmp": "a-2.png", "a.png": "a.png", "a.tif": "a-3.png"}
#: Whether red grows to the right, and green downwards, in the painting of each.
WAYS = {"a-2.png": (True, True), "a.png": (False, False), "a-3.png": (False, True)}


@pytest.fixture(scope="module")
def items(stack: LiveStack, tmp_path_factory: pytest.TempPathFactory) -> list[Item]:
    folder = tmp_path_factory.mktemp("same-stem")
    for name, data in ALBUM.items():
        (folder / name).write_bytes(data)
    stack.wait_ready()
    with Client(stack.url) as client:
        photos = [folder / name for name in ALBUM]
        job = client.submit(photos, style="water-lilies", strength=0)
        *_, job = client.watch(job.id)
        assert job.counts.done == len(ALBUM)
        return list(client.items(job.id))


@pytest.fixture
def client(stack: LiveStack) -> Iterator[Client]:
    with Client(stack.url) as client:
        yield client


def ways(files: dict[str, bytes]) -> dict[str, tuple[bool, bool]]:
    return {name: _way(data) for name, data in files.items()}


def _way(data: bytes) -> tuple[bool, bool]:
    pixels = np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(float)
    left, right = pixels[:, :48, 0].mean(), pixels[:, 48:, 0].mean()
    upper, lower = pixels[:32, :, 1].mean(), pixels[32:, :, 1].mean()
    return bool(right > left), bool(lower > upper)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_client_writes_three_files(items: list[Item], client: Client, tmp_path: Path) -> None:
    assert {item.name: item.result_name for item in items} == NAMES
    for item in items:
        client.download(item, tmp_path)
    assert ways(files(tmp_path)) == WAYS


@pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")
def test_curl_writes_three_files(items: list[Item], stack: LiveStack, tmp_path: Path) -> None:
    for item in items:
        command = ["curl", "--silent", "--fail", "-OJ", f"{stack.url}{item.result}"]
        subprocess.run(command, cwd=tmp_path, check=True, timeout=60)
    assert ways(files(tmp_path)) == WAYS


def test_zip_of_the_results_holds_three_files(
    items: list[Item], client: Client, tmp_path: Path
) -> None:
    job = str(items[0].result).rpartition("/results/")[0]
    found = client.save(f"{job}/results.zip", tmp_path / "results.zip")
    with zipfile.ZipFile(found) as archive:
        assert ways({name: archive.read(name) for name in archive.namelist()}) == WAYS

"""Styles between tenants, and from one service to another, where they paint the same bytes."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from pydantic import SecretStr

from impasto_client import Client, ClientError, JobState
from infra import layout
from infra.bundled import BUNDLED_BACKBONE, BUNDLED_STYLES
from infra.catalogue import StyleCatalogue
from infra.corpus import PHOTOS, SHA256, TERMS
from infra.layout.ids import new_job_id
from infra.stack import EmbeddedStack
from infra.storage.s3 import connect_s3
from tests.fakes.stack import wait_until_gone
from tests.integration.live_stack import LiveStack, wait_until
from tests.integration.live_training import (
    TRAINING_SECONDS,
    add_corpus,
    finished,
    submit_training,
    training_settings,
    write_painting,
)
from tests.photos import encoded, scene
from tests.style_files import unzipped
from worker.net.affine import Affine, AffineCard, pack_affine, rounded, take_affine
from worker.net.netfile import unpack

KEYS = {"alice": "wonderland", "bob": "builder"}
#: Seconds that one photo may take, on a machine that is busy with other things.
PHOTO_SECONDS = 240.0

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveStack]:
    """A service of two tenants, of whom alice has photos to learn on."""
    data = tmp_path_factory.mktemp("source")
    keys = {tenant: SecretStr(key) for tenant, key in KEYS.items()}
    with EmbeddedStack(training_settings(data, api_keys=keys)) as running:
        running.wait_ready(600)
        stack = LiveStack(running)
        objects = connect_s3(stack.settings)
        add_corpus(objects, tmp_path_factory.mktemp("photos"), tenant="alice")
        yield stack
    assert wait_until_gone(data, 10) == []


@pytest.fixture
def alice(source: LiveStack) -> Iterator[Client]:
    with Client(source.url, KEYS["alice"]) as client:
        yield client


@pytest.fixture
def bob(source: LiveStack) -> Iterator[Client]:
    with Client(source.url, KEYS["bob"]) as client:
        yield client


@pytest.fixture
def fresh(stack: LiveStack) -> Iterator[Client]:
    """Another service, over another data folder."""
    with Client(stack.url) as client:
        yield client


def cli(url: str, key: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line as a tenant."""
    environment = {**os.environ, "IMPASTO_URL": url, "IMPASTO_API_KEY": key}
    command = [sys.executable, "-c", "from api.cli.main import main; main()", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def photo(folder: Path) -> Path:
    path = folder / "photo.png"
    path.write_bytes(encoded(scene(160, 120), "PNG"))
    return path


def painted(client: Client, photo: Path, style: str, out: Path, strength: float = 1.0) -> bytes:
    """Return the bytes of a photo's painting."""
    job = client.submit([photo], style=style, strength=strength)
    return result(client, job.id, out)


def result(client: Client, job: str, out: Path) -> bytes:
    wait_until(lambda: client.job(job).state.terminal, "the painting", PHOTO_SECONDS)
    (item,) = client.items(job)
    assert client.job(job).state is JobState.SUCCEEDED, item.error
    return client.download(item, out).read_bytes()


def test_a_painting_alone_becomes_a_style(
    source: LiveStack, bob: Client, alice: Client, tmp_path: Path
) -> None:
    """No weights, corpus, setting or name: VGG19 and the photos that come along.

    The first stage, the deployment's base, can be used before the first iteration.
    """
    painting = write_painting(tmp_path)
    sent = cli(source.url, KEYS["bob"], "train", str(painting), "--no-watch")
    assert sent.returncode == 0, sent.stderr
    assert f"on the corpus starter, {PHOTOS} photos. That is few," in sent.stderr
    assert "iterations in 5 stages" in sent.stderr
    (job,) = [job for job in bob.jobs() if job.kind == "train"]
    wait_until(lambda: bob.job(job.id).counts.done > 0, "the first stage", TRAINING_SECONDS)
    card = bob.style("painting").card["training"]
    painted(bob, photo(tmp_path), "painting", tmp_path / "out")
    bob.cancel(job.id)
    assert card["loss_network"] == "vgg19_original"
    assert card["loss_weights"]["sha256"].startswith("c34748d2a8b1")
    assert (card["corpus"], card["corpus_photos"]) == ("starter", PHOTOS)
    assert (card["corpus_sha256"], card["corpus_terms"]) == (SHA256, TERMS)
    assert finished(bob, job.id).state is JobState.CANCELLED
    assert "painting" not in [style.name for style in alice.styles()]


def make_quick_style(stack: LiveStack, tenant: str) -> None:
    """Publish a quick style of two stages, as a training of a tenant does."""
    objects = connect_s3(stack.settings)
    catalogue = StyleCatalogue(objects)
    file = BUNDLED_BACKBONE.read_bytes()
    catalogue.put_backbone(file)
    sha256 = hashlib.sha256(file).hexdigest()
    neutral = take_affine(unpack(file)[0], sha256)
    place, job = layout.private_place("quick", tenant), new_job_id(1_800_000_000)
    catalogue.reserve(place, job, tenant)
    torch.manual_seed(3)
    for stage in range(2):
        values = neutral.values + stage * 0.05 * torch.randn_like(neutral.values)
        affine = rounded(Affine(neutral.config, sha256, values))
        catalogue.publish_stage(
            place,
            title="Quick",
            job=job,
            stage=stage,
            ratio=0.1 + stage,
            net=pack_affine(affine, AffineCard("quick", stage, 0.1 + stage)),
            files={"card.json": b"{}"},
            backbone=sha256,
            tenant=tenant,
            path_from="photo",
        )


def test_a_trained_style_paints_the_same_in_a_fresh_service(
    source: LiveStack, alice: Client, bob: Client, fresh: Client, tmp_path: Path
) -> None:
    job = submit_training(alice, write_painting(tmp_path), "learnt", "0.2:3,1:6")
    assert finished(alice, job.id).state is JobState.SUCCEEDED
    shown = cli(source.url, KEYS["alice"], "styles").stdout
    assert "private, yours" in next(line for line in shown.splitlines() if "learnt" in line)
    assert "learnt" not in cli(source.url, KEYS["bob"], "styles").stdout
    exported = tmp_path / "learnt.style.zip"
    ran = cli(source.url, KEYS["alice"], "styles", "export", "learnt", "--out", str(exported))
    assert (ran.returncode, ran.stdout.strip()) == (0, str(exported)), ran.stderr
    held = unzipped(exported.read_bytes())
    assert {"manifest.json", "card.json", "contact-sheet.jpg", "previews/stage-0/0.jpg"} <= set(
        held
    )
    ran = cli(fresh.url, "", "styles", "import", str(exported))
    assert (ran.returncode, ran.stdout) == (0, "Published learnt (shared).\n"), ran.stderr
    assert fresh.style("learnt").card["painting"] == alice.style("learnt").card["painting"]
    for strength in (0.6, 1.0):
        ours = painted(alice, photo(tmp_path), "learnt", tmp_path / "a", strength)
        theirs = painted(fresh, photo(tmp_path), "learnt", tmp_path / "b", strength)
        assert ours == theirs


def test_a_quick_style_brings_the_backbone_that_a_fresh_service_lacks(
    source: LiveStack, stack: LiveStack, alice: Client, fresh: Client, tmp_path: Path
) -> None:
    make_quick_style(source, "alice")
    backbone = exported_backbone(alice, "quick", tmp_path)
    objects = connect_s3(stack.settings)
    sha256 = hashlib.sha256(backbone).hexdigest()
    objects.delete(layout.backbone(sha256))  # as where another one is bundled
    fresh.import_style(tmp_path / "quick.style.zip", name="swift")
    assert objects.get(layout.imported_backbone(sha256)) == backbone
    assert fresh.style("swift").path_from == "photo"
    ours = painted(alice, photo(tmp_path), "quick", tmp_path / "a", 0.7)
    assert painted(fresh, photo(tmp_path), "swift", tmp_path / "b", 0.7) == ours
    objects.put(layout.backbone(sha256), backbone)


def exported_backbone(client: Client, style: str, folder: Path) -> bytes:
    """Export a quick style, and return its backbone."""
    path = client.export_style(style, folder / f"{style}.style.zip")
    return unzipped(path.read_bytes())["backbone.safetensors"]


def test_a_folder_of_the_trainer_paints_as_its_style_does(
    source: LiveStack, alice: Client, fresh: Client, tmp_path: Path
) -> None:
    folder = BUNDLED_STYLES / "great-wave"
    given = ("styles", "import", str(folder), "--backbone", str(BUNDLED_BACKBONE))
    ran = cli(source.url, KEYS["alice"], *given, "--name", "wave")
    assert (ran.returncode, ran.stdout) == (0, "Published wave (private).\n"), ran.stderr
    taken = cli(source.url, KEYS["alice"], *given)
    assert taken.returncode == 2
    assert "already" in taken.stderr
    ours = painted(alice, photo(tmp_path), "wave", tmp_path / "a")
    assert painted(fresh, photo(tmp_path), "great-wave", tmp_path / "b") == ours


def look_before_choosing(alice: Client, bob: Client, photo: Path, out: Path) -> None:
    """A sheet shows what its tenant sees, to nobody else."""
    sheet = alice.submit_preview(photo)
    wait_until(lambda: alice.preview(sheet.id).state.terminal, "the sheet", PHOTO_SECONDS)
    found = alice.preview(sheet.id)
    assert "lilies" in [picture.style for picture in found.pictures]
    assert found.sheet is not None
    assert alice.save(found.sheet.address, out / "sheet.jpg").read_bytes()[:2] == b"\xff\xd8"
    for look in (
        lambda: bob.preview(sheet.id),
        lambda: bob.save(f"{sheet.links.self}/sheet.jpg", out / "no.jpg"),
        lambda: bob.submit_preview(photo, styles=["lilies"]),
    ):
        with pytest.raises(ClientError) as hidden:
            look()
        assert hidden.value.type in ("preview-missing", "style-missing")
    assert "lilies" not in [picture.style for picture in bob.submit_preview(photo).pictures]


def test_two_tenants_share_rename_and_delete(
    source: LiveStack, alice: Client, bob: Client, tmp_path: Path
) -> None:
    """An album that was accepted is painted in the style, whatever becomes of that meanwhile."""
    exported = alice.export_style("water-lilies", tmp_path / "lilies.style.zip")
    alice.import_style(exported, name="lilies")
    with pytest.raises(ClientError, match="No style is called") as missing:
        bob.submit([photo(tmp_path)], style="lilies")
    assert missing.value.type == "style-missing"
    hers = painted(alice, photo(tmp_path), "lilies", tmp_path / "a")
    look_before_choosing(alice, bob, photo(tmp_path), tmp_path)
    assert cli(source.url, KEYS["alice"], "styles", "share", "lilies").returncode == 0
    worker = source.pool_child()
    worker.suspend()
    try:
        album = bob.submit([photo(tmp_path)], style="lilies")
        renamed = cli(source.url, KEYS["alice"], "styles", "rename", "lilies", "pond")
        assert renamed.stdout == "lilies is now pond (shared).\n", renamed.stderr
        refused = cli(source.url, KEYS["bob"], "styles", "delete", "pond")
        assert (refused.returncode, refused.stdout) == (2, "")
        assert "another tenant" in refused.stderr
        assert cli(source.url, KEYS["alice"], "styles", "unshare", "pond").returncode == 0
        assert "pond" not in {style.name for style in bob.styles()}
        assert cli(source.url, KEYS["alice"], "styles", "delete", "pond").returncode == 0
    finally:
        worker.resume()
    assert result(bob, album.id, tmp_path / "b") == hers
    assert not {"lilies", "pond"} & {style.name for style in alice.styles()}
    gone = cli(source.url, KEYS["alice"], "styles", "export", "pond", "--out", str(tmp_path / "x"))
    assert gone.returncode == 2
    assert not (tmp_path / "x").exists()

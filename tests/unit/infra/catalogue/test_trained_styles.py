"""Styles that trainings publish stage by stage, each under the name that it reserved."""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import get_args

import pytest

from infra import layout
from infra.catalogue import Style, StyleCatalogue
from infra.catalogue.style import PathStart
from infra.errors import StyleTaken
from infra.jobs.domain.rules import StaleLease
from tests.fakes.jobs import Fuse
from tests.fakes.storage import MemoryStore
from tests.unit.infra.catalogue.folders import style_folder


def publish_stage(
    catalogue: StyleCatalogue,
    stage: int,
    job: str = "j1",
    net: bytes = b"",
    name: str = "waves",
    backbone: str | None = None,
    path_from: PathStart = "first-stage",
    check: Callable[[], None] = lambda: None,
) -> Style:
    return catalogue.publish_stage(
        name,
        backbone=backbone,
        path_from=path_from,
        title="Great Waves",
        job=job,
        stage=stage,
        ratio=0.1 * 4**stage,
        net=net or f"net {stage}".encode(),
        files={"card.json": b"{}", f"previews/stage-{stage}/0.jpg": b"jpeg"},
        check=check,
    )


def test_stages_are_published_one_by_one(catalogue: StyleCatalogue, objects: MemoryStore) -> None:
    catalogue.reserve("waves", "j1", "default")
    assert catalogue.names() == []
    for stages in (1, 2, 3):
        style = publish_stage(catalogue, stages - 1)
        assert catalogue.list() == [style]
        assert [stage.stage for stage in style.stages] == list(range(stages))
    assert (style.job, catalogue.made_by("waves", "j1")) == ("j1", (0, 1, 2))
    assert catalogue.resolve("waves", 1.0)[0].key == style.stages[2].key
    assert objects.get(style.stages[2].key) == b"net 2"
    assert catalogue.file("waves", "previews/stage-1/0.jpg") == b"jpeg"
    assert objects.content_types[layout.style_preview("waves", 1, 0)] == "image/jpeg"


@pytest.mark.parametrize("path_from", get_args(PathStart))
def test_a_trained_style_says_where_its_path_begins(
    catalogue: StyleCatalogue, path_from: PathStart
) -> None:
    catalogue.reserve("waves", "j1", "default")
    for stage in range(2):
        publish_stage(catalogue, stage, path_from=path_from)
    assert catalogue.get("waves").path_from == path_from
    assert catalogue.resolve("waves", 0)[0].is_photo == (path_from == "photo")


def test_stage_published_again_changes_nothing(catalogue: StyleCatalogue) -> None:
    catalogue.reserve("waves", "j1", "default")
    publish_stage(catalogue, 0)
    style = publish_stage(catalogue, 1)
    assert publish_stage(catalogue, 0) == publish_stage(catalogue, 1) == style


def test_stages_lie_in_order_however_they_come(catalogue: StyleCatalogue) -> None:
    """A stage that was refused leaves a gap; a repeated one keeps its place."""
    catalogue.reserve("waves", "j1", "default")
    for stage in (0, 3, 1):
        style = publish_stage(catalogue, stage)
    assert [stage.stage for stage in style.stages] == [0, 1, 3]
    changed = publish_stage(catalogue, 1, net=b"another")
    assert [stage.stage for stage in changed.stages] == [0, 1, 3]
    assert changed.stages[1].sha256 == hashlib.sha256(b"another").hexdigest()


@pytest.mark.parametrize("job", ["j2", ""])
def test_only_the_owner_of_a_name_publishes(catalogue: StyleCatalogue, job: str) -> None:
    catalogue.reserve("waves", "j1", "default")
    with pytest.raises(StyleTaken):
        publish_stage(catalogue, 0, job)
    publish_stage(catalogue, 0)
    with pytest.raises(StyleTaken):
        publish_stage(catalogue, 0, job)
    assert catalogue.made_by("waves", job) == ()


@pytest.mark.parametrize("effects", range(1, 7))
def test_stages_that_others_published_meanwhile_stay(effects: int) -> None:
    """A trainer hangs while it publishes; its successor goes on."""
    fuse = Fuse()
    catalogue = StyleCatalogue(MemoryStore(fuse))
    catalogue.reserve("waves", "j1", "default")
    publish_stage(catalogue, 0)

    def successor() -> None:
        for stage in (1, 2):
            publish_stage(catalogue, stage)

    fuse.set(effects, successor)
    publish_stage(catalogue, 1)
    assert fuse.fired
    assert catalogue.made_by("waves", "j1") == (0, 1, 2)


@pytest.mark.parametrize("effects", range(1, 7))
def test_name_that_was_given_back_meanwhile_is_not_published_under(effects: int) -> None:
    """The training ends while it publishes its first stage; the next one takes the name."""
    fuse = Fuse()
    catalogue = StyleCatalogue(MemoryStore(fuse))
    catalogue.reserve("waves", "j1", "default")

    def next_training() -> None:
        catalogue.release("waves", "j1")
        catalogue.reserve("waves", "j2", "default")
        publish_stage(catalogue, 0, "j2")

    fuse.set(effects, next_training)
    with pytest.raises(StyleTaken):
        publish_stage(catalogue, 0, "j1")
    assert catalogue.get("waves").job == "j2"


def cut_off(objects: MemoryStore, job: str, previews: int) -> None:
    """Leave what a first stage leaves that is cut off before its index, and give its name back."""
    catalogue = StyleCatalogue(objects)
    catalogue.reserve("waves", job, "default")
    numbers = range(previews)
    files = {f"previews/stage-0/{n}.jpg": b"a photo of its own" for n in numbers}
    catalogue.write_files("waves", files)
    catalogue.release("waves", job)


def test_first_stage_shows_no_previews_of_another_that_was_cut_off(
    catalogue: StyleCatalogue, objects: MemoryStore
) -> None:
    cut_off(objects, "j0", previews=3)
    catalogue.reserve("waves", "j1", "default")
    publish_stage(catalogue, 0)
    publish_stage(catalogue, 1)
    previews = [info.key for info in objects.list(layout.style_previews("waves"))]
    assert previews == [layout.style_preview("waves", stage, 0) for stage in (0, 1)]


def test_leftovers_are_no_longer_touched_once_the_hold_is_lost(
    catalogue: StyleCatalogue, objects: MemoryStore
) -> None:
    """They may be another's by then."""
    cut_off(objects, "j0", previews=3)
    catalogue.reserve("waves", "j1", "default")
    before = dict(objects.objects)

    def check() -> None:
        raise StaleLease("another has it")

    with pytest.raises(StaleLease):
        publish_stage(catalogue, 0, check=check)
    assert objects.objects == before


@pytest.mark.parametrize("effects", range(1, 15))
def test_previews_of_who_took_the_name_meanwhile_stay(effects: int) -> None:
    """Whether a trainer that hangs is behind by a stage, or by a training."""
    fuse = Fuse()
    objects = MemoryStore(fuse)
    cut_off(objects, "j0", previews=3)
    catalogue = StyleCatalogue(objects)
    catalogue.reserve("waves", "j1", "default")

    def next_training() -> None:
        catalogue.release("waves", "j1")
        catalogue.reserve("waves", "j2", "default")
        publish_stage(catalogue, 0, "j2")
        publish_stage(catalogue, 1, "j2")

    fuse.set(effects, next_training)
    with suppress(StyleTaken):
        publish_stage(catalogue, 0, "j1")
    if catalogue.made_by("waves", "j2"):
        assert objects.get(layout.style_preview("waves", 1, 0)) == b"jpeg"


def test_index_of_a_stage_is_written_last(objects: MemoryStore) -> None:
    catalogue = StyleCatalogue(objects)
    catalogue.reserve("waves", "j1", "default")
    publish_stage(catalogue, 0)
    written = [key for key in objects.objects if "owners" not in key]
    assert written[-1] == layout.style_index("waves")


def test_name_of_a_published_style_is_taken_for_good(
    catalogue: StyleCatalogue, tmp_path: Path
) -> None:
    catalogue.check_free("waves")
    catalogue.publish(style_folder(tmp_path))
    with pytest.raises(StyleTaken):
        catalogue.check_free("waves")
    with pytest.raises(StyleTaken):
        catalogue.reserve("waves", "j1", "default")
    catalogue.reserve("lilies", "j1", "default")
    publish_stage(catalogue, 0, name="lilies")
    catalogue.release("lilies", "j1")
    with pytest.raises(StyleTaken):
        catalogue.reserve("lilies", "j2", "default")
    catalogue.reserve("lilies", "j1", "default")


def test_folder_does_not_replace_what_was_trained(
    catalogue: StyleCatalogue, tmp_path: Path
) -> None:
    """A new version of the code may bundle a style of a name that a user has taken."""
    catalogue.reserve("waves", "j1", "default")
    style = publish_stage(catalogue, 0)
    assert catalogue.publish(style_folder(tmp_path)) == style == catalogue.get("waves")


def test_a_quick_style_keeps_the_name_of_its_backbone(catalogue: StyleCatalogue) -> None:
    catalogue.reserve("waves", "j1", "default")
    for stage in (0, 1):
        publish_stage(catalogue, stage, backbone="b" * 64)
    assert catalogue.get("waves").root == "b" * 64

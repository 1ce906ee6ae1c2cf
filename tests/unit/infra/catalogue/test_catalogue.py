"""Styles: from a folder into the bucket, and from a strength to nets."""

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra import layout
from infra.catalogue import Style, StyleCatalogue
from infra.catalogue.style import StyleShare
from infra.errors import InvalidRequest, StyleMissing, StyleTaken
from infra.jobs.domain.rules import StaleLease
from infra.storage.port import ObjectMissing
from tests.fakes.jobs import Fuse
from tests.fakes.storage import MemoryStore


def style_folder(root: Path, name: str = "waves", stages: int = 3) -> Path:
    """Write a style folder as the trainer does, with a few bytes for nets."""
    folder = root / name
    folder.mkdir()
    entries: list[dict[str, object]] = []
    for stage in range(stages):
        body = f"{name} {stage}".encode()
        (folder / f"stage-{stage}.safetensors").write_bytes(body)
        entries.append(
            {
                "stage": stage,
                "ratio": 0.1 * 4**stage,
                "iterations": 250,
                "file": f"stage-{stage}.safetensors",
                "sha256": hashlib.sha256(body).hexdigest(),
            }
        )
    card = {"name": name, "title": "Great Waves", "seed": 7, "stages": entries}
    (folder / "card.json").write_text(json.dumps(card))
    (folder / "contact-sheet.jpg").write_bytes(b"jpeg")
    return folder


def change_card(folder: Path, **changes: object) -> None:
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps(card | changes))


@pytest.fixture
def objects() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def catalogue(objects: MemoryStore) -> StyleCatalogue:
    return StyleCatalogue(objects)


def test_published_style_is_found(
    catalogue: StyleCatalogue, objects: MemoryStore, tmp_path: Path
) -> None:
    style = catalogue.publish(style_folder(tmp_path))
    assert catalogue.names() == ["waves"]
    assert catalogue.list() == [style] == [catalogue.get("waves")]
    assert [stage.stage for stage in style.stages] == [0, 1, 2]
    assert objects.get(style.stages[2].key) == b"waves 2"
    assert objects.get(layout.style_file("waves", "contact-sheet.jpg")) == b"jpeg"
    assert objects.content_types[layout.style_file("waves", "card.json")] == "application/json"


def test_styles_are_listed_by_name(catalogue: StyleCatalogue, tmp_path: Path) -> None:
    for name in ("waves", "lilies", "waves-2"):
        catalogue.publish(style_folder(tmp_path, name))
    assert catalogue.names() == ["lilies", "waves", "waves-2"]


@pytest.mark.parametrize("key", ["styles/", "styles//style.json", "styles/My style/style.json"])
def test_what_has_no_styles_name_is_passed_over(
    catalogue: StyleCatalogue, objects: MemoryStore, tmp_path: Path, key: str
) -> None:
    style = catalogue.publish(style_folder(tmp_path))
    objects.put(key, b"")
    assert catalogue.names() == ["waves"]
    assert catalogue.list() == [style]


def test_damaged_style_hides_no_other(
    catalogue: StyleCatalogue, objects: MemoryStore, tmp_path: Path
) -> None:
    style = catalogue.publish(style_folder(tmp_path))
    objects.put(layout.style_index("broken"), b"{")
    assert catalogue.list() == [style]
    with pytest.raises(StyleMissing, match="damaged"):
        catalogue.get("broken")


def test_publishing_again_changes_nothing(
    catalogue: StyleCatalogue, objects: MemoryStore, tmp_path: Path
) -> None:
    folder = style_folder(tmp_path)
    first = catalogue.publish(folder)
    before = dict(objects.objects)
    assert catalogue.publish(folder) == first
    assert objects.objects == before


def test_publishing_again_puts_a_damaged_index_right(
    catalogue: StyleCatalogue, objects: MemoryStore, tmp_path: Path
) -> None:
    """Or a deployment whose bundled style is damaged would not start."""
    folder = style_folder(tmp_path)
    style = catalogue.publish(folder)
    objects.put(layout.style_index("waves"), b"{")
    assert catalogue.publish(folder).stages == catalogue.get("waves").stages == style.stages


def test_style_is_not_there_before_it_is_whole(
    catalogue: StyleCatalogue, objects: MemoryStore, tmp_path: Path
) -> None:
    """A publication that was cut off is done again."""
    folder = style_folder(tmp_path)
    catalogue.publish(folder)
    objects.delete(layout.style_index("waves"))
    assert catalogue.names() == []
    assert len(catalogue.publish(folder).stages) == 3


def test_new_training_replaces_the_stages(catalogue: StyleCatalogue, tmp_path: Path) -> None:
    """Nets of the older one stay: running albums name them by their hash."""
    folder = style_folder(tmp_path)
    old = catalogue.publish(folder)
    body = b"trained longer"
    (folder / "stage-2.safetensors").write_bytes(body)
    stages = json.loads((folder / "card.json").read_text())["stages"]
    stages[2]["sha256"] = hashlib.sha256(body).hexdigest()
    change_card(folder, stages=stages)
    new = catalogue.publish(folder)
    assert new.stages[:2] == old.stages[:2]
    assert catalogue.get("waves").stages[2].sha256 == hashlib.sha256(body).hexdigest()


def test_net_that_is_not_the_one_on_the_card_is_refused(
    catalogue: StyleCatalogue, tmp_path: Path
) -> None:
    folder = style_folder(tmp_path)
    (folder / "stage-1.safetensors").write_bytes(b"something else")
    with pytest.raises(InvalidRequest, match=r"stage-1\.safetensors is not the net"):
        catalogue.publish(folder)
    assert catalogue.names() == []


def test_folder_with_a_net_missing_is_refused(catalogue: StyleCatalogue, tmp_path: Path) -> None:
    folder = style_folder(tmp_path)
    (folder / "stage-1.safetensors").unlink()
    with pytest.raises(InvalidRequest, match="missing"):
        catalogue.publish(folder)


@pytest.mark.parametrize("name", ["Waves", "../waves", "", "a b", "-a", "a" * 64])
def test_name_that_is_no_name_is_refused(
    catalogue: StyleCatalogue, tmp_path: Path, name: str
) -> None:
    folder = style_folder(tmp_path)
    change_card(folder, name=name)
    with pytest.raises(InvalidRequest):
        catalogue.publish(folder)
    with pytest.raises(StyleMissing):
        catalogue.get(name)


@pytest.mark.parametrize(
    "stage",
    [
        {"stage": 0, "ratio": 1, "file": "../../secret", "sha256": "0" * 64},
        {"stage": 0, "ratio": 1, "file": "stage-0.safetensors", "sha256": "../x"},
        {"stage": 0},
    ],
)
def test_card_that_points_elsewhere_is_refused(
    catalogue: StyleCatalogue, tmp_path: Path, stage: dict[str, object]
) -> None:
    folder = style_folder(tmp_path)
    change_card(folder, stages=[stage])
    with pytest.raises(InvalidRequest):
        catalogue.publish(folder)


def test_folder_without_a_card_is_refused(catalogue: StyleCatalogue, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="style card"):
        catalogue.publish(tmp_path)


def test_missing_style_names_those_that_are_there(
    catalogue: StyleCatalogue, tmp_path: Path
) -> None:
    with pytest.raises(StyleMissing, match="none yet"):
        catalogue.get("waves")
    catalogue.publish(style_folder(tmp_path))
    with pytest.raises(StyleMissing, match="waves"):
        catalogue.get("lilies")


@pytest.mark.parametrize(
    ("strength", "expected"),
    [
        (0.0, [(0, 1.0)]),
        (0.25, [(0, 0.5), (1, 0.5)]),
        (0.5, [(1, 1.0)]),
        (0.875, [(1, 0.25), (2, 0.75)]),
        (1.0, [(2, 1.0)]),
    ],
)
def test_strength_is_a_point_on_the_path_through_the_stages(
    catalogue: StyleCatalogue,
    tmp_path: Path,
    strength: float,
    expected: list[tuple[int, float]],
) -> None:
    style = catalogue.publish(style_folder(tmp_path))
    blend = catalogue.resolve("waves", strength)
    assert [(net.sha256, net.weight) for net in blend] == [
        (style.stages[stage].sha256, weight) for stage, weight in expected
    ]


def test_style_of_one_stage_has_one_strength(catalogue: StyleCatalogue, tmp_path: Path) -> None:
    style = catalogue.publish(style_folder(tmp_path, stages=1))
    for strength in (0.0, 0.3, 1.0):
        assert [net.key for net in style.blend(strength)] == [style.stages[0].key]


@given(st.floats(min_value=0, max_value=1), st.integers(1, 7))
def test_weights_of_a_blend_sum_to_one(strength: float, stages: int) -> None:
    style = Style.model_validate(
        {
            "name": "s",
            "title": "S",
            "published": "2026-01-01T00:00:00Z",
            "stages": [
                {"stage": n, "ratio": 1, "sha256": f"{n:064}", "key": f"k{n}"}
                for n in range(stages)
            ],
        }
    )
    blend = style.blend(strength)
    assert 1 <= len(blend) <= 2
    assert sum(net.weight for net in blend) == pytest.approx(1.0)


@pytest.mark.parametrize("strength", [-0.1, 1.1, float("nan")])
def test_strength_outside_its_range_is_refused(
    catalogue: StyleCatalogue, tmp_path: Path, strength: float
) -> None:
    catalogue.publish(style_folder(tmp_path))
    with pytest.raises(InvalidRequest):
        catalogue.resolve("waves", strength)


# Stages of a training.


def publish_stage(
    catalogue: StyleCatalogue,
    stage: int,
    job: str = "j1",
    net: bytes = b"",
    name: str = "waves",
    backbone: str | None = None,
    check: Callable[[], None] = lambda: None,
) -> Style:
    return catalogue.publish_stage(
        name,
        backbone=backbone,
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


def test_style_of_an_older_version_can_still_be_read(objects: MemoryStore) -> None:
    stage = '{"stage":0,"ratio":1.0,"sha256":"00","key":"k"}'
    old = f'{{"name":"w","title":"W","stages":[{stage}],"published":"2026-01-01T00:00:00Z"}}'
    objects.put(layout.style_index("w"), old.encode())
    assert StyleCatalogue(objects).get("w").job is None


def test_file_of_no_style_is_missing(catalogue: StyleCatalogue) -> None:
    with pytest.raises(StyleMissing):
        catalogue.file("..", "card.json")
    with pytest.raises(ObjectMissing):
        catalogue.file("waves", "card.json")
    with pytest.raises(ValueError, match="not one part"):
        catalogue.file("waves", "../lilies/card.json")


# Nets that styles share.


def test_backbone_is_found_by_its_hash(catalogue: StyleCatalogue) -> None:
    sha256 = catalogue.put_backbone(b"backbone")
    assert sha256 == hashlib.sha256(b"backbone").hexdigest()
    assert catalogue.has_backbone(sha256)
    assert catalogue.get_backbone(sha256) == b"backbone"
    assert not catalogue.has_backbone("0" * 64)


def test_first_base_of_a_shape_stays(catalogue: StyleCatalogue) -> None:
    key = layout.base({"width": 16, "upsample": "resize"}, "vgg19")
    assert catalogue.get_base(key) is None
    catalogue.put_base(key, b"first")
    catalogue.put_base(key, b"second")
    assert catalogue.get_base(key) == b"first"


def test_base_is_found_by_shape_and_loss_network_alone() -> None:
    key = layout.base({"width": 16, "upsample": "resize"}, "vgg19")
    assert layout.base({"upsample": "resize", "width": 16}, "vgg19") == key
    assert layout.base({"upsample": "resize", "width": 32}, "vgg19") != key
    assert layout.base({"upsample": "resize", "width": 16}, "vgg16") != key


def test_first_stage_of_a_folder_becomes_the_base(
    catalogue: StyleCatalogue, tmp_path: Path
) -> None:
    folder = style_folder(tmp_path)
    assert catalogue.publish_base(folder) is None  # the card does not tell what net it is
    shape = {"width": 16, "residual_blocks": 5, "upsample": "resize"}
    change_card(folder, net=shape, training={"loss_network": "vgg19", "seed": 1})
    key = catalogue.publish_base(folder)
    assert key == layout.base(shape, "vgg19")
    assert key
    assert catalogue.get_base(key) == b"waves 0"


def test_two_styles_are_resolved_together(catalogue: StyleCatalogue, tmp_path: Path) -> None:
    """Whole nets whose first stage is the same file, under two names."""
    for name in ("waves", "lilies"):
        folder = style_folder(tmp_path, name)
        (folder / "stage-0.safetensors").write_bytes(b"base")
        stages = json.loads((folder / "card.json").read_text())["stages"]
        stages[0]["sha256"] = hashlib.sha256(b"base").hexdigest()
        change_card(folder, stages=stages)
        catalogue.publish(folder)
    blend = catalogue.resolve("waves", 1.0, StyleShare(style="lilies", share=0.25))
    assert [net.weight for net in blend] == [0.75, 0.25]
    with pytest.raises(StyleMissing, match="poppies"):
        catalogue.resolve("waves", 1.0, StyleShare(style="poppies", share=0.25))


def test_a_quick_style_keeps_the_name_of_its_backbone(catalogue: StyleCatalogue) -> None:
    catalogue.reserve("waves", "j1", "default")
    for stage in (0, 1):
        publish_stage(catalogue, stage, backbone="b" * 64)
    assert catalogue.get("waves").root == "b" * 64

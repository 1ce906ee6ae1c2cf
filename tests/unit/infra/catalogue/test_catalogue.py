"""Styles: from a folder into the bucket, and from a strength to nets."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra import layout
from infra.catalogue import Style, StyleCatalogue
from infra.catalogue.style import StyleShare
from infra.errors import InvalidRequest, StyleFileRejected, StyleMissing
from infra.storage.port import ObjectMissing
from tests.fakes.storage import MemoryStore
from tests.style_files import net
from tests.unit.infra.catalogue.folders import change_card, net_of, over, style_folder
from worker.net import NetConfig, TransformNet
from worker.net.netfile import NetCard, pack


def test_published_style_is_found(
    catalogue: StyleCatalogue, objects: MemoryStore, tmp_path: Path
) -> None:
    style = catalogue.publish(style_folder(tmp_path))
    assert catalogue.names() == ["waves"]
    assert catalogue.list() == [style] == [catalogue.get("waves")]
    assert [stage.stage for stage in style.stages] == [0, 1, 2]
    assert objects.get(style.stages[2].key) == net_of("waves", 2)
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
    body = net_of("waves", 9)
    (folder / "stage-2.safetensors").write_bytes(body)
    stages = json.loads((folder / "card.json").read_text())["stages"]
    stages[2]["sha256"] = hashlib.sha256(body).hexdigest()
    change_card(folder, stages=stages)
    new = catalogue.publish(folder)
    assert new.stages[:2] == old.stages[:2]
    assert catalogue.get("waves").stages[2].sha256 == hashlib.sha256(body).hexdigest()


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


def test_backbone_is_found_by_its_hash(catalogue: StyleCatalogue) -> None:
    sha256 = catalogue.put_backbone(b"backbone")
    assert sha256 == hashlib.sha256(b"backbone").hexdigest()
    assert catalogue.has_backbone(sha256)
    assert catalogue.get_backbone(sha256) == b"backbone"
    assert not catalogue.has_backbone("0" * 64)


def test_new_quick_styles_start_from_the_backbone_that_was_chosen_last(
    catalogue: StyleCatalogue,
) -> None:
    assert catalogue.chosen_backbone() is None
    for body in (b"first", b"second", b"second"):
        catalogue.choose_backbone(catalogue.put_backbone(body))
    assert catalogue.chosen_backbone() == hashlib.sha256(b"second").hexdigest()
    assert catalogue.get_backbone(hashlib.sha256(b"first").hexdigest()) == b"first"


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
    grained = {"width": 16, "upsample": "resize", "grain": 4.0}
    assert layout.base(grained, "vgg19") == key, "who starts from it takes its grain"


def test_base_lies_under_its_shape_and_loss_network(catalogue: StyleCatalogue) -> None:
    config = NetConfig(width=2, residual_blocks=1, grain=2.5)
    body = pack(TransformNet(config), NetCard(config, "base", 0, 0.1, {"loss_network": "vgg19"}))
    key = catalogue.publish_base(body)
    assert key == layout.base(asdict(config), "vgg19")
    assert key
    assert catalogue.get_base(key) == body
    assert catalogue.publish_base(net(1)) is None  # the file does not tell what it learned with
    with pytest.raises(StyleFileRejected, match="The base is no net"):
        catalogue.publish_base(b"no net")


def test_two_styles_are_resolved_together(catalogue: StyleCatalogue, tmp_path: Path) -> None:
    """Whole nets whose first stage is the same file, under two names."""
    for name in ("waves", "lilies"):
        nets = [net(1), net_of(name, 1)]
        catalogue.publish(over(style_folder(tmp_path, name, stages=2), nets))
    blend = catalogue.resolve("waves", 1.0, StyleShare(style="lilies", share=0.25))
    assert [net.weight for net in blend] == [0.75, 0.25]
    with pytest.raises(StyleMissing, match="poppies"):
        catalogue.resolve("waves", 1.0, StyleShare(style="poppies", share=0.25))

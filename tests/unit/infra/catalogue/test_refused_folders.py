"""Folders that are no style are refused; a quick style's needs its backbone."""

from pathlib import Path

import pytest

from infra.catalogue import StyleCatalogue
from infra.errors import InvalidRequest, StyleMissing
from tests.style_files import affine, net
from tests.unit.infra.catalogue.folders import change_card, over, style_folder


def test_net_that_is_not_the_one_on_the_card_is_refused(
    catalogue: StyleCatalogue, tmp_path: Path
) -> None:
    folder = style_folder(tmp_path)
    (folder / "stage-1.safetensors").write_bytes(b"something else")
    with pytest.raises(InvalidRequest, match=r"stage-1\.safetensors is not the net"):
        catalogue.publish(folder)
    assert catalogue.names() == []


def test_quick_style_is_published_over_its_backbone(
    catalogue: StyleCatalogue, tmp_path: Path
) -> None:
    folder = over(style_folder(tmp_path, stages=2), [affine(net(1), 2), affine(net(1), 3, 1)])
    with pytest.raises(InvalidRequest, match="of a quick style is not here"):
        catalogue.publish(folder)
    assert catalogue.names() == []
    backbone = catalogue.put_backbone(net(1))
    assert catalogue.publish(folder).backbone == catalogue.get("waves").backbone == backbone


@pytest.mark.parametrize(
    ("nets", "words"),
    [
        ([net(1), affine(net(1), 2)], "over different nets"),
        ([net(1), b"a pickle, perhaps"], "is no net of a style"),
    ],
)
def test_stages_that_are_no_style_are_refused(
    catalogue: StyleCatalogue, tmp_path: Path, nets: list[bytes], words: str
) -> None:
    catalogue.put_backbone(net(1))
    with pytest.raises(InvalidRequest, match=words):
        catalogue.publish(over(style_folder(tmp_path, stages=2), nets))
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

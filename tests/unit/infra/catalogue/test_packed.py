"""Style files of strangers: only what an export would have made is believed."""

import hashlib
import json
from collections.abc import Mapping

import pytest

from infra.catalogue.packed import PackedStyle, read_packed
from infra.errors import StyleFileRejected
from tests.style_files import affine, members, net
from worker.net import NetConfig


def read(files: Mapping[str, bytes]) -> PackedStyle:
    return read_packed({name: len(body) for name, body in files.items()}, lambda name: files[name])


def manifest(files: Mapping[str, bytes]) -> dict[str, object]:
    return json.loads(files["manifest.json"])


def with_manifest(known: dict[str, bytes], **changes: object) -> dict[str, bytes]:
    return known | {"manifest.json": json.dumps({**manifest(known), **changes}).encode()}


def with_file(name: str, body: bytes) -> dict[str, bytes]:
    """Return members with one more, or another one, that the manifest names."""
    files = members() | {name: body}
    known = {"bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}
    named = manifest(files)["files"]
    assert isinstance(named, dict)
    return with_manifest(files, files={**named, name: known})


def test_a_whole_file_is_read() -> None:
    packed = read(members())
    assert [(one.stage, one.ratio) for one in packed.manifest.stages] == [(0, 0.5), (2, 1.5)]
    assert packed.beside == ["contact-sheet.jpg", "previews/stage-0/0.jpg", "card.json"]
    assert packed.backbone is None


def test_a_quick_style_names_its_backbone_with_it_or_without() -> None:
    backbone = net(5)
    sha256 = hashlib.sha256(backbone).hexdigest()
    nets = {0: affine(backbone, 1), 3: affine(backbone, 2, 3)}
    assert read(members(nets)).backbone == sha256
    assert read(members(nets, backbone=backbone)).backbone == sha256


@pytest.mark.parametrize(
    "name",
    [
        "style.json",
        "owners/1.json",
        "nets/x.safetensors",
        "../card.json",
        "/etc/passwd",
        "card.json/",
        "run.sh",
        "x.svg",
        "previews/stage-0/../../style.json",
        "previews/stage-00/0.jpg",
        "Contact-Sheet.jpg",
        "stage-100.safetensors",
        "a\n.jpg",
    ],
)
def test_members_that_no_style_has_are_refused(name: str) -> None:
    with pytest.raises(StyleFileRejected, match=r"no style has|differ at|not the nets"):
        read(with_file(name, b"\xff\xd8\xff"))


@pytest.mark.parametrize(
    "files",
    [
        {},
        members() | {"more.jpg": b"\xff\xd8\xff"},
        {name: body for name, body in members().items() if name != "contact-sheet.jpg"},
        {name: body for name, body in members().items() if name != "stage-2.safetensors"},
        members() | {"contact-sheet.jpg": b"\xff\xd8\xff shEet"},
        members() | {"stage-0.safetensors": net(9)},
        with_file("losses.png", b"<script>"),
        with_file("card.json", b"{"),
        with_file("card.json", b"[" * 100_000),
        with_file(
            "card.json", members()["card.json"][:-1] + b', "x": ' + b"[" * 9999 + b"]" * 9999 + b"}"
        ),
        with_file("card.json", json.dumps({"name": "night", "title": "x", "stages": []}).encode()),
        with_file("stage-0.safetensors", net(3)),  # which the card does not know
        with_file("backbone.safetensors", net(3)),
        members() | {"manifest.json": b"{"},
        members() | {"manifest.json": b"[" * 100_000},
        members() | {"manifest.json": b" " * (4 * 2**20 + 1)},
        members(version=2),
        members(format="other"),
        members(name="../night"),
        members(title="two\nlines"),
        members(title=""),
        members(stages=[]),
        members(stages=[{"stage": 0, "ratio": 1, "file": "stage-2.safetensors"}]),
        members(stages=[{"stage": 0, "ratio": float("nan"), "file": "stage-0.safetensors"}]),
        with_manifest(members(), backbone="backbone.safetensors"),
        members({0: net(1), 1: net(2, 1, NetConfig(width=3, residual_blocks=1))}),
        members({0: net(1), 1: affine(net(1), 2, 1)}),
        members({0: affine(net(1), 1), 1: affine(net(2), 2, 1)}),
        members({0: affine(net(1), 1)}, backbone=net(2)),
        members({0: affine(net(1), 1)}, backbone=affine(net(1), 1)),
        members({0: net(1)}, backbone=net(1)),
        members({0: b"\x80\x02}q\x00."}),
    ],
)
def test_files_that_lie_are_refused(files: dict[str, bytes]) -> None:
    with pytest.raises(StyleFileRejected):
        read(files)

"""A style as one file: a ZIP whose nets are streamed, and whose manifest names every member."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any, cast

from zipstream import ZipStream  # pyright: ignore[reportMissingTypeStubs]

from infra import layout
from infra.catalogue import Style
from infra.catalogue.card import stage_file
from infra.catalogue.indexes import StyleIndexes
from infra.catalogue.known_card import read_document
from infra.catalogue.packed import (
    BACKBONE,
    CARD,
    MANIFEST,
    PackedFile,
    PackedStage,
    StyleManifest,
    is_beside,
    preview_stage,
)
from infra.storage.port import ObjectMissing, ObjectStore


class StyleExport:
    """One style's file. What lies beside the nets is read now, so that it fits the stages."""

    def __init__(self, objects: ObjectStore, style: Style) -> None:
        """Raises ObjectMissing where a net is not there."""
        self._objects = objects
        beside = _beside(objects, style)
        keys = {stage_file(stage.stage): stage.key for stage in style.stages}
        hashes = {stage_file(stage.stage): stage.sha256 for stage in style.stages}
        if style.backbone is not None:
            found = StyleIndexes(objects).backbone_key(style.backbone)
            keys[BACKBONE] = found or layout.backbone(style.backbone)
            hashes[BACKBONE] = style.backbone
        self._nets = {name: (key, objects.head(key).size) for name, key in keys.items()}
        files = {
            name: PackedFile(bytes=size, sha256=hashes[name])
            for name, (_, size) in self._nets.items()
        } | {name: _packed(body) for name, body in beside.items()}
        manifest = StyleManifest(
            name=style.name,
            title=style.title[:200],
            stages=[
                PackedStage(
                    stage=stage.stage,
                    ratio=stage.ratio,
                    file=stage_file(stage.stage),
                )
                for stage in style.stages
            ],
            backbone=BACKBONE if style.backbone is not None else None,
            files=files,
        )
        document = manifest.model_dump_json(indent=2).encode() + b"\n"
        self._beside = {MANIFEST: document, **beside}
        self.size = len(self._zip(sized=True))

    def stream(self) -> Iterator[bytes]:
        """Yield the file's bytes; each net is opened when its turn comes."""
        archive = self._zip(sized=False)
        yield from archive.all_files()
        yield from archive.footer()

    def _zip(self, *, sized: bool) -> Any:  # noqa: ANN401  (the library has no types)
        archive = cast("Any", ZipStream)(sized=sized)
        for name, body in self._beside.items():
            archive.add(body, name)
        for name, (key, size) in self._nets.items():
            archive.add(iter(()) if sized else self._read(key), name, size=size)
        return archive

    def _read(self, key: str) -> Iterator[bytes]:
        yield from self._objects.stream(key)


def _beside(objects: ObjectStore, style: Style) -> dict[str, bytes]:
    """Return what lies beside a style's nets, the card first, as it was for these stages.

    A training that publishes writes a stage's files before its index: previews of the coming stage
    are left out, and the card is cut down to the stages.
    """
    folder = layout.style_folder(style.place)
    stages = {stage.stage for stage in style.stages}
    names = [info.key.removeprefix(folder) for info in objects.list(folder)]
    found = {CARD: b""}
    for name in sorted(filter(is_beside, names)):
        if preview_stage(name) in {None, *stages}:
            try:
                found[name] = objects.get(folder + name)
            except ObjectMissing:
                continue
    found[CARD] = _card(found[CARD], style)
    return found


def _card(stored: bytes, style: Style) -> bytes:
    """Return a style's card with the stages that are published; a small one where it has none."""
    card = read_document(stored) or {}
    listed: object = card.get("stages")
    entries = cast("list[object]", listed if isinstance(listed, list) else [])
    details = [cast("dict[str, Any]", entry) for entry in entries if isinstance(entry, dict)]
    told = {(entry.get("stage"), entry.get("sha256")): entry for entry in details}
    plain: list[dict[str, Any]] = [
        {
            "stage": stage.stage,
            "ratio": stage.ratio,
            "file": stage_file(stage.stage),
            "sha256": stage.sha256,
        }
        for stage in style.stages
    ]
    stages = [{**told.get((one["stage"], one["sha256"]), {}), **one} for one in plain]
    known = {"name": style.name, "title": style.title, "path_from": style.path_from}
    whole = {**card, **known, "stages": stages}
    return json.dumps(whole, indent=2).encode() + b"\n"


def _packed(body: bytes) -> PackedFile:
    return PackedFile(bytes=len(body), sha256=hashlib.sha256(body).hexdigest())

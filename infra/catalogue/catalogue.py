"""The styles of the deployment: what is published in the bucket, and how more get there."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Final

import structlog
from pydantic import ValidationError

from infra import layout
from infra.catalogue.card import read_card, read_net, read_stage
from infra.catalogue.indexes import StyleIndexes
from infra.catalogue.names import StyleNames
from infra.catalogue.net_header import check_net
from infra.catalogue.style import Blend, PathStart, Stage, Style, StyleShare, Visibility, resolve
from infra.errors import InvalidRequest, StyleTaken
from infra.storage.port import ObjectMissing, ObjectStore

_CONTENT_TYPES: Final = {
    ".json": "application/json",
    ".jsonl": "application/jsonl",
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".svg": "image/svg+xml",
}
_NET_TYPE: Final = "application/octet-stream"

log = structlog.get_logger()


class StyleCatalogue(StyleIndexes):
    """Published styles by their places: reads them, and publishes more."""

    def __init__(self, objects: ObjectStore) -> None:
        super().__init__(objects)
        self._names = StyleNames(objects)

    def resolve(self, name: str, strength: float, other: StyleShare | None = None) -> Blend:
        """Return the nets that a style at a strength of 0..1 stands for, mixed with another one.

        Raises StyleMissing, StylesNotBlendable, and InvalidRequest for any other strength.
        """
        return resolve(self.get, name, strength, other)

    def owner(self, style: Style) -> str | None:
        """Return the tenant that trained or imported a style; None for a bundled one."""
        if style.tenant is not None or style.job is None:
            return style.tenant
        return self._names.tenant_of(style.name, style.job)

    def check_free(self, name: str) -> None:
        """Raise StyleTaken when the name is a style's, or reserved."""
        self._names.check_free(name)

    def reserve(self, name: str, job: str, tenant: str) -> None:
        """Take a name for the style that a training will make; raises StyleTaken."""
        self._names.reserve(name, job, tenant)

    def release(self, name: str, job: str) -> None:
        """Give a reserved name back, unless a style has been published under it."""
        self._names.release(name, job)

    def made_by(self, name: str, job: str) -> tuple[int, ...]:
        """Return the stages of a style that a training has published."""
        style = self.find(name)
        return tuple(s.stage for s in style.stages) if style and style.job == job else ()

    def publish_stage(
        self,
        name: str,
        *,
        title: str,
        job: str,
        stage: int,
        ratio: float,
        net: bytes,
        files: Mapping[str, bytes],
        backbone: str | None = None,
        tenant: str | None = None,
        path_from: PathStart = "first-stage",
        check: Callable[[], None] = lambda: None,
    ) -> Style:
        """Publish one more stage of a training's style: its net, then `files`, the index last.

        `name` is its place, `files` go by their names below it. Safe to repeat, also with another
        net. Raises StyleTaken where the job has not reserved it; `check` may raise before a write.
        """
        if self._of_job(name, job) is None:
            self._clear_previews(name, job, files, check)
        new = _stage(name, job, stage, ratio, net)
        check()
        self._objects.put(new.key, net, content_type=_NET_TYPE)
        self.write_files(name, files, check)
        check()
        # Only now: since the look above, others may have published, or taken the name.
        before = self._of_job(name, job)
        stages = _with_stage(before, new)
        if before and before.stages == stages:
            return before
        style = Style(
            name=layout.place_name(name),
            visibility=_visibility(name),
            title=title,
            stages=stages,
            published=datetime.now(UTC),
            job=job,
            backbone=backbone,
            tenant=tenant,
            path_from=path_from,
        )
        self.put_index(style)
        return style

    def write_files(
        self, name: str, files: Mapping[str, bytes], check: Callable[[], None] = lambda: None
    ) -> None:
        """Write or replace files beside a style, in the order given, with a `check` before each."""
        for file, body in files.items():
            check()
            kind = _CONTENT_TYPES.get(PurePosixPath(file).suffix)
            self._objects.put(layout.style_file(name, file), body, content_type=kind)

    def _clear_previews(
        self, name: str, job: str, files: Mapping[str, bytes], check: Callable[[], None]
    ) -> None:
        """Remove the previews of a first stage that was cut off, except those that `files` replace.

        They may show photos of whoever had the name before. The name is checked before each
        removal: once somebody has published, the previews are theirs.
        """
        replaced = {layout.style_file(name, file) for file in files}
        for info in self._objects.list(layout.style_previews(name)):
            if info.key in replaced:
                continue
            check()
            if self._of_job(name, job) is not None:
                return
            self._objects.delete(info.key)

    def _of_job(self, name: str, job: str) -> Style | None:
        """Return a training's style, None before its first stage; raises StyleTaken."""
        owned = self._names.owned_by(name, job)
        found = self.find(name)  # last: what is written next is made from it
        if not owned or (found and found.job != job):
            raise StyleTaken(f"The name {name!r} is not reserved for job {job}.")
        return found

    # The nets that styles share.

    def put_backbone(self, body: bytes) -> str:
        """Keep the net that quick styles share, and return its SHA-256 (hex)."""
        sha256 = hashlib.sha256(body).hexdigest()
        if not self.has_backbone(sha256):
            self._objects.put(layout.backbone(sha256), body, content_type=_NET_TYPE)
        return sha256

    def has_backbone(self, sha256: str) -> bool:
        """Whether a backbone of that SHA-256 is there."""
        return self.exists(layout.backbone(sha256))

    def get_backbone(self, sha256: str) -> bytes:
        """Return a backbone's file; raises ObjectMissing."""
        return self._objects.get(layout.backbone(sha256))

    def choose_backbone(self, sha256: str) -> None:
        """Let new quick styles start from that backbone; others stay, for the styles over them."""
        if self.chosen_backbone() != sha256:
            self._objects.put(layout.CHOSEN_BACKBONE, sha256.encode(), content_type="text/plain")

    def chosen_backbone(self) -> str | None:
        """Return the SHA-256 of the backbone that was chosen last; None before the first time."""
        try:
            return self._objects.get(layout.CHOSEN_BACKBONE).decode()
        except ObjectMissing:
            return None

    def put_base(self, key: str, body: bytes) -> None:
        """Keep the net that new styles start from, by its `layout.base`; the first one stays."""
        if not self.exists(key):
            self._objects.put(key, body, content_type=_NET_TYPE)

    def get_base(self, key: str) -> bytes | None:
        """Return the net that new styles start from; None when there is none of that shape."""
        try:
            return self._objects.get(key)
        except ObjectMissing:
            return None

    def publish(self, folder: Path) -> Style:
        """Put a style folder (card, nets, pictures) into the bucket, its index last.

        Safe to repeat: nets lie under their hash, and a style that is there in the same stages,
        on the same path, stays as it is; one whose index is damaged is put right. A quick style's
        backbone is there already. Raises InvalidRequest when the card or a net is not what it
        should be.
        """
        card = read_card(folder)
        entries = sorted(card.stages, key=lambda entry: entry.stage)
        stages = tuple(read_stage(card, entry) for entry in entries)
        published = None
        with suppress(ValidationError):
            published = self.find(card.name)
        users = published and (published.job is not None or published.tenant is not None)
        same = published and (published.stages, published.path_from) == (stages, card.path_from)
        if published and (users or same):
            return published  # what a user has trained or imported under this name is the user's
        nets = [read_net(folder / e.file, s) for e, s in zip(entries, stages, strict=True)]
        backbone = self._backbone_of(nets)
        for stage, net in zip(stages, nets, strict=True):
            self._objects.put(stage.key, net, content_type=_NET_TYPE)
        for path in _companions(folder):
            self._put_file(path, layout.style_file(card.name, path.name))
        style = Style(
            name=card.name,
            title=card.title,
            stages=stages,
            published=datetime.now(UTC),
            backbone=backbone,
            path_from=card.path_from,
        )
        self.put_index(style)
        return style

    def _backbone_of(self, nets: Sequence[bytes]) -> str | None:
        """Return the backbone that all nets of a style are for, None where they are whole nets."""
        found = {check_net(net, "A stage").backbone for net in nets}
        if len(found) > 1:
            raise InvalidRequest("The stages of a style are over different nets.")
        (backbone,) = found
        if backbone is not None and not self.has_backbone(backbone):
            raise InvalidRequest(f"The backbone {backbone[:12]}… of a quick style is not here.")
        return backbone

    def publish_base(self, body: bytes) -> str | None:
        """Keep a net that hardly styles photos as the base of new styles, and return its key.

        None when its file does not name the loss network. Raises StyleFileRejected for a file that
        is no net.
        """
        header = check_net(body, "The base")
        if header.loss_network is None:
            return None
        key = layout.base(header.shape.model_dump(), header.loss_network)
        self.put_base(key, body)
        return key

    def _put_file(self, path: Path, key: str) -> None:
        with path.open("rb") as body:
            self._objects.put(key, body, content_type=_CONTENT_TYPES[path.suffix])


def _companions(folder: Path) -> Iterator[Path]:
    """The files beside the nets: the card, the contact sheet and other pictures."""
    return (path for path in sorted(folder.iterdir()) if path.suffix in _CONTENT_TYPES)


def _stage(place: str, job: str, stage: int, ratio: float, net: bytes) -> Stage:
    """Return a stage that a training publishes at a place."""
    sha256 = hashlib.sha256(net).hexdigest()
    return Stage(stage=stage, ratio=ratio, sha256=sha256, key=layout.style_net(place, sha256, job))


def _with_stage(style: Style | None, new: Stage) -> tuple[Stage, ...]:
    """Return a style's stages with a new one, which may take another's place."""
    others = [stage for stage in style.stages if stage.stage != new.stage] if style else []
    return tuple(sorted([*others, new], key=lambda stage: stage.stage))


def _visibility(place: str) -> Visibility:
    return "shared" if layout.place_tenant(place) is None else "private"

"""Changes of whole styles: import, a new name or title, sharing, deletion.

A kill between any two writes leaves nothing half-published: an index is written when all that it
names is there, and removed before anything that it named. Nets lie under keys of their own for each
import or move, and are removed much later, by a note of what is to go (`infra.jobs.maintenance`):
albums that were accepted before are painted with them. The note comes first; what an index names is
never removed by one. Whoever changes a style holds its place meanwhile (`names`), and a marker ends
the hold of one that was killed.
"""

import json
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import structlog
from pydantic import BaseModel

from infra import layout
from infra.catalogue.catalogue import StyleCatalogue
from infra.catalogue.known_card import read_document
from infra.catalogue.names import StyleNames
from infra.catalogue.packed import CARD, PackedStage, PackedStyle, is_beside
from infra.catalogue.style import Stage, Style, Visibility, style_place
from infra.errors import ServiceUnavailable, StyleBusy, StyleTaken
from infra.layout.ids import job_time, new_job_id
from infra.storage.port import ObjectMissing, ObjectStore

#: Seconds that an import or a move may take; what it wrote may be cleared away an hour later.
CHANGE_SECONDS: Final = 3600.0

_JSON: Final = "application/json"
_NET: Final = "application/octet-stream"

log = structlog.get_logger()


class StyleRemoval(BaseModel):
    """What is to be removed once nothing uses it: objects that were written for one style."""

    place: str
    keys: list[str]


@dataclass(frozen=True, slots=True)
class _Change:
    """A change under way: its id, which has the form of a job's, and who makes it."""

    id: str
    tenant: str


class StyleChanges:
    """Imports, moves and removes styles. `clock` is in seconds since the epoch.

    Every method raises ServiceUnavailable when S3 cannot be reached.
    """

    def __init__(self, *, objects: ObjectStore, clock: Callable[[], float]) -> None:
        self._objects = objects
        self._clock = clock
        self._catalogue = StyleCatalogue(objects)
        self._names = StyleNames(objects)

    def add(self, packed: PackedStyle, *, name: str, tenant: str, visibility: Visibility) -> Style:
        """Publish a style file under a name; raises StyleTaken and StyleBusy."""
        manifest = packed.manifest
        place = style_place(name, tenant, visibility)

        def stage(one: PackedStage, change: _Change) -> Stage:
            sha256 = manifest.files[one.file].sha256
            key = layout.style_net(place, sha256, change.id)
            return Stage(stage=one.stage, ratio=one.ratio, sha256=sha256, key=key)

        with self._change(tenant) as change:
            style = Style(
                name=name,
                title=manifest.title,
                stages=tuple(stage(one, change) for one in manifest.stages),
                published=datetime.fromtimestamp(self._clock(), UTC),
                backbone=packed.backbone,
                path_from=packed.path_from,
                tenant=tenant,
                visibility=visibility,
            )

            def write_nets() -> None:
                self._keep_backbone(packed)
                for one, new in zip(manifest.stages, style.stages, strict=True):
                    self._objects.put(new.key, packed.read(one.file), content_type=_NET)

            files = ((file, packed.read(file)) for file in packed.beside)
            self._publish(style, change, write_nets, files)
        return style

    def _keep_backbone(self, packed: PackedStyle) -> None:
        """Keep the backbone that came with a quick style, where there is none of its hash."""
        file = packed.manifest.backbone
        if packed.backbone and file and self._catalogue.backbone_key(packed.backbone) is None:
            key = layout.imported_backbone(packed.backbone)
            self._objects.put(key, packed.read(file), content_type=_NET)

    def move(
        self,
        style: Style,
        tenant: str,
        *,
        name: str | None = None,
        title: str | None = None,
        visibility: Visibility | None = None,
    ) -> Style:
        """Give a style another name, title or visibility, as far as they are given.

        Raises StyleTaken, and StyleBusy while it is trained or changed.
        """
        wanted = style.model_copy(
            update={
                "name": name or style.name,
                "title": title or style.title,
                "visibility": visibility or style.visibility,
                "tenant": self._catalogue.owner(style) or tenant,
            }
        )
        with self._change(tenant) as change, self._held(style, change):
            if wanted.place == style.place:
                self._retitle(wanted)
                return wanted
            moved = wanted.model_copy(update={"stages": _stages_at(wanted, change.id)})

            def copy_nets() -> None:
                for before, after in zip(style.stages, moved.stages, strict=True):
                    self._objects.copy(before.key, after.key)

            self._publish(moved, change, copy_nets, self._files(style).items())
            self._remove(style)
        return moved

    def remove(self, style: Style, tenant: str) -> None:
        """Delete a style; raises StyleBusy while it is trained or changed."""
        with self._change(tenant) as change, self._held(style, change):
            self._remove(style)

    @contextmanager
    def _change(self, tenant: str) -> Generator[_Change]:
        """Begin a change, and leave the marker by which its holds count until it is over."""
        change = _Change(new_job_id(self._clock()), tenant)
        marker = layout.open_marker(tenant, change.id)
        self._objects.put(marker, b"")
        try:
            yield change
        finally:
            self._objects.delete(marker)

    @contextmanager
    def _held(self, style: Style, change: _Change) -> Generator[None]:
        """Hold the place of a style that is there; raises StyleBusy, also if it has changed."""
        self._names.hold(style.place, change.id, change.tenant)
        try:
            if self._catalogue.find(style.place) != style:
                raise StyleBusy(f"The style {style.name!r} has just been changed; look again.")
            yield
        finally:
            self._names.give_back(style.place, change.id)

    def _publish(
        self,
        style: Style,
        change: _Change,
        write_nets: Callable[[], None],
        files: Iterable[tuple[str, bytes]],
    ) -> None:
        """Write a style at a place where none is, its index last; takes all back on an error."""
        self._reserve(style, change)
        note = layout.style_removal(change.id)
        keys = [stage.key for stage in style.stages]
        try:
            self._clear_files(style.place)
            self._note(note, style.place, keys)
            write_nets()
            for file, body in files:
                ready = _renamed(body, style) if file == CARD else body
                self._catalogue.write_files(style.place, {file: ready})
            if not self._names.owned_by(style.place, change.id) or self._is_late(change.id):
                raise StyleBusy("It took too long; send the style again.")
            self._catalogue.put_index(style)
        except Exception:
            self._withdraw(style.place, change.id, keys)
            raise
        self._objects.delete(note)
        self._names.give_back(style.place, change.id)

    def _reserve(self, style: Style, change: _Change) -> None:
        """Take a place where no style is; raises StyleTaken, and then it is not taken."""
        try:
            self._names.reserve(style.place, change.id, change.tenant)
            # Another import may have come and gone before the place was taken.
            if self._catalogue.has(style.place):
                raise StyleTaken(f"A style is called {style.name!r} already; choose another name.")
        except Exception:
            with suppress(ServiceUnavailable):
                self._names.give_back(style.place, change.id)
            raise

    def _retitle(self, style: Style) -> None:
        """Write the title of a style whose place is held, on its card and in its index."""
        if card := self._files(style).get(CARD):
            self._catalogue.write_files(style.place, {CARD: _renamed(card, style)})
        self._catalogue.put_index(style)

    def _is_late(self, change: str) -> bool:
        return self._clock() - job_time(change) > CHANGE_SECONDS

    def _withdraw(self, place: str, change: str, keys: Iterable[str]) -> None:
        """Take back what was written; where S3 is away now, the note has it removed later."""
        try:
            if self._catalogue.has(place):
                return  # the index was written after all
            for key in keys:
                self._objects.delete(key)
            self._clear_files(place)
            self._objects.delete(layout.style_removal(change))
            self._names.give_back(place, change)
        except ServiceUnavailable as error:
            log.warning("style not withdrawn", place=place, reason=error.detail)

    def _remove(self, style: Style) -> None:
        """Remove a style whose place is held: the note of its nets, its index, then its files."""
        note = layout.style_removal(new_job_id(self._clock()))
        self._note(note, style.place, [stage.key for stage in style.stages])
        self._objects.delete(layout.style_index(style.place))
        self._clear_files(style.place)
        if style.job is not None:
            self._names.give_back(style.place, style.job)
        log.info("style removed", style=style.name, tenant=style.tenant)

    def _note(self, key: str, place: str, keys: list[str]) -> None:
        body = StyleRemoval(place=place, keys=keys).model_dump_json().encode()
        self._objects.put(key, body, content_type=_JSON)

    def _clear_files(self, place: str) -> None:
        """Remove what lies beside the nets of a place whose style is gone, or never came."""
        folder = layout.style_folder(place)
        for info in self._objects.list(folder):
            if is_beside(info.key.removeprefix(folder)):
                self._objects.delete(info.key)

    def _files(self, style: Style) -> dict[str, bytes]:
        """Return what lies beside a style's nets, by name, the card last."""
        folder = layout.style_folder(style.place)
        names = [info.key.removeprefix(folder) for info in self._objects.list(folder)]
        found: dict[str, bytes] = {}
        for name in sorted(filter(is_beside, names), key=lambda name: (name == CARD, name)):
            try:
                found[name] = self._catalogue.file(style.place, name)
            except ObjectMissing:
                continue
        return found


def _stages_at(style: Style, change: str) -> tuple[Stage, ...]:
    """Return a style's stages with keys for their nets that nobody had before."""
    return tuple(
        one.model_copy(update={"key": layout.style_net(style.place, one.sha256, change)})
        for one in style.stages
    )


def _renamed(card: bytes, style: Style) -> bytes:
    """Return a card with the name and title of its style; one that cannot be read as it is."""
    document = read_document(card)
    if document is None:
        return card
    known = document | {"name": style.name, "title": style.title}
    return json.dumps(known, indent=2).encode() + b"\n"

"""Paints previews: decode once, make small once, paint each picture, draw the sheet.

They share the nets, the decoder and the device's thread with albums, so a picture waits at most
for the photos that an album has begun.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import structlog
from PIL import Image

from infra import layout
from infra.catalogue.style import is_photo_alone
from infra.errors import ServiceUnavailable
from infra.jobs.domain.model import Problem
from infra.jobs.metadata import MetadataChoice
from infra.previews.claims import PreviewClaims
from infra.previews.model import (
    ClaimedPreview,
    PaintedFile,
    PictureSpec,
    PreviewOutcome,
    PreviewSpec,
)
from infra.storage.port import ObjectMissing, ObjectStore
from worker.album.failures import StyleUnusable, problem_of
from worker.album.parts import Nets, Tally
from worker.engines.port import Check
from worker.engines.strokes import WORKING_SIDE
from worker.fetch.photo import fetch_photo
from worker.net.netfile import NetFileRejected
from worker.pixels import Photo, encode
from worker.pixels.memory_budget import Reservation
from worker.pixels.photo import Pixels
from worker.previews.keeper import PreviewKeeper
from worker.previews.sheet import preview_sheet
from worker.process.lease_keeper import Halted, LeaseTiming

log = structlog.get_logger()


class Stopped(Exception):
    """The process has to stop; the preview is given back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewPainter:
    """Works one preview at a time. `stop` is set when the process has to end."""

    claims: PreviewClaims
    objects: ObjectStore
    nets: Nets
    tally: Tally
    stop: threading.Event
    #: `PhotoDecoder.admit` or the like.
    decode: Callable[[bytes, Check, MetadataChoice], tuple[Photo, Reservation]]
    #: The one thread that uses nets and device.
    device: Executor
    max_photo_bytes: int
    timing: LeaseTiming

    def work(self, tenant: str, preview: str) -> None:
        """Paint a preview, if it still is to be painted.

        Whatever is wrong with photo or styles ends it with the reason. In an outage, or when the
        process has to stop, it is given back.
        """
        started = time.monotonic()
        try:
            claim = self.claims.claim(tenant, preview)
        except ServiceUnavailable as error:
            log.warning("preview not claimed", preview=preview, reason=error.detail)
            return
        if claim is None:
            return
        outcome = None
        keeper = PreviewKeeper(claims=self.claims, claim=claim, stop=self.stop, timing=self.timing)
        with suppress(Halted, ServiceUnavailable), keeper:
            with suppress(Stopped):
                outcome = _Run(self, claim, keeper).outcome()
            if outcome is None:
                keeper.release()
            else:
                keeper.finish(outcome)
        ended = "given-back" if outcome is None else "failed" if outcome.error else "done"
        self.tally.increment("previews_total", outcome=ended)
        seconds = round(time.monotonic() - started, 3)
        log.info("preview worked", preview=preview, outcome=ended, seconds=seconds)


class _Run:
    """One attempt at a claimed preview."""

    def __init__(
        self, painter: PreviewPainter, claim: ClaimedPreview, keeper: PreviewKeeper
    ) -> None:
        self._with = painter
        self._spec: PreviewSpec = claim.spec
        self._key = (claim.spec.tenant, claim.spec.id)
        self._keeper = keeper

    def outcome(self) -> PreviewOutcome:
        """Do everything; raises Halted, Stopped and ServiceUnavailable."""
        try:
            photo = self._small(self._decoded())
            paintings = self._paintings(photo)
            return self._kept(shrunk(photo, self._spec.side), paintings)
        except (Halted, Stopped, ServiceUnavailable):
            raise
        except Exception as error:
            problem = self._problem(error, self._spec.pictures[0].style)
            return PreviewOutcome(finished=self._with.claims.now(), error=problem)

    def _check(self) -> None:
        self._keeper.check()
        if self._with.stop.is_set():
            raise Stopped

    def _decoded(self) -> tuple[Photo, Reservation]:
        key = layout.preview_photo(*self._key)
        most = self._with.max_photo_bytes
        data = self._keeper.persist(lambda: fetch_photo(self._with.objects, key, most))
        return self._with.decode(data, self._check, "none")

    def _small(self, decoded: tuple[Photo, Reservation]) -> Pixels:
        """Return the photo as small as it is painted."""
        photo, reservation = decoded
        proportional = self._spec.stroke == "proportional"
        side = max(self._spec.side, WORKING_SIDE) if proportional else self._spec.side
        try:
            return shrunk(photo.rgb, side)
        finally:
            reservation.release()

    def _paintings(self, photo: Pixels) -> list[Pixels | Problem]:
        """Return each picture, or why it is missing."""
        paintings: list[Pixels | Problem] = []
        for spec in self._spec.pictures:
            self._check()
            try:
                painted = self._with.device.submit(self._paint, spec, photo).result()
            except (Halted, Stopped, ServiceUnavailable):
                raise
            except Exception as error:
                painted = self._problem(error, spec.style)
            paintings.append(painted)
        return paintings

    def _paint(self, spec: PictureSpec, photo: Pixels) -> Pixels:
        stroke = self._spec.stroke
        try:
            engine = self._keeper.persist(lambda: self._with.nets.engine(spec.blend, stroke))
        except (ObjectMissing, NetFileRejected) as error:
            raise StyleUnusable(str(error)) from error
        return shrunk(engine.stylize(photo, self._check), self._spec.side)

    def _kept(self, photo: Pixels, paintings: Sequence[Pixels | Problem]) -> PreviewOutcome:
        """Store the pictures, or the sheet of them; the outcome names what is there."""
        errors = {n: one for n, one in enumerate(paintings) if isinstance(one, Problem)}
        there = [None if isinstance(one, Problem) else one for one in paintings]
        finished = self._with.claims.now()
        if len(errors) == len(there):
            return PreviewOutcome(finished=finished, error=errors[0], errors=errors)
        if self._spec.sheet:
            rgb = preview_sheet(photo, self._spec.pictures, there)
            sheet = self._store(layout.preview_sheet(*self._key), rgb)
            return PreviewOutcome(finished=finished, errors=errors, sheet=sheet)
        pictures = tuple(
            None if rgb is None else self._store_picture(number, rgb)
            for number, rgb in enumerate(there)
        )
        return PreviewOutcome(finished=finished, errors=errors, pictures=pictures)

    def _store_picture(self, number: int, rgb: Pixels) -> PaintedFile:
        unpainted = is_photo_alone(self._spec.pictures[number].blend)
        return self._store(layout.preview_picture(*self._key, number), rgb, faithful=unpainted)

    def _store(self, key: str, rgb: Pixels, *, faithful: bool = False) -> PaintedFile:
        body = encode(rgb, Photo(rgb=rgb, alpha=None, format="JPEG"), faithful=faithful)
        put = self._with.objects.put
        self._keeper.persist(lambda: put(key, body, content_type="image/jpeg"))
        return PaintedFile(width=rgb.shape[1], height=rgb.shape[0], bytes=len(body))

    def _problem(self, error: Exception, style: str) -> Problem:
        where: Mapping[str, object] = {"preview": self._spec.id, "tenant": self._spec.tenant}
        return problem_of(error, style=style, **where)


def shrunk(rgb: Pixels, side: int) -> Pixels:
    """Return a photo, (H, W, 3), whose longer side is `side` pixels; a smaller one as it is."""
    height, width, _ = rgb.shape
    scale = side / max(height, width)
    if scale >= 1:
        return rgb
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = Image.fromarray(rgb).resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    return np.array(small)

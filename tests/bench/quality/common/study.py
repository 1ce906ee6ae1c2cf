"""Programs at several strengths, measured on photos; what was measured before is not repeated."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from statistics import fmean

from tests.bench.quality.common.content import Content, content_of
from tests.bench.quality.common.curves import Point, normalised
from tests.bench.quality.common.programs import Program, read, sha256
from tests.bench.quality.common.sheets import beside
from tests.bench.quality.common.style import StyleGauge, fingerprint
from worker.engines.port import Pixels


@dataclass(frozen=True, slots=True)
class Subject:
    """A style, and the painting that it is held against."""

    name: str
    painting: Path


@dataclass(frozen=True, slots=True)
class Measured:
    """Pictures of a program at one strength: means over the photos."""

    strength: float
    content: Content
    #: Distances from the painting by measure, as StyleGauge has them.
    style: dict[str, float]


@dataclass(frozen=True, slots=True)
class Course:
    """A program's pictures in one style, from its weakest strength to its strongest."""

    subject: str
    program: str
    photos: Measured
    path: list[Measured]

    def curve(self, *measures: str) -> list[Point]:
        """Return the path as points; by all measures of style, or those named."""
        chosen = measures or tuple(self.photos.style)
        base = {name: self.photos.style[name] for name in chosen}
        return [
            Point(m.strength, m.content.kept, normalised({n: m.style[n] for n in chosen}, base))
            for m in self.path
        ]


class Study:
    """Measures programs on the same photos, PNG files, and keeps each result in a folder."""

    def __init__(self, photos: Sequence[Path], kept: Path) -> None:
        self.photos = list(photos)
        self.seen = [read(photo) for photo in photos]
        self._kept = kept
        self._kept.mkdir(parents=True, exist_ok=True)
        self._same = fingerprint() + "".join(map(sha256, photos))
        self._gauges: dict[tuple[Path, tuple[int, ...]], StyleGauge] = {}

    def course(self, program: Program, subject: Subject, strengths: Sequence[float]) -> Course:
        """Return a program's pictures in a style at some strengths, measured."""
        photos = self._measured(subject, "the photos", 0.0, lambda: self.seen)
        path = [self._at(program, subject, strength) for strength in strengths]
        return Course(subject.name, program.name, photos, path)

    def _at(self, program: Program, subject: Subject, strength: float) -> Measured:
        style, painting = subject.name, subject.painting
        return self._measured(
            subject,
            program.identity(style, painting, strength),
            strength,
            lambda: program.paint(style, painting, strength, self.photos),
        )

    def _measured(
        self, subject: Subject, identity: str, strength: float, paint: Callable[[], list[Pixels]]
    ) -> Measured:
        decides = f"{self._same} {sha256(subject.painting)} {strength:.6f} {identity}"
        record = self._kept / f"{hashlib.sha256(decides.encode()).hexdigest()[:24]}.json"
        if not record.exists():
            record.write_text(json.dumps(asdict(self._compare(subject, strength, paint()))))
        found = json.loads(record.read_text())
        return Measured(found["strength"], Content(**found["content"]), found["style"])

    def _compare(self, subject: Subject, strength: float, pictures: list[Pixels]) -> Measured:
        pairs = list(zip(pictures, self.seen, strict=True))
        contents = [content_of(picture, photo) for picture, photo in pairs]
        styles = [self._gauge(subject, photo).distances(picture) for picture, photo in pairs]
        return Measured(
            strength,
            Content(*(fmean(values) for values in zip(*map(astuple, contents), strict=True))),
            {name: fmean(style[name] for style in styles) for name in styles[0]},
        )

    def _gauge(self, subject: Subject, photo: Pixels) -> StyleGauge:
        """Return the painting as it would hang beside a photo; kept for photos of one size."""
        hung = beside(read(subject.painting), photo)
        key = (subject.painting, hung.shape)
        if key not in self._gauges:
            self._gauges[key] = StyleGauge(hung)
        return self._gauges[key]

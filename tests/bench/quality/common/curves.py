"""Two programs' curves of content against style, and which of them is ahead."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

#: The other program's strengths that count: below, its pictures are hardly paintings.
LEAST_STRENGTH = 0.5
#: Part of those points at which the two must be comparable: else one is simply the stronger.
LEAST_TOLD = 0.5


@dataclass(frozen=True, slots=True)
class Point:
    """A program at one strength, in the mean over photos."""

    strength: float
    #: Content kept: 1 is the photo.
    content: float
    #: Style distance: 1 is as far from the painting as the photos are, and 0 the painting itself.
    style: float


Curve = Sequence[Point]


def normalised(distances: Mapping[str, float], of_photos: Mapping[str, float]) -> float:
    """Return the mean over measures of a distance over that of the photos themselves."""
    return fmean(distances[name] / of_photos[name] for name in distances)


def style_at(curve: Curve, content: float) -> float | None:
    """Return the style distance where a curve keeps so much content; None where it never does.

    Between two points it is a line. Of several places it is the worst: of most distance.
    """
    places = _crossings([(p.content, p.style) for p in curve], content)
    return max(places) if places else None


def content_at(curve: Curve, style: float) -> float | None:
    """Return the content kept where a curve has a style distance; None where it never has.

    Of several places it is the worst: of least content.
    """
    places = _crossings([(p.style, p.content) for p in curve], style)
    return min(places) if places else None


def strength_at(curve: Curve, content: float) -> float | None:
    """Return the highest strength at which a curve keeps so much content."""
    places = _crossings([(p.content, p.strength) for p in curve], content)
    return max(places) if places else None


def _crossings(path: Sequence[tuple[float, float]], at: float) -> list[float]:
    """Return y wherever a path of (x, y), a line between each two, comes to an x."""
    found = [y for x, y in path if x == at]
    for (x0, y0), (x1, y1) in itertools.pairwise(path):
        if min(x0, x1) < at < max(x0, x1):
            found.append(y0 + (at - x0) / (x1 - x0) * (y1 - y0))
    return found


@dataclass(frozen=True, slots=True)
class Comparison:
    """Our curve beside another's, at the other's points; above 0 ours is ahead. None: no point."""

    #: Their style distance less ours, where ours keeps as much content.
    style: float | None
    #: Our content less theirs, where ours has as much style distance.
    content: float | None
    #: Part of the points, 0..1, at which either can be told.
    told: float

    @property
    def won(self) -> bool:
        """Whether ours is ahead: by both, where both can be told, at half of the points or more."""
        gaps = [gap for gap in (self.style, self.content) if gap is not None]
        return self.told >= LEAST_TOLD and all(gap > 0 for gap in gaps)


def compare(ours: Curve, theirs: Curve) -> Comparison:
    """Hold our curve against each of the other's points of LEAST_STRENGTH and more."""
    points = [point for point in theirs if point.strength >= LEAST_STRENGTH]
    style = [None if (at := style_at(ours, p.content)) is None else p.style - at for p in points]
    kept = [None if (at := content_at(ours, p.style)) is None else at - p.content for p in points]
    told = [gaps != (None, None) for gaps in zip(style, kept, strict=True)]
    return Comparison(_mean(style), _mean(kept), fmean(told))


def _mean(gaps: Sequence[float | None]) -> float | None:
    told = [gap for gap in gaps if gap is not None]
    return fmean(told) if told else None

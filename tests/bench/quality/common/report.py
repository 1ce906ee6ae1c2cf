"""What a study of pictures comes to: tables, promises and a verdict on each style."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tests.bench.common.promises import Promise
from tests.bench.common.tables import table
from tests.bench.quality.common.curves import Comparison, compare, strength_at
from tests.bench.quality.common.study import Course
from tests.bench.quality.common.style import MEASURES

#: Of the styles against another program, this part must be won: 12 of 15.
SHARE = 0.8


@dataclass(frozen=True, slots=True)
class Match:
    """Our course of a style, and another program's."""

    ours: Course
    theirs: Course

    @property
    def overall(self) -> Comparison:
        """The comparison by all measures."""
        return self.by()

    def by(self, *measures: str) -> Comparison:
        """Compare by some measures of style alone."""
        return compare(self.ours.curve(*measures), self.theirs.curve(*measures))


def verdicts(matches: Sequence[Match]) -> str:
    """Return a row for each style: both at full strength, the gaps, the winner."""
    head = (
        "style",
        "ours at 1: content, style",
        "theirs at 1: content, style",
        "our strength at that content",
        "style ahead",
        "content ahead",
        "compared",
        *(f"ahead by {name}" for name in MEASURES),
        "won",
    )
    return table(head, [_row(match) for match in matches])


def _row(match: Match) -> tuple[str, ...]:
    ours, last = match.ours.curve(), match.theirs.curve()[-1]
    return (
        match.ours.subject,
        f"{ours[-1].content:.3f}, {ours[-1].style:.3f}",
        f"{last.content:.3f}, {last.style:.3f}",
        _told(strength_at(ours, last.content), "{:.2f}"),
        _told(match.overall.style, "{:+.3f}"),
        _told(match.overall.content, "{:+.3f}"),
        f"{match.overall.told:.0%}",
        *("yes" if match.by(name).won else "no" for name in MEASURES),
        "yes" if match.overall.won else "no",
    )


def _told(figure: float | None, form: str) -> str:
    return "–" if figure is None else form.format(figure)


def promise(matches: Sequence[Match], share: float) -> Promise:
    """Return how many styles are won, against the part of them (0..1) that must be."""
    won, needed = sum(match.overall.won for match in matches), math.ceil(share * len(matches))
    what = f"styles ahead of {matches[0].theirs.program}"
    return Promise(what, f"{won} of {len(matches)}", f"≥ {needed}", won >= needed)


def course_table(courses: Sequence[Course]) -> str:
    """Return every point of some courses: what is kept, and each distance over the photos' own."""
    rows = [
        (
            f"{course.subject}, {course.program}",
            f"{m.strength:.2f}",
            f"{m.content.ssim:.3f}",
            f"{m.content.edges:.3f}",
            f"{m.content.psnr:.1f}",
            *(f"{m.style[name] / course.photos.style[name]:.3f}" for name in MEASURES),
            f"{point.style:.3f}",
        )
        for course in courses
        for m, point in zip(course.path, course.curve(), strict=True)
    ]
    head = ("style, program", "strength", "SSIM", "edges", "PSNR, dB", *MEASURES, "style")
    return table(head, rows)

"""From previews to the JSON of the API."""

from api.responses.addresses import preview_page
from api.responses.render import reason
from api.schemas.base import timestamp
from api.schemas.previews import (
    PreviewLinks,
    PreviewPicture,
    PreviewSheet,
    StylePreview,
)
from infra.previews.model import PreviewOutcome, PreviewView

_NOTHING = PreviewOutcome(finished=0.0)


def render_preview(view: PreviewView) -> StylePreview:
    """Render a preview as it is now."""
    spec, outcome = view.spec, view.outcome or _NOTHING
    page = preview_page(spec.id)
    sheet = outcome.sheet
    return StylePreview(
        id=spec.id,
        state=view.state,
        side=spec.side,
        stroke=spec.stroke,
        pictures=[_picture(view, outcome, number) for number in range(len(spec.pictures))],
        sheet=sheet and PreviewSheet(address=f"{page}/sheet.jpg", **sheet.model_dump()),
        error=reason(outcome.error),
        created=timestamp(spec.created),
        finished=timestamp(outcome.finished) if view.outcome else None,
        expires_at=timestamp(view.expires),
        links=PreviewLinks(self=page),
    )


def _picture(view: PreviewView, outcome: PreviewOutcome, number: int) -> PreviewPicture:
    spec = view.spec.pictures[number]
    found = outcome.pictures[number] if number < len(outcome.pictures) else None
    return PreviewPicture(
        style=spec.style,
        strength=spec.strength,
        address=found and f"{preview_page(view.spec.id)}/pictures/{number}.jpg",
        width=found and found.width,
        height=found and found.height,
        bytes=found and found.bytes,
        error=reason(outcome.errors.get(number)),
    )

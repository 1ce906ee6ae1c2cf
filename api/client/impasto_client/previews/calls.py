"""The calls of a client that show a photo in styles before one is chosen."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from ..connection import ClientError, Connection, quoted
from ..options import Stroke
from ..upload_body import FileBrokeOff, Upload, UploadFile, written
from .documents import StylePreview

#: Seconds between two looks at a preview.
PAUSE_SECONDS: Final = 0.2


class PreviewCalls:
    """Calls about previews over one connection."""

    _service: Connection
    _sleep: Callable[[float], None]

    def submit_preview(
        self,
        photo: Path | str,
        *,
        styles: Sequence[str] | None = None,
        style: str | None = None,
        strengths: Sequence[float] | None = None,
        side: int | None = None,
        stroke: Stroke = "native",
        sheet: bool = True,
        sent: Callable[[int], None] | None = None,
    ) -> StylePreview:
        """Send a photo, to be shown in all styles, in `styles`, or in `style` at `strengths`.

        Strengths are 0..1; the service decides what is None. `side` is the long side of each
        picture, in pixels; `sheet` is whether they come as one. Raises ClientError, and OSError
        when the photo cannot be read.
        """
        wanted: dict[str, Any] = {"style": style, "side": side, "stroke": stroke, "sheet": sheet}
        if styles is not None:
            wanted["styles"] = ",".join(styles)
        if strengths is not None:
            wanted["strengths"] = ",".join(map(str, strengths))
        fields = {name: written(value) for name, value in wanted.items() if value is not None}
        try:
            body = Upload(fields, [UploadFile("photo", Path(photo))], sent=sent).body()
        except UnicodeEncodeError as error:
            raise ClientError(f"{error.object!r} cannot be sent: it is no text.") from error
        how: dict[str, Any] = {"headers": {"Content-Type": body.content_type}}
        try:
            return self._service.request(
                "POST", "/v1/previews", StylePreview, content=iter(body), **how
            )
        except FileBrokeOff as broken:
            raise broken.error from broken

    def preview(self, preview_id: str) -> StylePreview:
        """Return a preview as it is now."""
        if preview_id in ("", ".", "..") or "/" in preview_id:
            raise ClientError(f"No preview {preview_id!r} is known here.", type="preview-missing")
        return self._service.get(f"/v1/previews/{quoted(preview_id)}", StylePreview)

    def watch_preview(self, preview_id: str) -> Iterator[StylePreview]:
        """Yield the preview repeatedly until it has ended; the last one is terminal.

        Raises ServiceUnreachable after two minutes without an answer.
        """
        while True:
            preview = self._service.patiently(lambda: self.preview(preview_id))
            yield preview
            if preview.state.terminal:
                return
            self._sleep(PAUSE_SECONDS)

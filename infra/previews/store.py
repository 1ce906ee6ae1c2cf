"""What S3 knows of a preview: its spec, its outcome, and the marker that it is found by."""

from collections.abc import Iterator
from typing import TypeVar

from pydantic import ValidationError

from infra import layout
from infra.errors import PreviewMissing
from infra.jobs.domain.model import Value
from infra.previews.model import PreviewOutcome, PreviewSpec
from infra.previews.ports import PreviewKey
from infra.storage.port import ObjectMissing, ObjectStore

V = TypeVar("V", bound=Value)

_JSON = "application/json"


def missing(preview: str) -> PreviewMissing:
    """Return the error of a preview that is not there."""
    return PreviewMissing(
        f"There is no preview {preview!r}. Previews are kept for an hour; send the photo again."
    )


class PreviewStore:
    """Reads and writes them. Every method raises ServiceUnavailable when S3 cannot be reached."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    def mark(self, key: PreviewKey) -> None:
        """Announce a preview before anything else of it is written."""
        self._objects.put(layout.preview_marker(*key), b"")

    def marked(self) -> Iterator[PreviewKey]:
        """Yield every preview that is there, or was cut off as it came."""
        for info in self._objects.list(layout.PREVIEWS_PREFIX):
            if (found := layout.parse_preview_marker(info.key)) is not None:
                yield PreviewKey(*found)

    def spec(self, key: PreviewKey) -> PreviewSpec:
        """Return what is to be painted; raises PreviewMissing."""
        found = self._read(layout.preview_spec(*key), PreviewSpec)
        if found is None:
            raise missing(key.preview)
        return found

    def write_spec(self, spec: PreviewSpec) -> None:
        """Let the preview exist."""
        key = layout.preview_spec(spec.tenant, spec.id)
        self._objects.put(key, spec.model_dump_json().encode(), content_type=_JSON)

    def outcome(self, key: PreviewKey) -> PreviewOutcome | None:
        """Return how it ended; None where it has not."""
        return self._read(layout.preview_outcome(*key), PreviewOutcome)

    def write_outcome(self, key: PreviewKey, outcome: PreviewOutcome) -> None:
        """Let the preview have ended."""
        body = outcome.model_dump_json().encode()
        self._objects.put(layout.preview_outcome(*key), body, content_type=_JSON)

    def remove(self, key: PreviewKey) -> None:
        """Remove everything of a preview, its marker last."""
        self._objects.delete_prefix(layout.preview_prefix(*key))
        self._objects.delete(layout.preview_marker(*key))

    def _read(self, key: str, kind: type[V]) -> V | None:
        try:
            return kind.model_validate_json(self._objects.get(key))
        except (ObjectMissing, ValidationError):  # damaged is as good as gone: it is sent again
            return None

"""The indexes of published styles: which are there, and where their nets lie.

A style has a place (`infra.layout.styles`): a shared one its name, a private one its name and its
tenant. Methods take a place wherever they speak of a name.
"""

from collections.abc import Callable, Iterable
from contextlib import suppress

import structlog
from pydantic import ValidationError

from infra import layout
from infra.catalogue.style import STYLE_NAME, Style
from infra.errors import StyleMissing
from infra.storage.port import ObjectMissing, ObjectStore

log = structlog.get_logger()


class StyleIndexes:
    """Reads published styles, and publishes one whose nets and files are there."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    def names(self) -> list[str]:
        """Return the names of all shared styles, in order; other objects are passed over."""
        return self._places(layout.STYLES_PREFIX, lambda name: name)

    def private_places(self, tenant: str) -> list[str]:
        """Return the places of a tenant's private styles, in the order of their names."""
        prefix = layout.private_styles(tenant)
        return self._places(prefix, lambda name: layout.private_place(name, tenant))

    def _places(self, prefix: str, place: Callable[[str], str]) -> list[str]:
        keys = (info.key for info in self._objects.list(prefix))
        return sorted(
            place(name)
            for key in keys
            if STYLE_NAME.fullmatch(name := key.removeprefix(prefix).split("/")[0])
            and key == layout.style_index(place(name))
        )

    def read(self, places: Iterable[str]) -> list[Style]:
        """Return the styles at some places, as far as they can be read."""
        styles: list[Style] = []
        for place in places:
            with suppress(StyleMissing):  # one that is damaged hides no other
                styles.append(self.get(place))
        return styles

    def list(self) -> list[Style]:
        """Return all shared styles that can be read, ordered by name."""
        return self.read(self.names())

    def has(self, name: str) -> bool:
        """Whether a style is published at a place, be it damaged or not."""
        return self.exists(layout.style_index(name))

    def get(self, name: str) -> Style:
        """Return the style at a place; raises StyleMissing, for one that is damaged too."""
        if not STYLE_NAME.fullmatch(layout.place_name(name)):
            raise StyleMissing(f"{name!r} is not the name of a style.")
        try:
            return Style.model_validate_json(self._objects.get(layout.style_index(name)))
        except ObjectMissing as error:
            known = ", ".join(self.names()) or "none yet"
            raise StyleMissing(f"No style is called {name!r}; there are: {known}.") from error
        except ValidationError as error:
            log.warning("style cannot be read", style=name, reason=str(error))
            raise StyleMissing(
                f"The style {name!r} is damaged: {layout.style_index(name)} in the bucket cannot "
                "be read. Put that file back from a copy."
            ) from error

    def file(self, name: str, file: str) -> bytes:
        """Return a file of a style, such as `card.json` or `previews/stage-1/0.jpg`.

        Raises StyleMissing for what is no style's name, and ObjectMissing.
        """
        if not STYLE_NAME.fullmatch(layout.place_name(name)):
            raise StyleMissing(f"{name!r} is not the name of a style.")
        return self._objects.get(layout.style_file(name, file))

    def backbone_key(self, sha256: str) -> str | None:
        """Return where a backbone lies, the deployment's or an imported one; None where nowhere."""
        keys = (layout.backbone(sha256), layout.imported_backbone(sha256))
        return next(filter(self.exists, keys), None)

    def put_index(self, style: Style) -> None:
        """Publish a style whose nets and files are there."""
        index = style.model_dump_json().encode()
        self._objects.put(layout.style_index(style.place), index, content_type="application/json")
        log.info("style published", style=style.name, stages=len(style.stages))

    def find(self, name: str) -> Style | None:
        """Return the style at a place; None where there is none, ValidationError if damaged."""
        try:
            return Style.model_validate_json(self._objects.get(layout.style_index(name)))
        except ObjectMissing:
            return None

    def exists(self, key: str) -> bool:
        """Whether there is such an object."""
        try:
            self._objects.head(key)
        except ObjectMissing:
            return False
        return True

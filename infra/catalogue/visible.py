"""The styles as one tenant sees them: its private ones, and all that are shared.

A private style hides a shared one of its name from its tenant, and from nobody else.
"""

from pydantic import ValidationError

from infra import layout
from infra.catalogue.catalogue import StyleCatalogue
from infra.catalogue.style import (
    STYLE_NAME,
    Blend,
    Style,
    StyleShare,
    Visibility,
    resolve,
    style_place,
)
from infra.errors import StyleMissing, StyleNotYours, StyleTaken


class TenantStyles:
    """Finds styles by their names. Without `keys`, one user owns all but the bundled ones."""

    def __init__(self, catalogue: StyleCatalogue, tenant: str, *, keys: bool) -> None:
        self._catalogue = catalogue
        self._tenant = tenant
        self._keys = keys

    def list(self) -> "list[Style]":
        """Return all that can be read, ordered by name."""
        found = {style.name: style for style in self._catalogue.list()}
        places = self._catalogue.private_places(self._tenant)
        found |= {style.name: style for style in self._catalogue.read(places)}
        return [found[name] for name in sorted(found)]

    def get(self, name: str) -> Style:
        """Return a style; raises StyleMissing, for one that is damaged too."""
        if not STYLE_NAME.fullmatch(name):
            raise StyleMissing(f"{name!r} is not the name of a style.")
        private = layout.private_place(name, self._tenant)
        for place in (private, name, private):  # it may be made private between two looks
            if style := self._find(place):
                return style
        known = ", ".join(style.name for style in self.list()) or "none yet"
        raise StyleMissing(f"No style is called {name!r}; there are: {known}.")

    def _find(self, place: str) -> Style | None:
        try:
            return self._catalogue.find(place)
        except ValidationError:
            return self._catalogue.get(place)  # says that it is damaged

    def resolve(self, name: str, strength: float, other: StyleShare | None = None) -> Blend:
        """Return the nets that a style at a strength of 0..1 stands for, mixed with another one.

        Raises StyleMissing, StylesNotBlendable, and InvalidRequest for any other strength.
        """
        return resolve(self.get, name, strength, other)

    def visibility(self, chosen: Visibility | None) -> Visibility:
        """Return who sees a new style: its tenant alone unless it is chosen, where keys are."""
        return chosen or ("private" if self._keys else "shared")

    def check_free(
        self, name: str, chosen: Visibility | None, *, instead_of: Style | None = None
    ) -> None:
        """Raise StyleTaken where this tenant sees a style of that name, but for `instead_of`."""
        place = style_place(name, self._tenant, self.visibility(chosen))
        for seen in (layout.private_place(name, self._tenant), name):
            itself = instead_of is not None and seen == instead_of.place
            if seen != place and not itself and self._catalogue.has(seen):
                raise StyleTaken(f"A style is called {name!r} already; choose another name.")
        self._catalogue.check_free(place)

    def owns(self, style: Style) -> bool:
        """Whether this tenant may change a style."""
        owner = self._catalogue.owner(style)
        if not self._keys:
            return style.job is not None or style.tenant is not None
        return owner == self._tenant

    def owned(self, name: str) -> Style:
        """Return a style that this tenant may change; raises StyleMissing and StyleNotYours."""
        style = self.get(name)
        if not self.owns(style):
            bundled = style.job is None and style.tenant is None
            whose = "came with the service" if bundled else "belongs to another tenant"
            raise StyleNotYours(
                f"The style {name!r} {whose}, so it cannot be changed or deleted. Export it and "
                "import it under another name to have one of your own."
            )
        return style

"""What a training starts from: a shared base or backbone, or nothing but a seed and a grain."""

from dataclasses import asdict, dataclass
from typing import Protocol

from infra.errors import ImpastoError


class BackboneMissing(ImpastoError):
    """No backbone has been published."""

    type = "backbone-missing"
    title = "There is no backbone for quick styles."


class SharedNets(Protocol):
    """The part of StyleCatalogue that keeps shared nets."""

    def get_backbone(self, sha256: str) -> bytes:
        """Return a backbone's file; raises ObjectMissing."""
        ...

    def chosen_backbone(self) -> str | None:
        """Return the SHA-256 of the backbone that new quick styles start from; None of none."""
        ...

    def put_base(self, key: str, body: bytes) -> None:
        """Keep the net that new styles start from; the first one stays."""
        ...

    def get_base(self, key: str) -> bytes | None:
        """Return the net that new styles start from; None when there is none of that shape."""
        ...


@dataclass(frozen=True, slots=True)
class Start:
    """Which shared net a training starts from, decided once; None where it uses none."""

    #: Key of the training's own copy: the shared one may be replaced.
    base: str | None
    #: SHA-256 (hex).
    backbone: str | None
    #: Of a net that starts from nothing; trainings begun before there was a grain have none.
    grain: float = 0.0

    def written(self) -> dict[str, object]:
        """Return the fields as they are stored; earlier versions read them where none has grain."""
        return {name: value for name, value in asdict(self).items() if name != "grain" or value}

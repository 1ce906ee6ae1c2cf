"""Previews in memory: their queue, and a service over it."""

from dataclasses import dataclass, field

from infra.errors import ServiceUnavailable
from infra.jobs.domain.model import Stroke
from infra.previews.model import PictureSpec, PreviewView
from infra.previews.ports import PreviewKey
from infra.previews.service import PreviewServices, connect_previews
from infra.settings import Settings
from tests.fakes.jobs import Clock, RecordingNotifier
from tests.fakes.service import BLEND
from tests.fakes.storage import MemoryStore

PICTURES = tuple(
    PictureSpec(style=style, strength=strength, blend=BLEND)
    for style, strength in (("lilies", 1.0), ("wave", 0.25))
)


class MemoryPreviewQueue:
    """Open previews in a dict."""

    def __init__(self) -> None:
        self.looks: dict[PreviewKey, float] = {}
        self.claims: dict[PreviewKey, tuple[int, float]] = {}
        self.down = False

    def flush(self) -> None:
        """Forget everything, as FLUSHALL does."""
        self.looks.clear()
        self.claims.clear()

    def add(self, key: PreviewKey, due: float) -> None:
        self._reach()
        self.looks.setdefault(key, due)

    def postpone(self, key: PreviewKey, due: float) -> None:
        self._reach()
        if key in self.looks:
            self.looks[key] = due

    def remove(self, key: PreviewKey) -> None:
        self._reach()
        self.looks.pop(key, None)
        self.claims.pop(key, None)

    def open(self) -> list[PreviewKey]:
        self._reach()
        return list(self.looks)

    def due(self, now: float) -> list[PreviewKey]:
        self._reach()
        return [key for key, look in self.looks.items() if look <= now]

    def claim(self, key: PreviewKey, now: float, until: float) -> int | None:
        self._reach()
        attempts, held = self.claims.get(key, (0, 0.0))
        if key not in self.looks or held > now:
            return None
        self.claims[key] = (attempts + 1, until)
        self.looks[key] = until
        return attempts + 1

    def extend(self, key: PreviewKey, attempt: int, until: float) -> bool:
        return self._hold(key, attempt, (attempt, until), until)

    def release(self, key: PreviewKey, attempt: int, now: float) -> None:
        self._hold(key, attempt, (attempt - 1, 0.0), now)

    def attempts(self, key: PreviewKey, now: float) -> tuple[int, bool]:
        self._reach()
        attempts, held = self.claims.get(key, (0, 0.0))
        return attempts, held > now

    def _hold(self, key: PreviewKey, attempt: int, held: tuple[int, float], look: float) -> bool:
        self._reach()
        if key not in self.looks or self.claims.get(key, (0, 0.0))[0] != attempt:
            return False
        self.claims[key], self.looks[key] = held, look
        return True

    def _reach(self) -> None:
        if self.down:
            raise ServiceUnavailable("Redis is down (in this test).")


@dataclass
class PreviewWorld:
    """The preview service over memory."""

    settings: Settings = field(default_factory=Settings)
    objects: MemoryStore = field(default_factory=MemoryStore)
    queue: MemoryPreviewQueue = field(default_factory=MemoryPreviewQueue)
    notifier: RecordingNotifier = field(default_factory=RecordingNotifier)
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.previews: PreviewServices = connect_previews(
            objects=self.objects,
            queue=self.queue,
            notifier=self.notifier,
            clock=self.clock,
            settings=self.settings,
        )

    def send(
        self,
        photo: bytes = b"photo",
        *,
        tenant: str = "default",
        pictures: tuple[PictureSpec, ...] = PICTURES,
        side: int = 64,
        sheet: bool = True,
        stroke: Stroke = "native",
    ) -> PreviewView:
        """Submit a preview of a photo."""
        intake = self.previews.intake
        key = intake.begin(tenant)
        self.objects.put(f"tenants/{key.tenant}/previews/{key.preview}/photo", photo)
        return intake.submit(key, pictures, side=side, sheet=sheet, stroke=stroke)

    def find(self, preview: str, tenant: str = "default") -> PreviewView:
        """Return a preview as it is now."""
        return self.previews.intake.find(tenant, preview)

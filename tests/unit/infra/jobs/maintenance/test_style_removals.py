"""Nets of deleted, moved and half-imported styles: removed once nothing uses them."""

from infra import layout
from infra.catalogue import Style
from infra.catalogue.packed import read_packed
from infra.jobs.domain.model import JobDraft, PhotoEntry
from infra.jobs.maintenance.recovery import ABANDONED_SECONDS
from infra.jobs.maintenance.style_removals import LOOK_SECONDS
from tests.fakes.jobs import Fuse, Killed
from tests.fakes.services import World
from tests.fakes.storage import MemoryStore
from tests.style_files import members

TENANT = "default"


class Bench(World):
    """A world with a style that a tenant imported."""

    def __init__(self) -> None:
        self.fuse = Fuse()
        super().__init__(objects=MemoryStore(self.fuse))

    def add(self, name: str = "night") -> Style:
        files = members()
        packed = read_packed({n: len(body) for n, body in files.items()}, files.__getitem__)
        changes = self.services().changes
        return changes.add(packed, name=name, tenant=TENANT, visibility="private")

    def remove(self, style: Style) -> None:
        self.services().changes.remove(style, TENANT)

    def submit(self, style: Style) -> str:
        self.objects.put("a.jpg", b"photo")
        draft = JobDraft(
            id=self.jobs.submission.new_job_id(),
            tenant=TENANT,
            style=style.name,
            blend=style.blend(0.5),
        )
        photo = PhotoEntry(index=0, name="a.jpg", key="a.jpg")
        return self.jobs.submission.submit(draft, [photo]).id

    def nets(self) -> set[str]:
        return {key for key in self.objects.objects if "/nets/" in key}

    def notes(self) -> list[str]:
        return [info.key for info in self.objects.list(layout.STYLE_REMOVALS_PREFIX)]

    def sweep_later(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.jobs.sweep.run()


def test_nets_go_some_hours_after_their_style() -> None:
    """Whoever has looked at it just before may still send an album."""
    bench = Bench()
    bench.remove(bench.add())
    bench.sweep_later(ABANDONED_SECONDS - 1)
    assert len(bench.nets()) == 2
    bench.sweep_later(LOOK_SECONDS)
    assert (bench.nets(), bench.notes()) == (set(), [])


def test_nets_stay_while_an_album_that_was_accepted_is_open() -> None:
    bench = Bench()
    style = bench.add()
    bench.submit(style)
    bench.remove(style)
    bench.sweep_later(ABANDONED_SECONDS + 1)
    assert len(bench.nets()) == 2
    bench.work(bench.paint)
    bench.sweep_later(LOOK_SECONDS)
    assert (bench.nets(), bench.notes()) == (set(), [])


def test_a_style_of_the_same_bytes_that_came_after_stays() -> None:
    """Exported, deleted, imported again: its nets are objects of their own."""
    bench = Bench()
    bench.remove(bench.add())
    again = bench.add()
    bench.sweep_later(ABANDONED_SECONDS + 1)
    assert bench.nets() == {stage.key for stage in again.stages}


def test_the_nets_of_an_import_that_was_killed_go_and_those_of_a_whole_one_stay() -> None:
    """Also where it was killed between its index and the removal of its note."""
    for at in range(60):
        bench = Bench()

        def kill(bench: Bench = bench) -> None:
            bench.objects.down = True
            raise Killed

        bench.fuse.set(at, kill)
        try:
            bench.add()
        except Exception:
            assert bench.objects.down
        except Killed:
            pass
        if not bench.fuse.fired:
            return
        bench.objects.down = False
        bench.sweep_later(ABANDONED_SECONDS + 1)
        styles = bench.services().styles_of(TENANT).list()
        mine = {stage.key for style in styles if style.tenant for stage in style.stages}
        assert bench.nets() == mine
        assert bench.notes() == []
    raise AssertionError("the import does not end")


def test_nothing_is_removed_while_a_job_cannot_be_read() -> None:
    bench = Bench()
    style = bench.add()
    job = bench.submit(style)
    bench.remove(style)
    bench.objects.put(layout.job_spec(TENANT, job), b"{")
    bench.sweep_later(ABANDONED_SECONDS + 1)
    assert len(bench.nets()) == 2


def test_a_note_of_somebody_else_removes_nothing_but_nets_of_its_place() -> None:
    bench = Bench()
    bench.objects.put(layout.STYLE_REMOVALS_PREFIX + "notes.txt", b"{}")
    key = layout.style_removal(bench.jobs.submission.new_job_id())
    bench.objects.put(key, b'{"place": "night", "keys": ["holiday/1.jpg", "styles/x/style.json"]}')
    bench.objects.put("holiday/1.jpg", b"mine")
    bench.objects.put("styles/x/style.json", b"mine")
    bench.sweep_later(ABANDONED_SECONDS + 1)
    assert bench.objects.get("holiday/1.jpg") == bench.objects.get("styles/x/style.json") == b"mine"

"""Imports, moves and deletions that are cut off at any place, or made by two at once."""

from collections.abc import Callable
from contextlib import suppress

import pytest

from infra import layout
from infra.catalogue import Style, StyleCatalogue
from infra.catalogue.changes import StyleChanges
from infra.catalogue.packed import PackedStyle, read_packed
from infra.catalogue.visible import TenantStyles
from infra.errors import ServiceUnavailable, StyleBusy, StyleMissing, StyleTaken
from tests.fakes.jobs import Clock, Fuse, Killed
from tests.fakes.storage import MemoryStore
from tests.style_files import affine, members, net

TENANT = "alice"


class Bench:
    """A bucket, and changes of styles in it."""

    def __init__(self) -> None:
        self.fuse = Fuse()
        self.objects = MemoryStore(self.fuse)
        self.clock = Clock()
        self.changes = StyleChanges(objects=self.objects, clock=self.clock)
        self.catalogue = StyleCatalogue(self.objects)
        self.styles = TenantStyles(self.catalogue, TENANT, keys=True)

    def add(self, name: str = "night", *, shared: bool = False) -> Style:
        visibility = "shared" if shared else "private"
        return self.changes.add(packed(), name=name, tenant=TENANT, visibility=visibility)

    def check(self) -> list[str]:
        """Whatever can be seen is whole; return the names."""
        for style in self.styles.list():
            for stage in style.stages:
                assert self.objects.get(stage.key)
            assert self.catalogue.file(style.place, "card.json")
            assert self.styles.get(style.name) == style
        return [style.name for style in self.styles.list()]


def packed() -> PackedStyle:
    backbone = net(1)
    nets = {0: affine(backbone, 1), 1: affine(backbone, 2, 1)}
    files = members(nets, backbone=backbone)
    return read_packed({name: len(body) for name, body in files.items()}, files.__getitem__)


def killed_everywhere(change: Callable[[Bench], object], before: Callable[[Bench], object]) -> int:
    """Do a change anew for each effect that it has, killed before that; return how often."""
    for effects in range(200):
        bench = Bench()
        before(bench)

        def kill(bench: Bench = bench) -> None:
            bench.objects.down = True  # nothing that the dead one would still do has an effect
            raise Killed

        bench.fuse.set(effects, kill)
        try:
            change(bench)
        except (Killed, ServiceUnavailable):
            bench.objects.down = False
        if not bench.fuse.fired:
            return effects
        assert bench.check() in (["night"], [], ["dusk"], ["dusk", "night"])
        again(bench)
    raise AssertionError("the change does not end")


def again(bench: Bench) -> None:
    """Once the marker of the dead one is gone, the name can be had, and the style be changed."""
    for key in [key for key in bench.objects.objects if key.startswith(layout.OPEN_PREFIX)]:
        bench.objects.delete(key)
    for name in bench.check():
        bench.changes.remove(bench.styles.get(name), TENANT)
    assert bench.check() == []
    for name in ("night", "dusk"):
        bench.add(name)
    assert bench.check() == ["dusk", "night"]


def test_an_import_that_is_killed_anywhere_shows_nothing_or_all() -> None:
    assert killed_everywhere(Bench.add, lambda bench: None) > 8


def test_a_deletion_that_is_killed_anywhere_shows_nothing_or_all() -> None:
    def remove(bench: Bench) -> None:
        bench.changes.remove(bench.styles.get("night"), TENANT)

    assert killed_everywhere(remove, Bench.add) > 5


def test_a_move_that_is_killed_anywhere_loses_nothing() -> None:
    def move(bench: Bench) -> None:
        style = bench.styles.get("night")
        bench.changes.move(style, TENANT, name="dusk", visibility="shared")

    assert killed_everywhere(move, Bench.add) > 12


@pytest.mark.parametrize("effects", range(3, 11))
def test_an_outage_takes_an_import_back(effects: int) -> None:
    """All of it, where S3 answers again; the name is free at once."""
    bench = Bench()

    def outage() -> None:
        raise ServiceUnavailable("S3 is away (in this test).")

    bench.fuse.set(effects, outage)
    with pytest.raises(ServiceUnavailable):
        bench.add()
    left = [key for key in bench.objects.objects if not key.startswith("imported-backbones/")]
    assert left == [] or bench.check() == ["night"]


@pytest.mark.parametrize("effects", range(12))
def test_two_imports_of_one_name_are_one_style(effects: int) -> None:
    bench = Bench()
    won: list[str] = []

    def add() -> None:
        with suppress(StyleTaken, StyleBusy):
            won.append(bench.add().stages[0].key)

    bench.fuse.set(effects, add)
    add()
    assert len(won) <= 1
    assert bench.check() == ["night"][: len(won)]
    assert [style.stages[0].key for style in bench.styles.list()] == won


def test_of_two_deletions_at_once_none_takes_what_came_after() -> None:
    bench = Bench()
    style = bench.add()
    bench.changes.remove(style, TENANT)
    bench.add()
    with pytest.raises(StyleBusy):
        bench.changes.remove(style, TENANT)
    assert bench.check() == ["night"]


def test_a_change_that_took_too_long_publishes_nothing() -> None:
    """What it wrote may be cleared away by then."""
    bench = Bench()
    bench.fuse.set(5, lambda: setattr(bench.clock, "now", bench.clock.now + 4000))
    with pytest.raises(StyleBusy):
        bench.add()
    assert bench.check() == []


def test_a_style_that_is_made_private_is_found_all_along() -> None:
    bench = Bench()
    style = bench.add(shared=True)

    def look() -> None:
        bench.styles.get("night")

    for effects in range(30):
        fuse = bench.fuse
        fuse.set(effects, look)
        visibility = "private" if style.visibility == "shared" else "shared"
        style = bench.changes.move(style, TENANT, visibility=visibility)
        assert bench.styles.get("night") == style


def test_places_are_no_names() -> None:
    """What a tenant types never leads to another's place."""
    bench = Bench()
    bench.add()
    others = TenantStyles(bench.catalogue, "bob", keys=True)
    for name in ("night", "night@alice", "../alice/night", "tenants/alice/styles/night"):
        with pytest.raises(StyleMissing):
            others.get(name)

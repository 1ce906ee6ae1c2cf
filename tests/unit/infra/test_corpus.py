"""The starter corpus: what lies in the folder, and what is told of it."""

import csv
from pathlib import Path

from infra.corpus import BUILT_IN, FOLDER, PHOTOS, STARTER, TERMS, describe_corpus, shown_corpus

#: Terms under which anybody may learn on a photo and pass it on.
FREE = {"public domain", "CC0-1.0", "CC-BY-2.0", "CC-BY-3.0", "CC-BY-4.0"}


def sources() -> list[dict[str, str]]:
    with (FOLDER / "sources.tsv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def test_every_photo_has_an_author_free_terms_and_a_source() -> None:
    rows = sources()
    assert [row["file"] for row in rows] == sorted(path.name for path in FOLDER.glob("*.jpg"))
    assert len(rows) == PHOTOS
    assert {row["terms"] for row in rows} == FREE
    for row in rows:
        assert row["author"], row
        assert row["source"].startswith("https://"), row


def test_its_photos_are_of_many_kinds_and_take_little_space() -> None:
    kinds = {path.name.partition("-")[0] for path in FOLDER.glob("*.jpg")}
    assert kinds >= {"animal", "building", "face", "food", "landscape", "night", "people", "sky"}
    assert sum(path.stat().st_size for path in FOLDER.glob("*.jpg")) < 5_000_000


def test_its_stored_name_is_none_that_people_see() -> None:
    assert [shown_corpus(name) for name in (BUILT_IN, "coco")] == [STARTER, "coco"]
    for place in (FOLDER, Path(BUILT_IN)):
        assert describe_corpus(place) == (STARTER, TERMS)
    assert describe_corpus(Path("photos/coco")) == ("coco", None)

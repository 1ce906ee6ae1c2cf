"""Names: whatever comes in, what goes out is one safe component, unique in its album."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from impasto_client.photo_names import MAX_NAME_BYTES, UniqueNames, safe_name

HOSTILE = st.one_of(
    st.text(),
    st.text(alphabet="./\\ .\x00:*?cCoOnN\u202e\u0301", max_size=12),
    st.text(alphabet="añ😀.", min_size=100, max_size=400),
)


@pytest.mark.parametrize(
    ("raw", "safe"),
    [
        ("IMG_0001.JPG", "IMG_0001.JPG"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\cat.png", "cat.png"),
        ("photo\x00.jpg\r\nX: y", "photo.jpgX_ y"),
        ("..", "photo"),
        ("", "photo"),
        ("con.jpg", "_con.jpg"),
        ("LPT1", "_LPT1"),
        (".hidden.jpg", "hidden.jpg"),
        ("e\u0301te\u0301.jpg", "été.jpg"),
        ("gpj.\u202egnp", "gpj.gnp"),
        ("trailing. .", "trailing"),
        ("雪の日.webp", "雪の日.webp"),
        (".jpg", "photo.jpg"),
        ("\u202e.PNG", "photo.PNG"),
        (" \u200d.jpg", "photo.jpg"),
        ("jpg", "photo.jpg"),
        ("\u200d", "photo"),
        ("\ufdd0a\U0001ffff.jpg", "a.jpg"),
    ],
)
def test_known_attacks_become_plain_names(raw: str, safe: str) -> None:
    assert safe_name(raw) == safe


@pytest.mark.parametrize(
    "name",
    [
        "می\u200cروم.jpg",
        "👨\u200d👩\u200d👧.jpg",
        "🫩.jpg",
        "\U0001fae9\U0001facd.png",
        "क्\u200dष.heic",
        "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f.jpg",
        "x" * 251 + ".jpg",
        "写" * 83 + ".webp",
    ],
)
def test_names_that_people_write_stay_as_they_are(name: str) -> None:
    """Joiners, tags of flags, characters that are newer than Python's tables, 255 bytes."""
    assert safe_name(name) == name


def test_overlong_name_is_not_cut_inside_a_character_nor_behind_a_joiner() -> None:
    shortened = safe_name("a" * 240 + "👨\u200d👩\u200d👧" * 9 + ".jpg")
    assert shortened == "a" * 240 + "👨\u200d👩" + ".jpg"


def test_numbered_name_stays_within_the_limit() -> None:
    names = UniqueNames()
    taken = [names.take("é" * 125 + ".jpg") for _ in range(3)]
    assert taken[1:] == ["é" * 124 + "-2.jpg", "é" * 124 + "-3.jpg"]


def test_overlong_name_keeps_its_suffix() -> None:
    shortened = safe_name("é" * 400 + ".jpeg")
    assert shortened.endswith("é.jpeg")
    assert len(shortened.encode()) <= MAX_NAME_BYTES


@given(HOSTILE)
def test_every_name_is_one_printable_component(raw: str) -> None:
    name = safe_name(raw)
    assert name
    assert not set(name) & set('/\\<>:"|?*')
    assert not any(unicodedata.category(char) in ("Cc", "Cs") for char in name)
    assert not set(name) & set("\u202e\u2066\ufeff\uffff")
    assert name.strip(" .") == name
    assert len(name.encode()) <= MAX_NAME_BYTES


@given(HOSTILE)
def test_a_safe_name_stays_as_it_is(raw: str) -> None:
    assert safe_name(safe_name(raw)) == safe_name(raw)


@given(st.lists(HOSTILE, max_size=30))
def test_names_differ_without_regard_to_case(raw: list[str]) -> None:
    names = UniqueNames()
    taken = [names.take(safe_name(name)) for name in raw]
    assert len({name.casefold() for name in taken}) == len(raw)


def test_second_photo_of_a_name_is_numbered() -> None:
    names = UniqueNames()
    taken = [names.take(name) for name in ("photo.jpg", "PHOTO.jpg", "photo-2.jpg", "photo.jpg")]
    assert taken == ["photo.jpg", "PHOTO-2.jpg", "photo-2-2.jpg", "photo-3.jpg"]


def test_a_hundred_thousand_equal_names_are_quick() -> None:
    names = UniqueNames()
    taken = [names.take("photo.jpg") for _ in range(100_000)]
    assert taken[-1] == "photo-100000.jpg"

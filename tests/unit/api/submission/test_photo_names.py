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
    ],
)
def test_known_attacks_become_plain_names(raw: str, safe: str) -> None:
    assert safe_name(raw) == safe


def test_overlong_name_keeps_its_suffix() -> None:
    shortened = safe_name("é" * 400 + ".jpeg")
    assert shortened.endswith("é.jpeg")
    assert len(shortened.encode()) <= MAX_NAME_BYTES


@given(HOSTILE)
def test_every_name_is_one_printable_component(raw: str) -> None:
    name = safe_name(raw)
    assert name
    assert not set(name) & set('/\\<>:"|?*')
    assert not any(unicodedata.category(char).startswith("C") for char in name)
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

"""Multipart bodies: streamed part by part, and damaged ones refused."""

import io
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.problems import MalformedRequest
from api.submission.multipart import SPOOL_BYTES, FilePart, TextPart, read_parts
from infra.errors import AlbumTooLarge

BOUNDARY = "xYzZY"


def body(*parts: tuple[str, str | None, bytes], end: bytes = b"--xYzZY--\r\n") -> bytes:
    """Build a body from (name, filename or None, content)."""
    chunks: list[bytes] = []
    for name, filename, content in parts:
        file = f'; filename="{filename}"' if filename is not None else ""
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'
        chunks += [head.encode(), content, b"\r\n"]
    return b"".join([*chunks, end])


class Trickle(io.RawIOBase):
    """A stream that hands out at most `step` bytes at a time, and counts them."""

    def __init__(self, data: bytes, step: int) -> None:
        self._source = io.BytesIO(data)
        self._step = step
        self.handed = 0

    def read(self, size: int = -1, /) -> bytes:
        piece = self._source.read(min(size, self._step))
        self.handed += len(piece)
        return piece


def parse(data: bytes, step: int = 1 << 20, max_file_bytes: int = 1 << 30) -> Iterator[object]:
    for part in read_parts(Trickle(data, step), BOUNDARY, max_file_bytes=max_file_bytes):
        if isinstance(part, FilePart):
            yield part.name, part.filename, part.file.read()
        else:
            yield part.name, part.value


@given(
    photos=st.lists(
        st.one_of(
            st.binary(max_size=300),
            st.text(alphabet="\r\n-xYzZY", max_size=40).map(str.encode),
        ).filter(lambda content: b"--xYzZY" not in content),
        max_size=4,
    ),
    step=st.integers(1, 700),
)
def test_every_photo_comes_out_as_it_went_in(photos: list[bytes], step: int) -> None:
    """Line breaks and pieces of the boundary inside a photo are part of the photo."""
    data = body(("style", None, b"waves"), *[("photos", "a.jpg", photo) for photo in photos])
    parts = list(parse(data, step))
    assert parts == [("style", "waves"), *[("photos", "a.jpg", photo) for photo in photos]]


def test_a_photo_is_handed_over_before_the_next_is_read() -> None:
    first, second = b"1" * 600_000, b"2" * 600_000
    stream = Trickle(body(("photos", "1", first), ("photos", "2", second)), 1 << 20)
    parts = read_parts(stream, BOUNDARY, max_file_bytes=1 << 30)
    next(parts)
    assert stream.handed < len(first) + 300_000


def test_a_photo_larger_than_memory_allows_comes_back_whole() -> None:
    photo = bytes(range(256)) * (SPOOL_BYTES // 256 + 1)
    assert list(parse(body(("photos", "big.png", photo)))) == [("photos", "big.png", photo)]


def test_no_photo_stays_open_after_its_turn() -> None:
    parts = read_parts(
        io.BytesIO(body(("photos", "1", b"1"), ("photos", "2", b"2"))),
        BOUNDARY,
        max_file_bytes=9,
    )
    first = next(parts)
    next(parts)
    assert isinstance(first, FilePart)
    assert first.file.closed


@pytest.mark.parametrize("size", [101, 600_000, SPOOL_BYTES + 1_000_000])
@pytest.mark.parametrize("limit", [100, SPOOL_BYTES + 900_000])
def test_too_long_photo_passes_by_and_the_next_is_whole(size: int, limit: int) -> None:
    data = body(("photos", "huge.jpg", b"x" * size), ("photos", "b.jpg", b"next"))
    parts = read_parts(Trickle(data, 70_001), BOUNDARY, max_file_bytes=limit)
    huge, held = next(parts), b""
    assert isinstance(huge, FilePart)
    held = huge.file.read()
    assert huge.too_large == (size > limit)
    assert held == (b"" if size > limit else b"x" * size)
    following = next(parts)
    assert isinstance(following, FilePart)
    assert (following.file.read(), following.too_large) == (b"next", False)


def test_too_long_archive_is_named_and_the_next_part_is_whole() -> None:
    data = body(("photos", "huge.zip", b"PK\3\4" + b"x" * 900_000), ("photos", "b.jpg", b"next"))
    parts = read_parts(
        *(Trickle(data, 70_001), BOUNDARY),
        max_file_bytes=9,
        archives=("photos",),
        max_archive_bytes=300_000,
    )
    huge = next(parts)
    assert isinstance(huge, FilePart)
    with pytest.raises(AlbumTooLarge, match=r"huge\.zip"):
        huge.file.read()
    following = next(parts)
    assert isinstance(following, FilePart)
    assert following.file.read() == b"next"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no boundary at all",
        body(("photos", "cut.jpg", b"half of it"), end=b""),
        body(("photos", "cut.jpg", b"half of it"))[:40],
        b"--xYzZY\r\nContent-Type: text/plain\r\n\r\nnameless\r\n--xYzZY--\r\n",
        b"--xYzZY\r\n" + b"X" * 1_000_000,
        body(("style", None, b"\xff\xfe")),
        body(("style", None, b"x" * 100_000)),
    ],
)
def test_damaged_body_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedRequest):
        list(parse(data))


@given(st.binary(max_size=400))
def test_noise_is_refused_and_never_crashes(noise: bytes) -> None:
    try:
        list(parse(b"--xYzZY\r\n" + noise))
    except MalformedRequest:
        pass


def test_connection_that_breaks_is_a_malformed_request() -> None:
    class Broken(io.RawIOBase):
        def read(self, size: int = -1, /) -> bytes:
            raise ConnectionResetError

    with pytest.raises(MalformedRequest):
        next(read_parts(Broken(), BOUNDARY, max_file_bytes=1))


def test_part_may_end_with_its_headers() -> None:
    """RFC 2046 lets a part without content leave out the empty line after its headers."""
    head = b'--xYzZY\r\nContent-Disposition: form-data; name="photos"; filename="a"\r\n\r\n'
    assert list(parse(head + b"--xYzZY--\r\n")) == [("photos", "a", b"")]


def test_preamble_means_nothing() -> None:
    assert list(parse(b"hello\r\n" + body(("a", None, b"b")))) == [("a", "b")]


def test_text_fields_may_follow_the_photos() -> None:
    data = body(("photos", "a", b"1"), ("style", None, b"waves"))
    parts = read_parts(io.BytesIO(data), BOUNDARY, max_file_bytes=9)
    assert TextPart("style", "waves") in list(parts)


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        ("Fri, 01 Jan 2010 00:00:00 GMT", 1_262_304_000),
        ("Fri, 01 Jan 2010 02:00:00 +0200", 1_262_304_000),
        ("yesterday", None),
        ("Fri, 31 Dec 9999 23:59:59 -1200", None),
        ("Thu, 01 Jan 1601 00:00:00 GMT", None),
        ("", None),
    ],
)
def test_time_of_a_photo_is_read_where_it_is_told(date: str, expected: float | None) -> None:
    """As RFC 2183 has it; whatever else stands there means nothing."""
    disposition = f'form-data; name="photos"; filename="a.jpg"; modification-date="{date}"'
    head = f"--{BOUNDARY}\r\nContent-Disposition: {disposition}\r\n\r\n"
    data = head.encode() + b"photo\r\n--xYzZY--\r\n"
    (part,) = read_parts(io.BytesIO(data), BOUNDARY, max_file_bytes=9)
    assert isinstance(part, FilePart)
    assert part.modified == expected

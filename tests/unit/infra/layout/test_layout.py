"""Keys and ids: what sorts how, and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra import layout
from infra.layout.ids import is_job_id, job_time, new_job_id

#: Seconds up to the year 10889, the last that fits.
times = st.floats(min_value=0, max_value=2.8e11)
JOB = "01k9zq6d3v8m4x2c7t5b1hnwfj"


@given(times)
def test_job_id_tells_when_it_was_made(now: float) -> None:
    job = new_job_id(now)
    assert is_job_id(job)
    assert job_time(job) == int(now * 1000) / 1000


@given(times, times)
def test_job_ids_sort_by_time_and_newest_entries_backwards(first: float, second: float) -> None:
    early, late = sorted([first, second])
    old, new = new_job_id(early), new_job_id(late + 1)
    assert old < new
    assert layout.newest_entry("t", new) < layout.newest_entry("t", old)


def test_job_ids_of_one_moment_differ() -> None:
    assert len({new_job_id(1.0) for _ in range(1000)}) == 1000


@pytest.mark.parametrize("text", ["", "z" * 25, "z" * 27, "U" * 26, "z" * 25 + "/"])
def test_other_texts_are_no_job_ids(text: str) -> None:
    assert not is_job_id(text)


def test_hash_in_hex_digits_is_no_job_id() -> None:
    assert not is_job_id("000002b66c9c498e1f00aa12cd")


def test_keys_are_read_back() -> None:
    job = new_job_id(5.0)
    assert layout.parse_open_marker(layout.open_marker("t", job)) == ("t", job)
    assert layout.parse_newest_entry(layout.newest_entry("t", job)) == ("t", job)
    assert layout.parse_ended_marker(layout.ended_marker("t", job, 7.5)) == (7.5, "t", job)
    assert layout.parse_outcomes(layout.outcomes("t", job, 12, 34)) == (12, 34)
    assert layout.removal_time(layout.removal_marker("t", job, new_job_id(7.5))) == 7.5
    assert layout.removal_time(layout.removal_marker("t", job, "0123456789abcdef")) is None


@pytest.mark.parametrize(
    "key",
    [
        "open/",
        "open/holiday.jpg",
        "open/house/1.jpg",
        "open/train/000002b66c9c498e.jpg",
        f"open//{JOB}",
        f"open/../{JOB}",
        f"open/t/{JOB}/1.jpg",
        f"opened/t/{JOB}",
    ],
)
def test_other_keys_are_no_open_markers(key: str) -> None:
    assert layout.parse_open_marker(key) is None


@pytest.mark.parametrize(
    "key",
    [
        "ended/",
        "ended/x.jpg",
        "ended/2026/house/1.jpg",
        f"ended/2026/t/{JOB}",
        f"ended/0000000u00/t/{JOB}",
        f"ended/0000000000//{JOB}",
        f"ended/0000000000/t/{JOB}/1.jpg",
        "ended/0000000000/t/1.jpg",
    ],
)
def test_other_keys_are_no_ended_markers(key: str) -> None:
    assert layout.parse_ended_marker(key) is None


@pytest.mark.parametrize(
    "key",
    [
        "tenants/",
        "tenants/t/newest/",
        "tenants/t/newest/beach.jpg",
        layout.newest_entry("t", JOB).replace("/t/", "//"),
        f"{layout.newest_entry('t', JOB)}/1.jpg",
        f"tenants//jobs/{JOB}/uploads/1.jpg",
    ],
)
def test_other_keys_are_no_entries_and_belong_to_no_job(key: str) -> None:
    assert layout.parse_newest_entry(key) is None
    assert layout.job_of(key) is None


@pytest.mark.parametrize("name", ["", "scan-2026.jpg", "ab/scan.json", f"cd/{'ab' * 32}.json"])
def test_other_keys_are_no_index_entries(name: str) -> None:
    assert layout.is_result_index_entry(layout.result_index_entry("t", "ab" * 32))
    assert not layout.is_result_index_entry(f"{layout.result_index_prefix('t')}{name}")


def test_outcomes_sort_by_chunk_and_then_token() -> None:
    numbers = [(0, 5), (0, 10), (2, 3), (10, 1_800_000_000_000_000), (100_000, 1)]
    keys = [layout.outcomes("t", "j", chunk, token) for chunk, token in numbers]
    assert keys == sorted(keys)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/", "a\nb", "\0"])
def test_names_that_would_leave_their_prefix_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not one part"):
        layout.upload("t", "j", 0, name)
    with pytest.raises(ValueError, match="not one part"):
        layout.job_prefix(name, "j")


def test_name_of_a_photo_may_be_in_any_script() -> None:
    key = layout.upload("t", "j", 3, "Été à Köln – 京都 (1).jpeg")
    assert key == "tenants/t/jobs/j/uploads/000003/Été à Köln – 京都 (1).jpeg"


def test_previews_are_read_back_and_lie_below_their_style() -> None:
    key = layout.style_preview("starry-night", 3, 7)
    assert key.startswith(layout.style_previews("starry-night"))
    assert layout.parse_style_preview(key) == (3, 7)


@pytest.mark.parametrize(
    "name", ["", "thumb.jpg", "stage-1/", "stage-1/a.jpg", "stage-01/0.jpg", "1/0.jpg", "stage-1/0"]
)
def test_other_keys_are_no_previews(name: str) -> None:
    assert layout.parse_style_preview(layout.style_previews("starry-night") + name) is None


def test_corpora_and_paintings_lie_below_their_tenant() -> None:
    assert layout.corpus_index("t", "coco") == "tenants/t/corpora/coco/corpus.json"
    assert layout.painting("t", "j", ".jpg") == "tenants/t/jobs/j/painting.jpg"
    for name in ("..", "a/b", ""):
        with pytest.raises(ValueError, match="not one part"):
            layout.corpus_index("t", name)

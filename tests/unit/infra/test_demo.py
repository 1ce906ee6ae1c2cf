"""Which photos the demo paints."""

from pathlib import Path

from infra.demo import SAMPLES, photos_in, samples


def test_the_samples_are_on_this_machine() -> None:
    """They come with scikit-image, so that the demo needs no network."""
    assert [path.name for path in samples()] == list(SAMPLES)


def test_a_folder_gives_every_file_but_hidden_ones(tmp_path: Path) -> None:
    """What is no photo is sent too: it comes back with the reason."""
    for name in ("b.jpg", "a.PNG", "notes.svg", ".DS_Store"):
        (tmp_path / name).touch()
    (tmp_path / "folder").mkdir()
    assert [path.name for path in photos_in(tmp_path)] == ["a.PNG", "b.jpg", "notes.svg"]
    assert photos_in(tmp_path / "missing") == []

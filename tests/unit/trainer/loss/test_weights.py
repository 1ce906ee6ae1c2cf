"""Weights of loss networks: where they come from, and that they are whole."""

import hashlib
import socket
from pathlib import Path

import pytest
import safetensors.torch
import torch

from tests.fakes.storage import MemoryStore
from trainer.loss.weights import (
    BucketWeights,
    WeightsMissing,
    WeightsRejected,
    WeightsSource,
    weights_source,
)

STATE = {"features.0.weight": torch.arange(6.0).reshape(2, 3)}


def write_pth(folder: Path, name: str) -> Path:
    path = folder / name
    torch.save(STATE, path)
    return path


def hash_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_file_is_held_to_the_hash_in_its_name(tmp_path: Path) -> None:
    path = write_pth(tmp_path, "plain")
    right = path.rename(tmp_path / f"vgg16-{hash_of(path)[:8]}.pth")
    found = WeightsSource(folder=tmp_path).read("vgg16").state
    assert torch.equal(found["features.0.weight"], STATE["features.0.weight"])
    right.rename(tmp_path / "vgg16-00000000.pth")
    with pytest.raises(WeightsRejected, match="SHA-256"):
        WeightsSource(folder=tmp_path).read("vgg16")


def test_a_file_is_held_to_the_hash_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "vgg16.safetensors"
    safetensors.torch.save_file(STATE, path)
    beside = tmp_path / "vgg16.safetensors.sha256"
    beside.write_text(f"{hash_of(path)}  vgg16.safetensors\n")
    WeightsSource(folder=tmp_path).read("vgg16")
    beside.write_text("0" * 64)
    with pytest.raises(WeightsRejected, match="should begin with 0000"):
        WeightsSource(folder=tmp_path).read("vgg16")


def test_a_hash_that_is_no_text_is_refused(tmp_path: Path) -> None:
    safetensors.torch.save_file(STATE, tmp_path / "vgg16.safetensors")
    (tmp_path / "vgg16.safetensors.sha256").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(WeightsRejected, match="is damaged"):
        WeightsSource(folder=tmp_path).read("vgg16")


def test_a_pickle_called_safetensors_is_refused(tmp_path: Path) -> None:
    write_pth(tmp_path, "vgg16.safetensors")
    with pytest.raises(WeightsRejected, match="not a readable state dict"):
        WeightsSource(folder=tmp_path).read("vgg16")


@pytest.mark.parametrize("name", ["vgg16.safetensors", "vgg16.pth", None])
def test_weights_may_lie_in_the_bucket(tmp_path: Path, name: str | None) -> None:
    source = tmp_path / "file"
    if name and name.endswith("safetensors"):
        safetensors.torch.save_file(STATE, source)
    else:
        torch.save(STATE, source)
    name = name or f"vgg16-{hash_of(source)[:8]}.pth"
    objects = MemoryStore()
    objects.put(f"weights/{name}", source.read_bytes())
    found = weights_source(Path("s3:weights/"), objects, tmp_path / "cache")
    assert isinstance(found, BucketWeights)
    weights = found.read("vgg16").state
    assert torch.equal(weights["features.0.weight"], STATE["features.0.weight"])
    copied = [path for path in (tmp_path / "cache").rglob("vgg16*") if path.suffix != ".etag"]
    assert [path.name for path in copied] == [name]
    before = [path.stat().st_mtime_ns for path in copied]
    found.read("vgg16")
    assert [path.stat().st_mtime_ns for path in copied] == before


def test_a_hash_in_the_bucket_counts_too(tmp_path: Path) -> None:
    objects = MemoryStore()
    objects.put("weights/vgg16.pth", write_pth(tmp_path, "vgg16.pth").read_bytes())
    objects.put("weights/vgg16.pth.sha256", b"0" * 64)
    with pytest.raises(WeightsRejected, match="SHA-256"):
        weights_source(Path("s3:weights"), objects, tmp_path / "cache").read("vgg16")


@pytest.mark.parametrize("wrong", ["hash", "weights"])
def test_what_is_put_right_in_the_bucket_is_used(tmp_path: Path, wrong: str) -> None:
    """A hash is as long as another, and damaged weights are as long as whole ones."""
    objects = MemoryStore()
    path = write_pth(tmp_path, "vgg16.pth")
    whole, right = path.read_bytes(), hash_of(path).encode()
    damaged = whole[:-1] + bytes([whole[-1] ^ 1])
    objects.put("weights/vgg16.pth", damaged if wrong == "weights" else whole)
    objects.put("weights/vgg16.pth.sha256", b"0" * 64 if wrong == "hash" else right)
    source = weights_source(Path("s3:weights"), objects, tmp_path / "cache")
    with pytest.raises(WeightsRejected, match="SHA-256"):
        source.read("vgg16")
    objects.put("weights/vgg16.pth", whole)
    objects.put("weights/vgg16.pth.sha256", right)
    source.read("vgg16")


def put_weights(objects: MemoryStore, key: str, value: float, tmp_path: Path) -> None:
    """Put weights of one size and one value, without a hash."""
    path = tmp_path / "file"
    safetensors.torch.save_file({"features.0.weight": torch.full((2, 3), value)}, path)
    objects.put(key, path.read_bytes())


def value_of(source: WeightsSource) -> float:
    return source.read("vgg16").state["features.0.weight"][0, 0].item()


def test_weights_that_are_replaced_in_the_bucket_are_used(tmp_path: Path) -> None:
    """Also where they are as large, and no hash lies beside them."""
    objects = MemoryStore()
    source = weights_source(Path("s3:weights"), objects, tmp_path / "cache")
    for value in (1.0, 2.0, 2.0, 1.0):
        put_weights(objects, "weights/vgg16.safetensors", value, tmp_path)
        assert value_of(source) == value


def test_weights_of_two_prefixes_are_not_mixed_up(tmp_path: Path) -> None:
    """They share a cache, and their files a name and a size."""
    objects = MemoryStore()
    for value, prefix in ((1.0, "a"), (2.0, "b/a")):
        put_weights(objects, f"{prefix}/vgg16.safetensors", value, tmp_path)
    sources = [weights_source(Path(f"s3:{p}"), objects, tmp_path / "cache") for p in ("a", "b/a")]
    assert [value_of(source) for source in sources] == [1.0, 2.0]
    assert len(list((tmp_path / "cache").rglob("vgg16.safetensors"))) == 2


def test_a_copy_that_was_cut_off_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process is killed with new weights written, and then there are the old ones again."""
    objects = MemoryStore()
    key = "weights/vgg16.safetensors"
    source = weights_source(Path("s3:weights"), objects, tmp_path / "cache")
    put_weights(objects, key, 1.0, tmp_path)
    assert value_of(source) == 1.0
    put_weights(objects, key, 2.0, tmp_path)
    with monkeypatch.context() as dying:
        replace = Path.replace

        def die_at_etag(path: Path, target: Path) -> Path:
            if target.suffix == ".etag":
                raise KeyboardInterrupt
            return replace(path, target)

        dying.setattr(Path, "replace", die_at_etag)
        with pytest.raises(KeyboardInterrupt):
            source.read("vgg16")
    put_weights(objects, key, 1.0, tmp_path)
    assert value_of(source) == 1.0


def test_what_is_gone_from_the_bucket_is_not_used(tmp_path: Path) -> None:
    """A damaged copy, or its wrong hash, would stand before what is there now."""
    objects = MemoryStore()
    objects.put("weights/vgg16.safetensors", b"nothing")
    source = weights_source(Path("s3:weights"), objects, tmp_path / "cache")
    with pytest.raises(WeightsRejected):
        source.read("vgg16")
    objects.delete("weights/vgg16.safetensors")
    objects.put("weights/vgg16.pth", write_pth(tmp_path, "vgg16.pth").read_bytes())
    source.read("vgg16")


def test_torchvisions_old_files_are_read(tmp_path: Path) -> None:
    """Those of VGG are older than the format that torch.save writes by now."""
    torch.save(STATE, tmp_path / "vgg16.pth", _use_new_zipfile_serialization=False)
    found = WeightsSource(folder=tmp_path).read("vgg16").state
    assert torch.equal(found["features.0.weight"], STATE["features.0.weight"])


@pytest.mark.parametrize("zipped", [True, False])
def test_more_than_tensors_is_reported_in_our_words(tmp_path: Path, zipped: bool) -> None:
    """PyTorch's would tell how to run the code in it."""
    torch.save({"a": tmp_path}, tmp_path / "vgg16.pth", _use_new_zipfile_serialization=zipped)
    with pytest.raises(WeightsRejected, match="more than tensors") as caught:
        WeightsSource(folder=tmp_path).read("vgg16")
    assert "\n" not in str(caught.value)


def test_a_bucket_without_them_leaves_it_to_torchvision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "home"))
    source = weights_source(Path("s3:weights"), MemoryStore(), tmp_path / "cache")
    with pytest.raises(WeightsMissing, match="IMPASTO_LOSS_WEIGHTS"):
        source.read("vgg16")


def test_where_weights_in_the_bucket_would_lie_is_reported(tmp_path: Path) -> None:
    source = weights_source(Path("s3:weights"), MemoryStore(), tmp_path / "cache", download=False)
    with pytest.raises(WeightsMissing, match=r"under 'weights/', which IMPASTO_LOSS_WEIGHTS"):
        source.read("vgg16")


@pytest.fixture
def torchvisions_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where torchvision keeps what it has downloaded; a network that refuses every download."""
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


def test_torchvisions_cache_is_held_to_its_hashes(torchvisions_cache: Path) -> None:
    """Torchvision itself looks at them only while it downloads."""
    write_pth(torchvisions_cache, "vgg16-397923af.pth")
    with pytest.raises(WeightsRejected, match="should begin with 397923af"):
        WeightsSource(folder=None).read("vgg16")


def test_torchvisions_cache_serves_without_a_download(torchvisions_cache: Path) -> None:
    path = write_pth(torchvisions_cache, "vgg16-397923af.pth")
    path.with_name(f"{path.name}.sha256").write_text(hash_of(path))
    found = WeightsSource(folder=None, download=False).read("vgg16").state
    assert torch.equal(found["features.0.weight"], STATE["features.0.weight"])


def test_code_in_torchvisions_cache_is_not_run(torchvisions_cache: Path) -> None:
    path = torchvisions_cache / "vgg16-397923af.pth"
    torch.save(torch.nn.Linear(2, 2), path)
    path.with_name(f"{path.name}.sha256").write_text(hash_of(path))
    with pytest.raises(WeightsRejected, match="not a readable state dict"):
        WeightsSource(folder=None).read("vgg16")


def test_a_download_that_is_not_allowed_is_not_tried(
    torchvisions_cache: Path, tmp_path: Path
) -> None:
    """The error names the file, the folders, and both settings."""
    with pytest.raises(WeightsMissing) as caught:
        WeightsSource(folder=tmp_path / "mine", download=False).read("vgg19")
    for told in ("vgg19-dcbb9e9d.pth", str(torchvisions_cache), f"{tmp_path}/mine"):
        assert told in caught.value.detail
    assert "IMPASTO_LOSS_WEIGHTS_DOWNLOAD is off" in caught.value.detail
    assert "the folder that IMPASTO_LOSS_WEIGHTS names" in caught.value.detail


def test_a_folder_is_a_folder(tmp_path: Path) -> None:
    assert not isinstance(weights_source(tmp_path, MemoryStore(), tmp_path), BucketWeights)
    assert not isinstance(weights_source(None, MemoryStore(), tmp_path), BucketWeights)


def test_a_download_that_stalls_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that takes the connection and says nothing."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("trainer.loss.weights.SILENCE_SECONDS", 0.2)
    monkeypatch.setattr("urllib.request._opener", None)  # it would keep an earlier test's proxy
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{server.getsockname()[1]}")
        with pytest.raises(WeightsMissing, match="timed out"):
            WeightsSource(folder=None).read("vgg19")
    assert socket.getdefaulttimeout() is None

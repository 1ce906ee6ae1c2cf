import hashlib

from hypothesis import given
from hypothesis import strategies as st

from infra.catalogue.style import WeightedNet
from worker.album.digest import result_digest

PHOTO = hashlib.sha256(b"a photo").hexdigest()


def net(name: str, weight: float = 1.0, key: str = "styles/x") -> WeightedNet:
    return WeightedNet(key=key, sha256=hashlib.sha256(name.encode()).hexdigest(), weight=weight)


def test_digest_is_a_sha256_in_hex_and_stable() -> None:
    """A changed value here loses every cached result: raise RECIPE only on purpose."""
    assert result_digest(PHOTO, [net("a")]) == (
        "20a5f7b2ddbc1204aa939ec44e9b5e1a9ba32fb35c19aef248e915367da11e8e"
    )


def test_digest_tells_photos_nets_and_weights_apart() -> None:
    other = hashlib.sha256(b"another").hexdigest()
    digests = {
        result_digest(PHOTO, [net("a")]),
        result_digest(other, [net("a")]),
        result_digest(PHOTO, [net("b")]),
        result_digest(PHOTO, [net("a", 0.5), net("b", 0.5)]),
        result_digest(PHOTO, [net("a", 0.25), net("b", 0.75)]),
        result_digest(PHOTO, [net("a", 0.75), net("b", 0.25)]),
        result_digest(PHOTO, [net("a")], "proportional"),
        result_digest(PHOTO, [net("a")], metadata="keep-safe"),
        result_digest(PHOTO, [net("a")], metadata="all"),
    }
    assert len(digests) == 9


def test_digest_knows_nothing_of_places_and_order() -> None:
    here = [net("a", 0.25, "styles/x"), net("b", 0.75, "styles/x")]
    there = [net("b", 0.75, "styles/y"), net("a", 0.25, "styles/z")]
    assert result_digest(PHOTO, here) == result_digest(PHOTO, there)


@given(first=st.floats(0, 1), second=st.floats(0, 1))
def test_weights_differ_where_their_digests_do(first: float, second: float) -> None:
    same = result_digest(PHOTO, [net("a", first)]) == result_digest(PHOTO, [net("a", second)])
    assert same == (repr(first) == repr(second))

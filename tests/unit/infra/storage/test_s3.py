"""How S3's trouble reaches us; the rest of the store is tested over a real server."""

import hashlib
import io
import time
from collections.abc import Callable, Mapping
from email.utils import formatdate
from typing import Any, BinaryIO, cast

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from botocore.response import StreamingBody
from urllib3.exceptions import ProtocolError

from infra.errors import ServiceUnavailable
from infra.storage.port import ObjectMissing, ObjectRefused, ObjectUnavailable
from infra.storage.s3 import S3Store
from infra.storage.s3_errors import error_code


class ScriptedClient:
    """Answers every call with the next of the given answers; raises those that are errors."""

    def __init__(self, *answers: Mapping[str, Any] | Exception) -> None:
        self.answers = list(answers)
        self.calls: list[Mapping[str, object]] = []

    def answer(self, **kwargs: object) -> Mapping[str, Any]:
        self.calls.append(kwargs)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    put_object = get_object = head_object = list_objects_v2 = answer
    delete_object = delete_objects = head_bucket = create_bucket = copy_object = answer

    def generate_presigned_url(self, method: str, /, **kwargs: object) -> str:
        return str(self.answer(Method=method, **kwargs))

    def upload_fileobj(self, file: BinaryIO, bucket: str, key: str, /, **kwargs: object) -> None:
        self.answer(Bucket=bucket, Key=key, Body=file.read(), **kwargs)


def store(*answers: Mapping[str, Any] | Exception, region: str = "us-east-1") -> S3Store:
    return S3Store(client=ScriptedClient(*answers), bucket="b", region=region)


def refusal(code: str, status: int = 0) -> ClientError:
    answer = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(cast("Any", answer), "Operation")


def body(data: bytes, length: int) -> Mapping[str, Any]:
    """Return an answer whose header promises `length` bytes, of an object put in parts."""
    return {"Body": StreamingBody(io.BytesIO(data), length), "ETag": f'"{"0" * 32}-2"'}


@pytest.mark.parametrize("code", ["NoSuchKey", "404", "NotFound"])
def test_missing_key_is_object_missing(code: str) -> None:
    with pytest.raises(ObjectMissing):
        store(refusal(code)).get("k")
    with pytest.raises(ObjectMissing):
        store(refusal(code)).stream("k")


def test_refusal_that_breaks_off_is_service_unavailable() -> None:
    broken = ProtocolError("Connection broken", ConnectionResetError())
    with pytest.raises(ServiceUnavailable):
        store(broken).get("k")


def whole(data: bytes, etag: str, **answer: str) -> Mapping[str, Any]:
    return {**body(data, len(data)), "ETag": f'"{etag}"', **answer}


OLD, NEW = b'{"old": 1}', b'{"new": 12}'
CUT = NEW[: len(OLD)]


def md5(data: bytes) -> str:
    return hashlib.md5(data).hexdigest()


def test_body_of_an_object_that_is_replaced_is_read_again() -> None:
    """The old object's length and the new one's bytes are neither."""
    for etag in (md5(NEW), ""):
        assert store(whole(CUT, etag), whole(NEW, md5(NEW))).get("k") == NEW


def test_object_that_is_never_still_is_service_unavailable() -> None:
    answers = [whole(bytes([n]), "0" * 32) for n in range(3)]
    with pytest.raises(ServiceUnavailable, match="'k' is replaced"):
        store(*answers).get("k")


def test_etag_that_is_no_md5_costs_a_second_read_at_most() -> None:
    """Of what lies there in one piece: servers may make ETags as they like."""
    assert store(whole(OLD, "0" * 32), whole(OLD, "0" * 32)).get("k") == OLD
    assert store(whole(OLD, f"{'0' * 32}-2")).get("k") == OLD
    assert store(whole(OLD, "0" * 32, ServerSideEncryption="aws:kms")).get("k") == OLD
    assert store(whole(OLD, "0" * 32, SSECustomerAlgorithm="AES256")).get("k") == OLD


def test_object_that_is_being_replaced_is_listed_once() -> None:
    listed = [{"Key": "a", "Size": 1}, {"Key": "b", "Size": 1}, {"Key": "b", "Size": 2}]
    last = [{"Key": "b", "Size": 2}, {"Key": "c", "Size": 3}]
    pages = (
        {"Contents": listed, "IsTruncated": True, "NextContinuationToken": "t"},
        {"Contents": last, "IsTruncated": False},
    )
    assert [info.key for info in store(*pages).list("")] == ["a", "b", "c"]


@pytest.mark.parametrize("code", ["AccessDenied", "NoSuchBucket", "SlowDown", "500"])
def test_refusal_is_service_unavailable_and_names_its_code(code: str) -> None:
    with pytest.raises(ServiceUnavailable, match=code):
        store(refusal(code)).get("k")


READS: list[Callable[[S3Store], object]] = [
    lambda s: s.get("k"),
    lambda s: s.get_range("k", 0, 1),
    lambda s: s.stream("k"),
    lambda s: s.head("k"),
    lambda s: s.copy("k", "other"),
]


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize(
    "refused",
    [
        refusal("InvalidObjectState", 403),
        refusal("KeyTooLongError", 400),
        refusal("InvalidRequest", 400),
        refusal("414", 414),
        refusal("431", 431),
    ],
)
def test_object_that_is_never_handed_out_is_object_refused(
    read: Callable[[S3Store], object], refused: ClientError
) -> None:
    """Asked for again and again, it would keep its album from ever ending."""
    with pytest.raises(ObjectRefused, match=f"'k' .{error_code(refused)}") as caught:
        read(store(refused, refused))
    assert caught.value.key == "k"


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize(
    "trouble",
    [
        refusal("AccessDenied", 403),
        refusal("TooManyRequests", 429),
        refusal("InternalError", 500),
        refusal("SlowDown", 503),
        refusal("ExpiredToken", 400),
        refusal("RequestTimeout", 400),
        refusal("ThrottlingException", 400),
        refusal("400", 400),
        refusal("BadRequest", 400),
    ],
)
def test_trouble_that_is_no_fault_of_the_object_is_an_outage(
    read: Callable[[S3Store], object], trouble: ClientError
) -> None:
    with pytest.raises(ObjectUnavailable) as caught:
        read(store(trouble, trouble))
    assert not isinstance(caught.value, ObjectRefused)
    assert caught.value.key == "k"


@pytest.mark.parametrize("read", READS)
def test_read_that_finds_no_server_names_its_object(read: Callable[[S3Store], object]) -> None:
    """Whoever reads can then tell by another one whether it is the server or the object."""
    with pytest.raises(ObjectUnavailable) as caught:
        read(store(EndpointConnectionError(endpoint_url="http://127.0.0.1:9")))
    assert caught.value.key == "k"


@pytest.mark.parametrize(("code", "refused"), [("InvalidRequest", True), ("ExpiredToken", False)])
def test_head_without_a_word_asks_for_one(code: str, refused: bool) -> None:
    """What answers a HEAD has no body: an object and a key that ran out would look alike."""
    with pytest.raises(ServiceUnavailable, match=code) as caught:
        store(refusal("400", 400), refusal(code, 400)).head("k")
    assert isinstance(caught.value, ObjectRefused) == refused


def test_head_that_fails_for_a_moment_is_answered_by_a_get() -> None:
    body = StreamingBody(io.BytesIO(b"photo"), content_length=5)
    answer = {"Body": body, "ContentLength": 5}
    assert store(refusal("400", 400), answer).head("k").size == 5


def test_bucket_that_is_refused_is_no_object() -> None:
    for call in (lambda s: s.ping(), lambda s: list(s.list("k")), lambda s: s.put("k", b"")):
        with pytest.raises(ServiceUnavailable) as caught:
            call(store(refusal("InvalidRequest", 400)))
        assert not isinstance(caught.value, ObjectRefused)


def test_unreachable_server_is_service_unavailable() -> None:
    away = EndpointConnectionError(endpoint_url="http://127.0.0.1:9")
    calls = [
        lambda s: s.get("k"),
        lambda s: s.put("k", b""),
        lambda s: s.put("k", io.BytesIO(b"")),
        lambda s: s.head("k"),
        lambda s: list(s.list("k")),
        lambda s: s.delete("k"),
        lambda s: s.stream("k"),
        lambda s: s.ping(),
        lambda s: s.ensure_bucket(),
    ]
    for call in calls:
        with pytest.raises(ServiceUnavailable):
            call(store(*[away] * 5))


def test_body_that_breaks_off_is_asked_for_again() -> None:
    assert store(body(b"ha", 4), body(b"half", 4)).get("k") == b"half"


def test_body_that_always_breaks_off_is_service_unavailable() -> None:
    with pytest.raises(ServiceUnavailable):
        store(*[body(b"ha", 4) for _ in range(3)]).get("k")


def test_stream_that_breaks_off_is_service_unavailable() -> None:
    """Pieces were handed out already, so it is the caller's to begin again."""
    with pytest.raises(ServiceUnavailable):
        list(store(body(b"ha", 4)).stream("k"))


def test_keys_that_were_not_deleted_are_reported() -> None:
    page = {"Contents": [{"Key": "p/a", "Size": 1}]}
    errors = {"Errors": [{"Key": "p/a", "Code": "AccessDenied"}]}
    with pytest.raises(ServiceUnavailable, match="AccessDenied"):
        store(page, errors).delete_prefix("p/")


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1"])
def test_missing_bucket_is_made_in_its_region(region: str) -> None:
    client = ScriptedClient(refusal("404"), {})
    S3Store(client=client, bucket="b", region=region).ensure_bucket()
    assert ("CreateBucketConfiguration" in client.calls[1]) == (region != "us-east-1")


def test_bucket_that_somebody_else_made_meanwhile_is_there() -> None:
    store(refusal("404"), refusal("BucketAlreadyOwnedByYou"), {}).ensure_bucket()


def test_bucket_that_is_not_there_is_reported_with_what_to_do() -> None:
    with pytest.raises(ServiceUnavailable, match=r"no bucket 'b'.*IMPASTO_S3_BUCKET") as caught:
        store(refusal("404")).ping()
    assert not isinstance(caught.value, ObjectMissing)


def test_bucket_that_our_key_may_not_make_is_reported_with_what_to_do() -> None:
    """It was told as an object that is not there, which ended the doctor in a traceback."""
    with pytest.raises(ServiceUnavailable, match=r"our key \(AccessDenied\)") as caught:
        store(refusal("404"), refusal("AccessDenied"), refusal("404")).ensure_bucket()
    assert not isinstance(caught.value, ObjectMissing)


@pytest.mark.parametrize("status", [400, 403])
def test_refusal_for_the_clock_says_so(status: int) -> None:
    """A HEAD is answered without a code, and rclone calls it AccessDenied: the date tells."""
    error = refusal("AccessDenied", status)
    headers = error.response["ResponseMetadata"].setdefault("HTTPHeaders", {})
    headers["date"] = formatdate(time.time() + 1200, usegmt=True)
    with pytest.raises(ServiceUnavailable, match=r"differ by 1[12]\d\d s; set both by NTP"):
        store(error).ping()
    headers["date"] = formatdate(time.time() + 60, usegmt=True)
    with pytest.raises(ServiceUnavailable, match="check its address, keys and bucket"):
        store(error).ping()


def test_bucket_that_may_not_be_looked_at_is_reported() -> None:
    with pytest.raises(ServiceUnavailable, match="403"):
        store(refusal("403")).ensure_bucket()


def test_listing_begins_where_every_server_knows_it() -> None:
    """At a key of the folder itself; and is right too where a server begins at its start."""
    client = ScriptedClient({"Contents": [{"Key": f"p/{n}", "Size": 1} for n in (1, 2, 3)]})
    listed = S3Store(client=client, bucket="b").list("p/", start_after="p/2")
    assert [info.key for info in listed] == ["p/3"]
    assert client.calls[0]["Delimiter"] == "/"
    for start in ("p", "p/", "p/2/", "p/2/x", "q/2"):
        with pytest.raises(ValueError, match="no key directly in the folder"):
            list(store().list("p/", start_after=start))
    with pytest.raises(ValueError, match="no key directly in the folder"):
        list(store().list("p/2", start_after="p/21"))

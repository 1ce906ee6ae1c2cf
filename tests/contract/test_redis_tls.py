"""Redis over TLS, by the service's own client and by Celery's transport, with a private authority.

Redis listens on no port: whatever reaches it has been encrypted, and a recorder before it sees
every byte.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from kombu.entity import Queue
from pydantic import SecretStr

from infra.broker.notifier import STYLIZE_QUEUE, CeleryNotifier, celery_app
from infra.errors import InvalidSettings, ServiceUnavailable
from infra.redis.client import connect_redis, redis_errors
from infra.settings import Settings
from tests.redis_over_tls import HANDSHAKE, PASSWORD, TlsRedis, redis_over_tls

JOB = "01mcc5rm00fbe2x0bjchncy728"


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsRedis]:
    with redis_over_tls(tmp_path_factory.mktemp("tls")) as server:
        yield server


@pytest.fixture(scope="module")
def choosy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsRedis]:
    """A server that takes nobody without a certificate of its authority."""
    folder = tmp_path_factory.mktemp("choosy")
    with redis_over_tls(folder, client_certificates=True) as server:
        yield server


def use(settings: Settings) -> tuple[str | None, list[object]]:
    """Write and read a key, send a message and take it; returns what came of both."""
    client = connect_redis(settings)
    with redis_errors():
        client.set("impasto:probe", "kept")
    app = celery_app(settings)
    CeleryNotifier(app=app, client=client).notify(JOB, 3)
    with cast("Any", app).connection_for_read() as connection:
        simple = connection.SimpleQueue(Queue(STYLIZE_QUEUE))
        message = simple.get(timeout=10)
        message.ack()
        taken = message.payload[0]
        simple.close()
    with redis_errors():
        kept = cast("Any", client).get("impasto:probe")
    client.close()
    cast("Any", app).close()
    return kept, taken


def test_nothing_leaves_unencrypted(tls: TlsRedis) -> None:
    assert use(tls.settings(redis_ca_certs=tls.authority)) == ("kept", [JOB, 3])
    assert len(tls.recorder.sent) >= 2  # the client's, and the broker's
    assert {sent[0] for sent in tls.recorder.sent} == {HANDSHAKE}
    assert tls.recorder.in_clear_text(PASSWORD, "AUTH", "PING", "BRPOP", "impasto", JOB) == []


def test_authority_may_stand_in_the_address(tls: TlsRedis) -> None:
    assert use(tls.settings(f"?ssl_ca_certs={tls.authority}")) == ("kept", [JOB, 3])


def by_client(settings: Settings) -> None:
    with redis_errors():
        connect_redis(settings).ping()


def by_broker(settings: Settings) -> None:
    CeleryNotifier(app=celery_app(settings), client=connect_redis(settings)).notify(JOB, 0)


@pytest.mark.parametrize("way", [by_client, by_broker])
def test_certificate_of_a_strange_authority_is_refused(
    tls: TlsRedis, way: Callable[[Settings], None]
) -> None:
    """Also where no authority is named: the system's sign nobody's private server."""
    before = len(tls.recorder.sent)
    for settings in (tls.settings(), tls.settings(redis_ca_certs=tls.stranger)):
        with pytest.raises(ServiceUnavailable, match="not trusted") as caught:
            way(settings)
        assert "IMPASTO_REDIS_CA_CERTS" in caught.value.detail
    assert len(tls.recorder.sent) > before
    assert tls.recorder.in_clear_text(PASSWORD) == []


@pytest.mark.parametrize("way", [by_client, by_broker])
def test_certificate_of_another_name_is_refused(
    tls: TlsRedis, way: Callable[[Settings], None]
) -> None:
    url = tls.url.replace("@localhost:", "@127.0.0.1:")
    settings = Settings(redis_url=SecretStr(url), redis_ca_certs=tls.authority)
    with pytest.raises(ServiceUnavailable, match="not trusted"):
        way(settings)


def test_certificate_is_not_checked_where_the_address_says_so(tls: TlsRedis) -> None:
    assert use(tls.settings("?ssl_cert_reqs=none")) == ("kept", [JOB, 3])


@pytest.mark.parametrize("way", [by_client, by_broker])
def test_server_that_wants_a_certificate_says_so(
    choosy: TlsRedis, way: Callable[[Settings], None]
) -> None:
    with pytest.raises(ServiceUnavailable):
        way(choosy.settings(redis_ca_certs=choosy.authority))


def test_client_certificate_of_settings_is_shown(choosy: TlsRedis) -> None:
    settings = choosy.settings(
        redis_ca_certs=choosy.authority,
        redis_certfile=choosy.certificate,
        redis_keyfile=choosy.key,
    )
    assert use(settings) == ("kept", [JOB, 3])


def test_client_certificate_of_the_address_is_shown(choosy: TlsRedis) -> None:
    options = (
        f"?ssl_ca_certs={choosy.authority}"
        f"&ssl_certfile={choosy.certificate}&ssl_keyfile={choosy.key}"
    )
    assert use(choosy.settings(options)) == ("kept", [JOB, 3])


@pytest.mark.parametrize(
    "options",
    [
        "?protocol=3",
        "?health_check_interval=10",
        "?socket_timeout=8",
        "?socket_connect_timeout=8",
        "?socket_keepalive=false",
        "?max_connections=1",
        "?max_connections=50",
        "?client_name=impasto-of-this-test",
        "?retry_on_timeout=true",
        "?db=3",
        "?protocol=3&health_check_interval=5&socket_timeout=9&max_connections=4&client_name=i&db=2",
    ],
)
def test_options_of_an_address_are_kept_to(tls: TlsRedis, options: str) -> None:
    assert use(tls.settings(options, redis_ca_certs=tls.authority)) == ("kept", [JOB, 3])


def test_messages_go_to_the_database_of_the_address(tls: TlsRedis) -> None:
    settings = tls.settings("?db=5", redis_ca_certs=tls.authority)
    by_broker(settings)
    there = connect_redis(settings)
    elsewhere = connect_redis(tls.settings("?db=6", redis_ca_certs=tls.authority))
    assert (there.llen(STYLIZE_QUEUE), elsewhere.llen(STYLIZE_QUEUE)) == (1, 0)


def test_socket_in_a_folder_is_an_address_too(tls: TlsRedis) -> None:
    url = SecretStr(f"unix://:{PASSWORD}@{tls.server}?db=7")
    assert use(Settings(redis_url=url)) == ("kept", [JOB, 3])


def test_authority_that_is_no_certificate_is_refused_at_start(
    tls: TlsRedis, tmp_path: Path
) -> None:
    wrong = tmp_path / "ca.pem"
    wrong.write_text("no certificate")
    with pytest.raises(InvalidSettings, match="PEM"):
        connect_redis(tls.settings(redis_ca_certs=wrong))
    with pytest.raises(InvalidSettings, match="the key that belongs"):
        connect_redis(tls.settings(f"?ssl_certfile={tls.certificate}&ssl_keyfile={tls.authority}"))

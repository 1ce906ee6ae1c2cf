"""The address of a Redis: what it may say, and what is said of one that it may not."""

import traceback
from pathlib import Path

import pytest
from pydantic import SecretStr

from infra.errors import InvalidSettings
from infra.redis.address import absolute_address, redis_address
from infra.settings import Settings

PLAIN = "redis://:SECRET@cache.example:6380/2"
TLS = "rediss://:SECRET@cache.example:6380/2"


def settings(url: str, **chosen: object) -> Settings:
    return Settings.model_validate({"redis_url": SecretStr(url), **chosen})


def refusal(url: str, **chosen: object) -> str:
    with pytest.raises(InvalidSettings) as caught:
        redis_address(settings(url, **chosen))
    assert "SECRET" not in "".join(traceback.format_exception(caught.value))
    assert "\n" not in caught.value.detail
    return caught.value.detail


def test_server_database_and_password_are_read() -> None:
    address = redis_address(settings("redis://me:p%2Fw%3F@cache.example:6380/2"))
    assert {name: address.options[name] for name in ("host", "port", "db")} == {
        "host": "cache.example",
        "port": 6380,
        "db": 2,
    }
    assert (address.options["username"], address.options["password"]) == ("me", "p/w?")
    assert not address.tls


def test_no_text_of_an_address_shows_its_password() -> None:
    address = redis_address(settings(TLS))
    assert "SECRET" not in f"{address} {address!r} {address.public}"
    assert address.public == "rediss://cache.example:6380/2"


def test_addresses_that_differ_in_the_password_alone_do_not_look_the_same() -> None:
    """kombu shares connections among options that look the same."""
    other = PLAIN.replace("SECRET", "another")
    assert repr(redis_address(settings(PLAIN))) != repr(redis_address(settings(other)))
    assert repr(redis_address(settings(PLAIN))) == repr(redis_address(settings(PLAIN)))


def test_database_of_an_option_goes_before_that_of_the_path() -> None:
    assert redis_address(settings(f"{PLAIN}?db=7")).options["db"] == 7


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("protocl=3", "did you mean 'protocol'?"),
        ("protocol=7", "2 or 3"),
        ("socket_timeout=soon", "a number of seconds"),
        ("socket_timeout=0.5", "2 at least"),
        ("socket_timeout=inf", "a number of seconds"),
        ("health_check_interval=often", "a whole number"),
        ("max_connections=0", "1 at least"),
        ("client_name=two%20words", "without spaces"),
        ("db=first", "a number"),
        ("socket_keepalive=maybe", "true or false"),
        ("ssl_ca_certs=/ca.pem", "rediss://"),
        ("password=x", "'password', which is none of"),
    ],
)
def test_option_that_cannot_be_kept_to_is_refused_by_name(option: str, told: str) -> None:
    detail = refusal(f"{PLAIN}?{option}")
    assert repr(option.partition("=")[0]) in detail
    assert told in detail


@pytest.mark.parametrize(
    "option",
    ["decode_responses=true", "encoding=utf-8", "username=me", "retry_on_error=x", "lib_name=x"],
)
def test_option_of_redis_py_that_would_break_the_service_is_refused_by_name(option: str) -> None:
    assert f"the option {option.partition('=')[0]!r}" in refusal(f"{PLAIN}?{option}")


@pytest.mark.parametrize(
    "url",
    [
        "sentinel://:SECRET@h:26379/mymaster",
        "redis+sentinel://:SECRET@h:26379/mymaster/0",
        "redis-sentinel://:SECRET@h:26379/0",
        "rediss+cluster://:SECRET@h:6379",
        "redis://:SECRET@h1:6379,h2:6379/0",
    ],
)
def test_address_of_several_servers_is_refused_with_what_it_is(url: str) -> None:
    detail = refusal(url)
    assert "Sentinel" in detail
    assert "one server" in detail


def test_addresses_of_valkeys_client_are_reported_how_to_be_written() -> None:
    assert "valkeys://; write rediss://" in refusal("valkeys://:SECRET@h:6379/0")
    assert "valkey://; write redis://" in refusal("valkey://:SECRET@h:6379/0")


def test_address_by_number_of_version_6_is_read() -> None:
    address = redis_address(settings("redis://:SECRET@[::1]:6380/1"))
    assert (address.options["host"], address.options["port"]) == ("::1", 6380)
    assert address.public == "redis://[::1]:6380/1"


@pytest.mark.parametrize("url", ["redis://:SE?CRET=SECRET@h:1/0", "redis://:1?secret=SECRET@h:1/0"])
def test_password_with_a_question_mark_is_not_told_as_an_option(url: str) -> None:
    assert "%3F" in refusal(url)


@pytest.mark.parametrize("name", ["redis_ca_certs", "redis_certfile", "redis_keyfile"])
def test_certificate_for_a_plain_address_is_refused(name: str, tmp_path: Path) -> None:
    """Whoever sets it takes the connection for encrypted."""
    detail = refusal(PLAIN, **{name: tmp_path})
    assert f"IMPASTO_{name.upper()}" in detail
    assert "rediss://" in detail


def test_certificate_that_is_not_there_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "ca.pem"
    assert f"IMPASTO_REDIS_CA_CERTS cannot be read: {missing}" in refusal(
        TLS, redis_ca_certs=missing
    )
    assert f"ssl_ca_certs cannot be read: {missing}" in refusal(f"{TLS}?ssl_ca_certs={missing}")


def test_key_needs_its_certificate(tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    key.write_text("key")
    assert "ssl_certfile" in refusal(TLS, redis_keyfile=key)


def test_files_of_an_address_depend_on_no_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The programs of a stack have another one than its user."""
    monkeypatch.chdir(tmp_path)
    asked = settings(f"{TLS}?protocol=3&ssl_cert_reqs=none")
    assert absolute_address(asked) == f"{TLS}?protocol=3&ssl_cert_reqs=none"
    with pytest.raises(InvalidSettings, match=str(tmp_path)):
        absolute_address(settings(f"{TLS}?ssl_ca_certs=ca.pem"))

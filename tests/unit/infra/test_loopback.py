"""Which hosts are this machine alone: without keys, the service is open to those and no other."""

from pathlib import Path

import pytest
from flask import Request
from pydantic import SecretStr
from werkzeug.test import EnvironBuilder

from api.problems import Forbidden
from api.tenants import tenant_of
from api.wsgi import check_settings
from infra.loopback import is_loopback
from infra.settings import Settings
from infra.stack import EmbeddedStack, StackRefused
from infra.stack.credentials import Credentials
from infra.stack.folder import DataFolder
from infra.stack.programs import Plan

OWN = {
    "127.0.0.1": "what we listen on by default",
    "127.0.0.2": "the whole of 127.0.0.0/8 is loopback",
    "::1": "the same in IPv6",
    "::ffff:127.0.0.1": "an IPv4 address as a socket of both families shows it",
    "localhost": "the name",
    "LOCALHOST": "case means nothing in a host's name",
}
FOREIGN = {
    "": "a server that is told no host listens on every interface",
    "0.0.0.0": "every interface",
    "::": "every interface in IPv6",
    "::ffff:0.0.0.0": "every interface, mapped",
    "::ffff:192.0.2.7": "another machine, mapped",
    "192.0.2.7": "another machine",
    "localhost.": "a resolver has to be asked, and not every one knows it",
    "127.1": "a short form that not everything reads alike",
    " localhost": "no host has a space in its name",
    "localhost.example.com": "somebody's name",
    "127.0.0.1.example.com": "somebody's name",
    "example.com": "somebody's name",
    "127.evil.com": "somebody's name that begins like an address",
}


class Started(Exception):
    """The stack's settings were found safe."""


def plan(settings: Settings, folder: DataFolder, credentials: Credentials) -> Plan:
    raise Started


def start_stack(settings: Settings) -> None:
    EmbeddedStack(settings, planner=plan).start()


@pytest.mark.parametrize("host", OWN)
def test_a_service_without_keys_may_listen_on_loopback(host: str, tmp_path: Path) -> None:
    settings = Settings(host=host, data=tmp_path)
    assert is_loopback(host)
    assert not settings.open_to_strangers
    check_settings(settings)
    with pytest.raises(Started):
        start_stack(settings)


@pytest.mark.parametrize("host", FOREIGN)
def test_a_service_without_keys_may_listen_nowhere_else(host: str, tmp_path: Path) -> None:
    settings = Settings(host=host, data=tmp_path)
    assert not is_loopback(host)
    assert settings.open_to_strangers
    with pytest.raises(ValueError, match="IMPASTO_API_KEYS"):
        check_settings(settings)
    with pytest.raises(StackRefused, match="IMPASTO_API_KEYS"):
        start_stack(settings)


@pytest.mark.parametrize("host", {**OWN, **FOREIGN})
def test_a_service_with_keys_may_listen_anywhere(host: str, tmp_path: Path) -> None:
    settings = Settings(host=host, data=tmp_path, api_keys={"alice": SecretStr("wonderland")})
    assert not settings.open_to_strangers
    check_settings(settings)
    with pytest.raises(Started):
        start_stack(settings)


@pytest.mark.parametrize("remote", ["127.0.0.1", "127.0.0.2", "::1", "::ffff:127.0.0.1"])
def test_without_keys_the_own_machine_is_answered_by_whichever_address(remote: str) -> None:
    assert tenant_of(_request(remote), {}) == "default"


@pytest.mark.parametrize("remote", ["", "192.0.2.7", "::ffff:192.0.2.7"])
def test_without_keys_no_other_machine_is_answered(remote: str) -> None:
    with pytest.raises(Forbidden):
        tenant_of(_request(remote), {})


def _request(remote: str) -> Request:
    builder = EnvironBuilder(base_url="http://LocalHost:8000", environ_base={"REMOTE_ADDR": remote})
    return Request(builder.get_environ())

"""Who may ask: keys decide where there are keys, the loopback interface where there are none."""

import pytest
from flask import Request
from pydantic import SecretStr
from werkzeug.datastructures import Headers
from werkzeug.test import EnvironBuilder

from api.problems import Forbidden, Unauthorized
from api.tenants import tenant_of

KEYS = {"alice": SecretStr("wonderland"), "bob": SecretStr("s3cret-ü"), "carol": SecretStr("voilà")}


def request(
    remote: str = "127.0.0.1", base: str = "http://127.0.0.1:8000", **headers: str
) -> Request:
    builder = EnvironBuilder(
        base_url=base, headers=Headers(headers), environ_overrides={"REMOTE_ADDR": remote}
    )
    return Request(builder.get_environ())


@pytest.mark.parametrize(
    ("key", "tenant"),
    [("wonderland", "alice"), ("s3cret-ü", "bob"), ("voilà", "carol"), (" wonderland ", "alice")],
)
def test_a_key_names_its_tenant(key: str, tenant: str) -> None:
    assert (
        tenant_of(request(Authorization=f"Bearer {key}".encode().decode("latin-1")), KEYS) == tenant
    )


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Bearer wonderlan", "Basic wonderland", "wonderland"]
)
def test_a_wrong_or_missing_key_is_refused(authorization: str) -> None:
    with pytest.raises(Unauthorized):
        tenant_of(request(Authorization=authorization), KEYS)


@pytest.mark.parametrize(
    "base", ["http://127.0.0.1:8000", "http://localhost:9", "http://[::1]:8000"]
)
def test_without_keys_the_own_machine_is_the_default_tenant(base: str) -> None:
    assert tenant_of(request(base=base), {}) == "default"


def test_without_keys_another_machine_is_refused() -> None:
    with pytest.raises(Forbidden, match="IMPASTO_API_KEYS"):
        tenant_of(request(remote="192.0.2.7"), {})


@pytest.mark.parametrize("host", ["evil.example:8000", "evil.example", "[", "::1:evil", ""])
def test_without_keys_a_rebound_host_name_is_refused(host: str) -> None:
    """DNS rebinding: a page's own name that suddenly points at the loopback interface."""
    with pytest.raises(Forbidden):
        tenant_of(request(Host=host), {})


def test_without_keys_a_page_of_another_site_is_refused() -> None:
    with pytest.raises(Forbidden):
        tenant_of(request(Origin="https://evil.example"), {})


def test_without_keys_the_services_own_page_may_ask() -> None:
    assert tenant_of(request(Origin="http://127.0.0.1:8000"), {}) == "default"

"""Conditions on the settings before the API lets anyone in."""

import json

import pytest
from pydantic import SecretStr

from api.wsgi import application, check_settings
from infra.errors import InvalidSettings
from infra.settings import Settings

KEY = SecretStr("wonderland")


def test_service_without_keys_stays_on_its_own_machine() -> None:
    with pytest.raises(ValueError, match="IMPASTO_API_KEYS"):
        check_settings(Settings(host="0.0.0.0"))
    check_settings(Settings(host="::1"))
    check_settings(Settings(host="0.0.0.0", api_keys={"alice": KEY}))


@pytest.mark.parametrize("keys", [{"alice": ""}, {"alice": "same", "bob": "same"}])
def test_keys_that_do_not_tell_tenants_apart_are_refused(
    keys: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMPASTO_API_KEYS", json.dumps(keys))
    with pytest.raises(InvalidSettings, match="IMPASTO_API_KEYS"):
        application()

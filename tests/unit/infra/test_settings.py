"""The environment, and what is said of it where it is wrong."""

import json
import traceback
from pathlib import Path

import pytest
from pydantic import ValidationError

from infra.errors import InvalidSettings
from infra.settings import Settings, load_settings
from infra.stack.environment import settings_environment


def refusal(monkeypatch: pytest.MonkeyPatch, **variables: str) -> str:
    """Return what is logged of an environment that is not valid."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InvalidSettings) as caught:
        load_settings()
    return "".join(traceback.format_exception(caught.value))


def test_every_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    told = refusal(monkeypatch, IMPASTO_PORT="many", IMPASTO_LEASE_SECONDS="0")
    assert "IMPASTO_PORT: " in told
    assert "IMPASTO_LEASE_SECONDS: " in told


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("IMPASTO_RETENTON_DAYS", "IMPASTO_RETENTION_DAYS"),
        ("IMPASTO_REDIS", "IMPASTO_REDIS_URL"),
        ("IMPASTO_MAX_PHOTOS_BYTES", "IMPASTO_MAX_PHOTO_BYTES"),
        ("impasto_prt", "IMPASTO_PORT"),
        ("IMPASTO_APIKEYS", "IMPASTO_API_KEYS"),
    ],
)
def test_variable_that_no_setting_has_is_an_error_that_names_the_nearest(
    typed: str, meant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = refusal(monkeypatch, **{typed: "SECRET"})
    assert f"{typed}: No setting has this name; did you mean {meant}?" in told
    assert "SECRET" not in told


def test_variable_that_is_near_to_nothing_and_a_wrong_value_are_both_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = refusal(monkeypatch, IMPASTO_XYZZY="1", IMPASTO_PORT="many")
    assert "IMPASTO_XYZZY: No setting has this name; take it out" in told
    assert "IMPASTO_PORT: " in told


def test_variables_of_clients_tests_and_the_stack_itself_are_none_of_these(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("URL", "API_KEY", "ASSETS", "GUARD_PARENT", "SUPERVISOR_SOCKET", "COMMAND_REDIS"):
        monkeypatch.setenv(f"IMPASTO_{name}", "http://127.0.0.1:8000")
    monkeypatch.setenv("IMPASTOR_PORT", "not ours")
    assert load_settings().url == "http://127.0.0.1:8000"


@pytest.mark.parametrize(
    "keys",
    ["alice:SECRET", '["alice-SECRET"]', '{"alice": {"key": "SECRET"}}', '{"SECRET": 5}'],
)
def test_keys_that_cannot_be_read_are_named_and_not_repeated(
    keys: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is wrong with the keys goes to terminals and logs."""
    told = refusal(monkeypatch, IMPASTO_API_KEYS=keys)
    assert "IMPASTO_API_KEYS: " in told
    assert "SECRET" not in told


def test_keys_are_read_as_the_stack_hands_them_over(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = {"alice": "a-long-secret", "bob": "another"}
    monkeypatch.setenv("IMPASTO_API_KEYS", json.dumps(keys))
    settings = load_settings()
    assert {tenant: key.get_secret_value() for tenant, key in settings.api_keys.items()} == keys
    handed_over = settings_environment(settings)["IMPASTO_API_KEYS"]
    assert json.loads(handed_over) == keys


def test_wrong_setting_is_refused_without_being_repeated() -> None:
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate({"api_keys": {"alice": {"key": "SECRET"}}})
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize("days", ["inf", "nan", "3000000", "1e9", "0"])
def test_retention_that_no_date_can_say_is_refused(
    days: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each job says when it will be removed."""
    assert "IMPASTO_RETENTION_DAYS" in refusal(monkeypatch, IMPASTO_RETENTION_DAYS=days)


def test_job_may_be_kept_for_a_century() -> None:
    assert Settings(retention_days=36_500).retention_days == 36_500


@pytest.mark.parametrize(
    ("keys", "fault"),
    [
        ('{"alice": ""}', "empty"),
        ('{"alice": "a-long-SECRET", "bob": " "}', "empty"),
        ('{"alice": "a-long-SECRET", "bob": "a-long-SECRET"}', "of its own"),
    ],
)
def test_keys_that_do_not_tell_tenants_apart_are_refused(
    keys: str, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever sends no key is nobody, and one tenant's photos are never another's.

    It is so wherever settings are read: before a stack starts, and before the API lets anyone in.
    """
    told = refusal(monkeypatch, IMPASTO_API_KEYS=keys)
    assert "IMPASTO_API_KEYS" in told
    assert fault in told
    assert "SECRET" not in told


@pytest.mark.parametrize("tenant", ["a/SECRET", "../SECRET", "", " ", "..", "SECRET\n2"])
def test_tenant_without_a_place_in_the_bucket_is_refused(
    tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything of a tenant's lies below its name."""
    told = refusal(monkeypatch, IMPASTO_API_KEYS=json.dumps({tenant: "wonderland"}))
    assert "IMPASTO_API_KEYS: Each tenant needs a name" in told
    assert "SECRET" not in told


def test_key_is_kept_as_it_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is read from a file ends in a line break, and no header can."""
    monkeypatch.setenv("IMPASTO_API_KEYS", json.dumps({"alice": " wonderland\n"}))
    assert load_settings().api_keys["alice"].get_secret_value() == "wonderland"


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("LOG_LEVEL", "LOUD"),
        ("LOG_LEVEL", ""),
        ("DEVICE", "gpu"),
        ("ENGINE", "onnx"),
        ("PRECISION", "float64"),
    ],
)
def test_word_that_is_no_choice_is_refused(
    name: str, word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the first to use it ends, in a process that nobody looks at."""
    told = refusal(monkeypatch, **{f"IMPASTO_{name}": word})
    assert f"IMPASTO_{name}: Input should be " in told


@pytest.mark.parametrize("level", ["DEBUG", "info", "Warning", "ERROR"])
def test_levels_are_known_in_any_case(level: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMPASTO_LOG_LEVEL", level)
    assert load_settings().log_level == level


@pytest.mark.parametrize("name", ["DATA", "SCRATCH", "LOSS_WEIGHTS", "ASSETS"])
def test_home_that_nobody_has_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    told = refusal(monkeypatch, **{f"IMPASTO_{name}": "~nobody-of-this-name/impasto"})
    assert f"IMPASTO_{name}: No such home folder" in told


def test_tilde_is_the_users_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("IMPASTO_ASSETS", "~/assets")
    settings = load_settings(data=Path("~/data"))
    assert (settings.data, settings.assets) == (tmp_path / "data", tmp_path / "assets")

"""Settings as environment variables: how the stack hands them to its programs."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from pydantic import SecretStr

from infra.settings import Settings

PREFIX = "IMPASTO_"

#: Variables of the user's that must not reach a program: they would change what it serves.
_FOREIGN = (PREFIX, "RCLONE_")


def program_environment(settings: Settings, base: Mapping[str, str]) -> dict[str, str]:
    """Return `base` with each of our variables replaced by the value in `settings`."""
    kept = {name: value for name, value in base.items() if not name.startswith(_FOREIGN)}
    return {**kept, **settings_environment(settings)}


def settings_environment(settings: Settings) -> dict[str, str]:
    """Return the variables from which `load_settings` reads these settings, secrets included."""
    fields = ((name, getattr(settings, name)) for name in Settings.model_fields)
    return {PREFIX + name.upper(): _text(value) for name, value in fields if value is not None}


def _text(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, Path) and not str(value).startswith("s3:"):  # a place in the bucket
        # The programs' working directory is not the user's.
        return str(value.resolve())
    if isinstance(value, dict):
        mapping = cast("dict[str, object]", value)
        return json.dumps({name: _text(item) for name, item in mapping.items()})
    return str(value)

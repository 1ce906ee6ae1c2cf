"""The embedded servers' passwords: made once, kept in the data folder, reused."""

import secrets
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from infra.stack.folder import write_private

#: Characters of an S3 access key, as AWS makes them.
ACCESS_KEY_LENGTH = 20


class Credentials(BaseModel):
    """Passwords and keys of the embedded Redis and S3."""

    model_config = ConfigDict(frozen=True)

    redis_password: str
    s3_access_key: str
    s3_secret_key: str


def keep_credentials(path: Path) -> Credentials:
    """Read the credentials at `path`, or make them there (mode 0600)."""
    if path.exists():
        return Credentials.model_validate_json(path.read_text())
    made = Credentials(
        redis_password=secrets.token_hex(32),
        s3_access_key=secrets.token_hex(ACCESS_KEY_LENGTH // 2).upper(),
        s3_secret_key=secrets.token_hex(32),
    )
    write_private(path, made.model_dump_json())
    return made

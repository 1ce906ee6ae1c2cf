"""gunicorn's configuration (`--config python:infra.stack.gunicorn.config`): it logs as we do."""

from infra.log import log_config
from infra.settings import load_settings

logconfig_dict = log_config(load_settings().log_level, "api")

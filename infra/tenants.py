"""Tenants in what people read and type."""

from collections.abc import Callable, Collection

#: The one tenant of a service without keys.
DEFAULT_TENANT = "default"


def corpus_command(corpus: str, tenant: str) -> str:
    """Return the command that prepares photos as a corpus of a tenant."""
    option = "" if tenant == DEFAULT_TENANT else f" --tenant {tenant}"
    return f"impasto corpus add {corpus} FOLDER{option}"


def jobs_before_keys(tenants: Collection[str], has_jobs: Callable[[str], bool]) -> str | None:
    """Return where the jobs of the time without keys are, and how a tenant takes them over.

    `tenants` are those with a key. None where there are no such jobs, or somebody has them.
    """
    if not tenants or DEFAULT_TENANT in tenants or not has_jobs(DEFAULT_TENANT):
        return None
    return (
        f"Jobs from before there were keys belong to the tenant `{DEFAULT_TENANT}`, which has no "
        "key in IMPASTO_API_KEYS, so nobody sees them. Whoever is to have them takes that name: "
        f'{{"{DEFAULT_TENANT}": "a-long-secret"}}, beside the others.'
    )

"""Tenants in what people read and type."""

#: The one tenant of a service without keys.
DEFAULT_TENANT = "default"


def corpus_command(corpus: str, tenant: str) -> str:
    """Return the command that prepares photos as a corpus of a tenant."""
    option = "" if tenant == DEFAULT_TENANT else f" --tenant {tenant}"
    return f"impasto corpus add {corpus} FOLDER{option}"

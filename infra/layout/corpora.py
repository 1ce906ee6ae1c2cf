"""Where corpora lie in the bucket."""

from infra.layout.parts import part, tenant_prefix


def corpora_prefix(tenant: str) -> str:
    """Every corpus that a tenant's trainings may learn on."""
    return f"{tenant_prefix(tenant)}corpora/"


def corpus_index(tenant: str, corpus: str) -> str:
    """The index of a corpus; written last, so a corpus that has one is whole."""
    return f"{corpora_prefix(tenant)}{part(corpus)}/corpus.json"


def corpus_shards(tenant: str, corpus: str) -> str:
    """Every shard of a corpus, and beside each the index of what is in it."""
    return f"{corpora_prefix(tenant)}{part(corpus)}/shards/"


def corpus_shard(tenant: str, corpus: str, number: int) -> str:
    """One shard: a tar file of prepared photos."""
    return f"{corpus_shards(tenant, corpus)}{number:05d}.tar"


def corpus_shard_index(tenant: str, corpus: str, number: int) -> str:
    """Which photos are in a shard; written after it."""
    return f"{corpus_shards(tenant, corpus)}{number:05d}.json"

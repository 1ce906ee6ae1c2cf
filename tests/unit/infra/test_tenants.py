"""What is said as keys come to a service that had none."""

import json
import re

from infra.tenants import DEFAULT_TENANT, jobs_before_keys


def has_jobs(tenant: str) -> bool:
    return tenant == DEFAULT_TENANT


def test_jobs_of_the_time_before_are_named_with_how_a_tenant_takes_them_over() -> None:
    told = jobs_before_keys(["alice"], has_jobs)
    assert told is not None
    assert "IMPASTO_API_KEYS" in told
    found = re.search(r"{.*}", told)
    assert found is not None
    assert list(json.loads(found[0])) == [DEFAULT_TENANT]


def test_nothing_is_said_where_somebody_has_them_or_there_are_none() -> None:
    assert jobs_before_keys([], has_jobs) is None
    assert jobs_before_keys(["alice", DEFAULT_TENANT], has_jobs) is None
    assert jobs_before_keys(["alice"], lambda _: False) is None

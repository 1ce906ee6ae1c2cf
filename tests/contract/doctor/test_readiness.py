"""What an operator is told by the API over real servers: by readiness, and by its log."""

from dataclasses import replace

import pytest
from flask.testing import FlaskClient
from pydantic import SecretStr
from structlog.testing import capture_logs

from api.app import create_app
from api.wsgi import Preparation, make_services, tell_of_jobs_before_keys
from infra.deployment import Deployment, connect
from infra.jobs.domain.model import JobDraft
from tests.contract.doctor.test_redis_kinds import redis_of
from tests.fakes.service import BLEND, TENANT, entries


def api_of(deployment: Deployment) -> FlaskClient:
    preparation = Preparation(lambda: None)
    preparation.run()
    return create_app(make_services(deployment, preparation)).test_client()


def test_redis_that_keeps_no_jobs_does_not_make_a_service_ready(
    deployment: Deployment, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("cluster")
    with redis_of("cluster", folder, deployment.settings) as url:
        cluster = connect(deployment.settings.model_copy(update={"redis_url": SecretStr(url)}))
        answer = api_of(cluster).get("/readyz")
        cluster.redis.close()
    assert answer.status_code == 503
    assert "part of a Cluster" in answer.get_json()["parts"]["redis"]


def test_bucket_that_is_gone_is_reported_with_its_name(deployment: Deployment) -> None:
    gone = connect(deployment.settings.model_copy(update={"s3_bucket": "gone"}))
    answer = api_of(gone).get("/readyz").get_json()
    assert answer["parts"]["s3"].startswith("There is no bucket 'gone'")


def test_api_that_nobody_watches_logs_where_jobs_are_since_there_are_keys(
    deployment: Deployment,
) -> None:
    """`impasto up` says it on the terminal; an API that is started otherwise has its log alone."""
    draft = JobDraft(
        id=deployment.jobs.submission.new_job_id(), tenant=TENANT, style="s", blend=BLEND
    )
    deployment.jobs.submission.submit(draft, entries(1))

    def logged(*tenants: str) -> list[str]:
        keys = {tenant: SecretStr(f"key of {tenant}") for tenant in tenants}
        settings = deployment.settings.model_copy(update={"api_keys": keys})
        with capture_logs() as logs:
            tell_of_jobs_before_keys(replace(deployment, settings=settings))
        return [str(line["reason"]) for line in logs if line["event"].startswith("jobs of no")]

    [reason] = logged("alice")
    assert "the tenant `default`" in reason
    assert '{"default": "a-long-secret"}' in reason
    assert logged() == []
    assert logged("alice", "default") == []

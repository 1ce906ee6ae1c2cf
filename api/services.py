"""The services that the API depends on, and their accessors for views."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import cast

from flask import current_app, g, request

from api.tenants import tenant_of
from api.waiting import HeldAnswers
from infra.catalogue import StyleCatalogue
from infra.catalogue.changes import StyleChanges
from infra.catalogue.visible import TenantStyles
from infra.jobs.service import JobServices
from infra.previews.intake import PreviewIntake
from infra.redis.counters import Counters
from infra.settings import Settings
from infra.storage.port import ObjectStore

#: Where the app keeps its services.
EXTENSION = "impasto"


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The dependencies of the API, behind their ports."""

    settings: Settings
    jobs: JobServices
    previews: PreviewIntake
    styles: StyleCatalogue
    changes: StyleChanges
    objects: ObjectStore
    counters: Counters
    #: Numbers of this moment, by metric name: open jobs, waiting messages.
    gauges: Mapping[str, Callable[[], float]]
    #: Name of a part to a call that raises an exception while that part is not there.
    probes: Mapping[str, Callable[[], None]]
    held: HeldAnswers = field(default_factory=HeldAnswers)

    def styles_of(self, tenant: str) -> TenantStyles:
        """Return the styles that a tenant sees."""
        return TenantStyles(self.styles, tenant, keys=bool(self.settings.api_keys))


def services() -> Services:
    """Return the services of the app that handles this request."""
    return cast("Services", current_app.extensions[EXTENSION])


def tenant_styles() -> TenantStyles:
    """Return the styles that whoever sent this request sees."""
    return services().styles_of(tenant())


def authenticate() -> None:
    """Store the tenant of this request for `tenant`; raises Unauthorized or Forbidden."""
    g.tenant = tenant_of(request, services().settings.api_keys)


def tenant() -> str:
    """Return the tenant that sent this request."""
    return cast("str", g.tenant)

"""Corpora over HTTP."""

from flask import Response

from api.responses.render import json_response
from api.schemas.styles import CorpusList
from api.services import services, tenant
from api.submission.corpora import STARTER_CORPUS, list_corpora
from api.views.routing import Views

views = Views("corpora", "Photos that styles are learnt on.", prefix="/v1/corpora")


@views.get("", "listCorpora", {200: CorpusList})
def get_corpora() -> Response:
    """List the complete corpora of the tenant, by name, and the one that comes with Impasto."""
    own = list_corpora(services().objects, tenant())
    return json_response(CorpusList(corpora=own, starter=STARTER_CORPUS))

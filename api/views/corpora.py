"""Corpora over HTTP."""

from flask import Response

from api.responses.render import json_response
from api.schemas.styles import CorpusList
from api.services import services, tenant
from api.submission.corpora import list_corpora
from api.views.routing import Views

views = Views("corpora", "Photos that styles are learnt on.", prefix="/v1/corpora")


@views.get("", "listCorpora", {200: CorpusList})
def get_corpora() -> Response:
    """List the complete corpora, by name."""
    return json_response(CorpusList(corpora=list_corpora(services().objects, tenant())))

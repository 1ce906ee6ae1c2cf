"""Views and their OpenAPI documentation: flask-openapi3's blueprint, with types."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from api.services import authenticate
from api.views.openapi import ANYWHERE, PROBLEMS, SECURED

View = TypeVar("View", bound=Callable[..., Response])
Responses = Mapping[int, Any]


class Views:
    """A group of views, which the documentation shows together."""

    def __init__(self, name: str, about: str, *, prefix: str = "", secured: bool = True) -> None:
        self.blueprint = APIBlueprint(
            name,
            __name__,
            url_prefix=prefix or None,
            abp_tags=[Tag(name=name, description=about)],
            abp_security=SECURED if secured else None,
            abp_responses=dict(PROBLEMS if secured else ANYWHERE),
        )
        if secured:
            self.blueprint.before_request(authenticate)

    def get(self, rule: str, name: str, responses: Responses) -> Callable[[View], View]:
        """Answer GET at `rule`; `name` is the operation's in the documentation."""
        register = cast("Any", self.blueprint).get
        return cast(
            "Callable[[View], View]",
            register(rule, operation_id=name, responses=dict(responses)),
        )

    def post(
        self, rule: str, name: str, responses: Responses, *, body: Mapping[str, Any] | None = None
    ) -> Callable[[View], View]:
        """Answer POST at `rule`; `body` documents a request body that is no model."""
        register = cast("Any", self.blueprint).post
        extensions = {"requestBody": body} if body else None
        return cast(
            "Callable[[View], View]",
            register(
                rule,
                operation_id=name,
                responses=dict(responses),
                openapi_extensions=extensions,
            ),
        )

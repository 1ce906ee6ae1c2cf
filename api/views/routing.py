"""Views and their OpenAPI documentation: flask-openapi3's blueprint, with types."""

from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar, cast, get_type_hints

from flask import Response, request
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from api.problems import MAX_LISTED_ERRORS, FieldError, InvalidFields, pointer
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
        #: The query parameters of each view, by its function's name.
        self._parameters: dict[str, Collection[str]] = {}
        if secured:
            self.blueprint.before_request(authenticate)
        if prefix:  # what others look at besides, such as probes, may carry what it likes
            self.blueprint.before_request(self._check_parameters)

    def get(self, rule: str, name: str, responses: Responses) -> Callable[[View], View]:
        """Answer GET at `rule`; `name` is the operation's in the documentation."""
        register = cast("Any", self.blueprint).get
        return self._noted(register(rule, operation_id=name, responses=dict(responses)))

    def post(
        self, rule: str, name: str, responses: Responses, *, body: Mapping[str, Any] | None = None
    ) -> Callable[[View], View]:
        """Answer POST at `rule`; `body` documents a request body that is no model."""
        register = cast("Any", self.blueprint).post
        extensions = {"requestBody": body} if body else None
        return self._noted(
            register(
                rule,
                operation_id=name,
                responses=dict(responses),
                openapi_extensions=extensions,
            )
        )

    def patch(
        self, rule: str, name: str, responses: Responses, *, body: Mapping[str, Any]
    ) -> Callable[[View], View]:
        """Answer PATCH at `rule`; `body` documents the request body."""
        register = cast("Any", self.blueprint).patch
        extensions = {"requestBody": body}
        return self._noted(
            register(
                rule, operation_id=name, responses=dict(responses), openapi_extensions=extensions
            )
        )

    def delete(self, rule: str, name: str, responses: Responses) -> Callable[[View], View]:
        """Answer DELETE at `rule`."""
        register = cast("Any", self.blueprint).delete
        return self._noted(register(rule, operation_id=name, responses=dict(responses)))

    def _noted(self, register: Any) -> Callable[[View], View]:  # noqa: ANN401  (the library's)
        """Return what registers a view, and notes its query parameters."""

        def note(view: View) -> View:
            query = get_type_hints(view).get("query")
            self._parameters[view.__name__] = frozenset(query.model_fields if query else ())
            return cast("View", register(view))

        return note

    def _check_parameters(self) -> None:
        """Raise InvalidFields for query parameters that the view does not have."""
        known = self._parameters.get((request.endpoint or "").rpartition(".")[2], ())
        errors = [
            FieldError(pointer=pointer((name,)), detail="this address has no such parameter")
            for name in request.args
            if name not in known
        ]
        if errors:
            raise InvalidFields(errors[:MAX_LISTED_ERRORS])

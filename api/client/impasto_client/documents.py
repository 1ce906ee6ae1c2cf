"""JSON documents as dataclasses, and back.

A dozen kinds of values are all that the service answers with; a validation library would double
the size of the installation.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import MISSING, asdict, fields, is_dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast, get_args, get_origin, get_type_hints

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    D = TypeVar("D", bound=DataclassInstance)

Reader = Callable[[Any], Any]


def parse(kind: "type[D]", text: bytes) -> "D":
    """Read JSON text as a dataclass; raises ValueError as `read_document` does."""
    try:
        return read_document(kind, json.loads(text))
    except (RecursionError, OverflowError) as error:
        raise ValueError("the document cannot be read") from error


def read_document(kind: "type[D]", document: Any) -> "D":  # noqa: ANN401  (what `json` reads)
    """Return a parsed JSON document as a dataclass; fields that it does not have are ignored.

    Raises ValueError where a field is missing or of another type.
    """
    return _reader(kind)(document)


def to_json(document: "DataclassInstance") -> dict[str, Any]:
    """Return a dataclass as a JSON document, with the names of the service's answer."""
    return {name: _written(value) for name, value in asdict(document).items()}


def _written(value: Any) -> Any:  # noqa: ANN401  (any value of a document)
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, dict):
        return {name: _written(part) for name, part in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [_written(part) for part in cast("list[Any]", value)]
    return value


@cache
def _reader(kind: Any) -> Reader:  # noqa: ANN401  (types have no type of their own)
    """Return the function that reads values of one type."""
    origin, arguments = get_origin(kind), get_args(kind)
    if is_dataclass(kind):
        return _dataclass_reader(cast("type[DataclassInstance]", kind))
    if origin is UnionType:  # one type, or None
        (some,) = (_reader(part) for part in arguments if part is not NoneType)
        return lambda value: None if value is None else some(value)
    if origin is list:
        each = _reader(arguments[0])
        return lambda value: [each(part) for part in _checked(value, list)]
    if origin is Literal:
        return lambda value: _one_of(value, arguments)
    if kind is datetime:
        return lambda value: datetime.fromisoformat(_checked(value, str))
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return kind
    if kind is float:
        return lambda value: float(_checked(value, int, float))
    exact = cast("type", origin or kind)
    return lambda value: _checked(value, exact)


def _dataclass_reader(kind: "type[DataclassInstance]") -> Reader:
    hints = get_type_hints(kind)
    readers = {field.name: _reader(hints[field.name]) for field in fields(kind)}
    required = {
        field.name
        for field in fields(kind)
        if field.default is MISSING and field.default_factory is MISSING
    }

    def read(value: Any) -> Any:  # noqa: ANN401
        found: Mapping[str, Any] = _checked(value, dict)
        if missing := required - found.keys():
            raise ValueError(f"{kind.__name__} lacks {', '.join(sorted(missing))}")
        known = {name: read(found[name]) for name, read in readers.items() if name in found}
        return kind(**known)

    return read


def _checked(value: Any, *kinds: type) -> Any:  # noqa: ANN401
    """Return the value; raises ValueError where it has none of these types."""
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        raise ValueError(f"{value!r:.100} is no {kinds[0].__name__}")
    return value


def _one_of(value: Any, choices: tuple[Any, ...]) -> Any:  # noqa: ANN401
    if value not in choices:
        raise ValueError(f"{value!r:.100} is none of {choices}")
    return value

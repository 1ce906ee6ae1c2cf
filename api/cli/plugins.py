"""Plugins: commands of other packages, found as entry points, imported only when they run.

The API's package knows none of them, and `impasto --help` must not wait for PyTorch.
"""

import ast
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from typing import Any, cast

import typer
from typer.core import TyperCommand, TyperGroup

from api.cli.service import fail

#: Entry points of this group become commands: `NAME = "module:typer_app"`.
GROUP = "impasto.commands"


class PluginGroup(TyperGroup):
    """The command line's own commands, then those of plugins."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401  (typer keeps its type private)
        """Return the names of all commands, those of plugins last."""
        own = super().list_commands(ctx)
        return own + [name for name in sorted(_plugins()) if name not in own]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401
        """Return a command; an own one wins over a plugin of the same name."""
        own = super().get_command(ctx, cmd_name)
        if own is not None or (point := _plugins().get(cmd_name)) is None:
            return own
        return PluginCommand(point)


class PluginCommand(TyperCommand):
    """A command that imports its module only when it is run."""

    def __init__(self, point: EntryPoint) -> None:
        super().__init__(point.name, callback=None, help=summary(point), rich_markup_mode=None)
        self._point = point

    def make_context(self, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401
        """Load the command and let it read its own arguments."""
        return load(self._point).make_context(*arguments, **options)


def load(point: EntryPoint) -> Any:  # noqa: ANN401
    """Import a command; ends the process with one line where that is not possible."""
    try:
        found = point.load()
    except ImportError as error:
        fail(
            f"`{point.name}` needs parts that are not installed ({error}); install the extra "
            f"{point.module.partition('.')[0]!r} of impasto."
        )
    return typer.main.get_command(found)


def summary(point: EntryPoint) -> str:
    """Return the first line of the docstring of a command's module, without importing it."""
    source = _source(point.module)
    described = ast.get_docstring(ast.parse(source)) if source else None
    return (described or f"From {point.module}.").splitlines()[0]


def _source(module: str) -> str | None:
    try:
        spec = find_spec(module)
    except ImportError:
        return None
    read = getattr(spec and spec.loader, "get_source", None)
    return cast("str | None", read(module)) if read else None


def _plugins() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}

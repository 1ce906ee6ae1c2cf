"""The styles of the deployment: what is published, how more get there, and who owns a name."""

from infra.catalogue.catalogue import StyleCatalogue
from infra.catalogue.style import Stage, Style

__all__ = ["Stage", "Style", "StyleCatalogue"]

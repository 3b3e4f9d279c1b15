"""Every kind of figure: importing this module fills ``Figure.members``."""

from chapter6.figures import (  # noqa: F401 (they join)
    curves,
    diagrams,
    distributions,
    landscape,
    pictures,
    summaries,
    surface,
    sweeps,
    trials,
)
from chapter6.figures.base import Figure

__all__ = ["Figure"]

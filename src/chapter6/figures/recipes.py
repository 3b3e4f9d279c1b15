"""Every kind of figure: importing this module fills ``Figure.members``."""

from chapter6.figures import curves, distributions, summaries, surface, sweeps
from chapter6.figures.base import Figure

__all__ = ["Figure", "curves", "distributions", "summaries", "surface", "sweeps"]

"""What a claim may test: every kind of check, and what it yields.

A check reduces runs to one number a replicate (`quantities`), says in which range its mean, difference or
ratio should lie (`comparisons`), and gives each such part a verdict.
"""

from chapter6.analysis.checks_base import Check
from chapter6.analysis.checks_ratios import LayerRatio, TimeToTarget
from chapter6.analysis.checks_runs import Equivalence, Interaction, Level, Ordering
from chapter6.analysis.checks_search import Band, ExplainedVariance, Rounds
from chapter6.analysis.checks_settings import Learning, Reach, Reversal, Spread, Trend
from chapter6.analysis.comparisons import Comparison, Part, Range

__all__ = [
    "Band",
    "Check",
    "Comparison",
    "Equivalence",
    "ExplainedVariance",
    "Interaction",
    "LayerRatio",
    "Learning",
    "Level",
    "Ordering",
    "Part",
    "Range",
    "Reach",
    "Reversal",
    "Rounds",
    "Spread",
    "TimeToTarget",
    "Trend",
]

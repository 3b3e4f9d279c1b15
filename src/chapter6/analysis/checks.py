"""What a claim may test: every kind of check, and what it yields.

A check reduces runs to one number a replicate (`quantities`), says in which range its mean, difference or
ratio should lie (`comparisons`), and gives each such part a verdict.
"""

from chapter6.analysis import checks_ratios, checks_runs, checks_search, checks_settings  # noqa: F401 (they join)
from chapter6.analysis.checks_base import Check

__all__ = ["Check"]

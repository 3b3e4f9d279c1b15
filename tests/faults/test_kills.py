"""A job and Snakemake are killed once each; ``python -m faults.kills`` kills as often as one likes."""

import sys

import pytest

from workflow.fixtures import finished, fresh

from .kills import COMPUTED, Undisturbed, kill
from .states import state

__all__ = ["finished", "fresh"]

pytestmark = [
    pytest.mark.workflow,
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc to find the processes"),
]

SECONDS = 8.0  # in which the kill falls


@pytest.mark.parametrize("victim", ["job", "snakemake"])
def test_a_study_that_was_killed_ends_as_if_it_had_not_been(fresh, finished, tmp_path, victim):
    """Up to the verdicts; that all processes die at once is tried in ``workflow/test_mishaps.py``."""
    wanted = Undisturbed(fresh, SECONDS, state(finished), ("results/claims.json",), COMPUTED)
    killed = kill(1, wanted, tmp_path / "killed", 6, victim)
    assert killed.problems == []
    assert killed.running or victim == "snakemake"
    assert killed.unlocked <= (victim == "snakemake")

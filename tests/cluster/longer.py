"""A study whose jobs last seconds, so that something can happen to them."""

from pathlib import Path

from workflow.larger import HILLS, larger_project
from workflow.project import Project

TABLE = "results/tables/6.3-hills.parquet"
LONGER = {
    "steps: 500": "steps: 8000",
    "every: 100": "every: 1000",
    "coarse: {steps: 50}, steps: 200": "coarse: {steps: 100}, steps: 500",
}


def longer_project(folder: Path) -> Project:
    """Write the project, in which nothing has been run: a tuning, and three trainings, one of which waits for it."""
    hills = HILLS
    for short, long in LONGER.items():
        assert hills.count(short) == 1, short
        hills = hills.replace(short, long)
    return larger_project(folder, {"6.3-hills": hills})

"""Run Snakemake and say what it took itself, apart from its jobs: ``python -P usage.py FILE ARGUMENTS...``."""

import json
import resource
import sys
from pathlib import Path

from snakemake.cli import main


def usage(who: int) -> float:
    """Return CPU seconds."""
    spent = resource.getrusage(who)
    return spent.ru_utime + spent.ru_stime


if __name__ == "__main__":
    file, *arguments = sys.argv[1:]
    try:
        main(arguments)
    finally:
        unit = 1 if sys.platform == "darwin" else 1024  # bytes in a unit of ru_maxrss
        taken = {
            "cpu": usage(resource.RUSAGE_SELF),
            "jobs_cpu": usage(resource.RUSAGE_CHILDREN),
            "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20,
        }
        Path(file).write_text(json.dumps(taken), encoding="utf-8")

"""Pack a finished study into one archive that `verify` accepts."""

from __future__ import annotations

import platform
from argparse import ArgumentParser, Namespace
from importlib.metadata import version
from pathlib import Path

from chapter6.files import read_json, replacing
from chapter6.jobs.common import commit
from chapter6.registry import StudyError
from chapter6.sharing.archive import Made, Sources, opened, write_archive
from chapter6.sharing.checks import examine
from chapter6.sharing.contents import facts, folder_of
from chapter6.study.code import source_digest
from chapter6.study.loading import load_study
from chapter6.study.paths import Paths
from chapter6.study.plan import Study
from chapter6.terminal import say

LIBRARIES = ("numpy", "scipy", "pandas", "pyarrow", "matplotlib", "seaborn", "snakemake", "mlflow")
MOST_TOLD = 12


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--preset", default="full", help="which study: full (the default) or quick")
    parser.add_argument("--output", type=Path, help="the archive (default: study.zip, or study-quick.zip)")
    parser.add_argument("--incomplete", action="store_true", help="pack an unfinished study, and say so in it")


def run(args: Namespace) -> None:
    """Write the archive, unless what was written does not pass the checks of `verify`."""
    study = _study(Paths(args.preset))
    output = args.output or Path(f"study{study.paths.suffix}.zip")
    files = folder_of(study, Path())
    told, made = facts(study, files), _made()
    with replacing(output) as temporary:
        write_archive(temporary, files, told, made)
        with opened(temporary) as archive:
            problems = examine(archive, told, is_own=True).listed
        if problems and not args.incomplete:
            raise StudyError(_refusal(problems))
        if problems:
            write_archive(temporary, files, told, made, problems)
        with opened(temporary) as archive:
            digest = archive.manifest.digest
        size = temporary.stat().st_size
    state = f", unfinished: {len(problems)} problems are stated in it" if problems else ""
    say(
        f"{output}: {len(files)} files, {size / 1e6:.1f} MB{state}\n"
        f"Its digest, to pass on by another way: {digest}\nTo check it: chapter6 verify {output}\n"
    )


def _study(paths: Paths) -> Study:
    """Load the study that was run: experiments as they stand, the configuration as it was in force."""
    try:
        return load_study(read_json(paths.settings))
    except FileNotFoundError:
        raise StudyError(f"{paths.settings}: there is none, so no such study was run here") from None
    except (OSError, ValueError) as error:
        raise StudyError(f"{paths.settings}: cannot be read ({error})") from None


def _made() -> Made:
    versions = {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}}
    return Made(
        chapter6=version("chapter6"), commit=commit(), sources=code(), versions=versions, system=platform.system()
    )


def code() -> Sources:
    """Return the digests of this code."""
    judging = ("records.py", "quantities.py", "intervals.py", "metrics.py", "words.py", "study/gathering.py")
    analysis = source_digest("analysis/*.py", *judging)
    training, search = source_digest("engine/*.py", "data/*.py"), source_digest("search/*.py", "jobs/search.py")
    return Sources(training=training, search=search, analysis=analysis)


def _refusal(problems: list[str]) -> str:
    more = [f"and {len(problems) - MOST_TOLD} more"] * (len(problems) > MOST_TOLD)
    lines = "\n  ".join([*problems[:MOST_TOLD], *more])
    return (
        f"the study is not finished, or its files do not fit together:\n  {lines}\n"
        "Run it again, or pack what there is with --incomplete."
    )

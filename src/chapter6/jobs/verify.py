"""Check an archive, or two and compare them: what holds together, which verdicts and numbers differ."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from chapter6.jobs.export import code
from chapter6.registry import StudyError
from chapter6.sharing import wording
from chapter6.sharing.archive import Archive, changed, opened
from chapter6.sharing.checks import examine
from chapter6.sharing.comparison import compare
from chapter6.sharing.run_comparison import Side
from chapter6.terminal import say


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("archives", nargs="+", type=Path, metavar="archive", help="one archive, or two to be compared")


@dataclass
class _Checked:
    """An archive and what is wrong with it, by check; ``side`` where it can be compared."""

    archive: Archive | None = None
    refusal: str = ""
    problems: dict[str, list[str]] = field(default_factory=dict)
    side: Side | None = None

    @property
    def is_good(self) -> bool:
        """Whether it passes every check."""
        return self.side is not None and not any(self.problems.values())


def run(args: Namespace) -> None:
    """Print what was found and one line in conclusion; leave with status 1 unless all is well."""
    if len(args.archives) > 2:
        raise StudyError(f"one archive, or two to be compared, not {len(args.archives)}")
    with ExitStack() as stack:
        checked = {letter: _checked(path, stack) for letter, path in zip("AB", args.archives, strict=False)}
        _tell(checked, args.archives)
        line, is_well = _conclude(checked)
    say(f"\n{line}\n")
    if not is_well:
        raise SystemExit(1)


def _checked(path: Path, stack: ExitStack) -> _Checked:
    """Open and check one archive; what does harm or was changed is not looked into."""
    try:
        archive = stack.enter_context(opened(path))
    except StudyError as error:
        return _Checked(refusal=str(error))
    manifest = archive.manifest
    problems = {"unchanged": list(changed(archive))}
    if problems["unchanged"]:
        return _Checked(archive, problems=problems)
    examined = examine(archive, manifest.study)
    problems |= {check: list(texts) for check, texts in examined.problems.items()}
    side = Side(examined.study, archive, manifest.study, manifest.made) if examined.study else None
    return _Checked(archive, problems=problems, side=side)


def _tell(checked: Mapping[str, _Checked], paths: Sequence[Path]) -> None:
    """Print what each archive holds and which checks it passes."""
    for (letter, each), path in zip(checked.items(), paths, strict=True):
        if each.archive is None:
            say(f"{letter}  {each.refusal}\n\n")
            continue
        manifest = each.archive.manifest
        say(wording.introduction(letter, str(path), manifest) + "\n")
        if manifest.unfinished:
            say(wording.unfinished(letter, manifest.unfinished) + "\n")
        if manifest.made.sources.analysis != code().analysis:
            say(wording.OTHER_CODE.format(letter=letter))
    found = {letter: each.problems for letter, each in checked.items() if each.archive}
    if found:
        say(wording.check_table(found))


def _conclude(checked: Mapping[str, _Checked]) -> tuple[str, bool]:
    """Compare where there are two; return the conclusion, and whether all is well."""
    bad = [letter for letter, each in checked.items() if not each.is_good]
    sides = [each.side for each in checked.values() if each.side]
    if len(checked) == 1:
        return wording.alone(not bad), not bad
    if len(sides) < len(checked):
        return wording.failing(bad), False
    try:
        compared = compare(*sides)
        say("\n" + wording.comparison(compared))
    except Exception as error:  # what did not pass its checks may hold anything
        if not bad:
            raise
        return f"{wording.failing(bad)} They could not be compared to the end ({type(error).__name__}).", False
    if bad:
        return wording.failing(bad), False
    return wording.conclusion(compared), compared.agree

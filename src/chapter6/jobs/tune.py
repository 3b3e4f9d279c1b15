"""Choose one or two numbers of a run, for each quantity that it is judged by, on seeds that no replicate uses."""

from __future__ import annotations

import logging
import shutil
from argparse import ArgumentParser, Namespace
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from chapter6.engine.execution import start_of
from chapter6.engine.parameters import Weights
from chapter6.engine.run import Run
from chapter6.engine.streams import Streams
from chapter6.files import read_json, write_json
from chapter6.jobs.datasets import load
from chapter6.jobs.replicates import Trainer
from chapter6.quantities import Curve
from chapter6.registry import plain
from chapter6.study.orders import TuningOrder, read_order
from chapter6.study.paths import replicate_files
from chapter6.study.results import Curves, Place, read_curves
from chapter6.study.run_cache import RunCache
from chapter6.study.scores import HELD_OUT, Judged, Score
from chapter6.study.tunings import TUNING_SEED, Candidate, PhaseName, Tuned, Values

log = logging.getLogger(__name__)

MADE = "made"  # of images without those that are held out, which no other job does: cleared at the end


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--order", required=True, type=Path, help="what is to be chosen, as JSON")
    parser.add_argument("--data", required=True, type=Path, help="folder of the data set")
    parser.add_argument("--known", help="index of what was trained, under whatever name (default: none)")
    parser.add_argument("--output", required=True, help="the choices; what was trained is kept in a folder beside it")


def run(args: Namespace) -> None:
    """Write the choices and what every candidate came to.

    What was trained is kept, so that a tuning that was stopped goes on; what another procedure left is taken away.
    """
    order = read_order(TuningOrder, args.order)
    runs = {name: taken.resolved() for name, taken in order.trained.items()}
    folder = Path(args.output).with_suffix("")
    dataset = load(args.data, folder / MADE) if any(run.needs_dataset for run in runs.values()) else None
    job = _Job(order, runs, Trainer(dataset, RunCache(args.known)), folder)
    tuned = order.procedure.run(job.candidate)
    _tell(order, tuned)
    job.clear()
    write_json(args.output, plain(tuned))


def _tell(order: TuningOrder, tuned: Tuned) -> None:
    for name, choice in tuned.choices.items():
        if not choice.learned:
            log.warning("%s: nothing learned, so there is no choice", name)
        elif choice.at_edge:
            log.warning("%s: the best of those tried lies at their edge: %g", name, choice.value)
    log.info("%s: %d updates", order.variant, tuned.updates)


class _Trained(NamedTuple):
    """A replicate: its curves, how many updates it took, how it ended."""

    curves: Curves
    steps: int
    outcome: str


@dataclass(frozen=True)
class _Job:
    """A tuning at work; ``folder`` holds what it trains, a folder a candidate."""

    order: TuningOrder
    runs: dict[PhaseName, Run]
    trainer: Trainer
    folder: Path
    used: set[str] = field(default_factory=set)
    starts: dict[int, Weights | None] = field(default_factory=dict)

    def candidate(self, phase: PhaseName, values: Values) -> Candidate:
        """Train a point on all seeds of a phase."""
        procedure, run = self.order.procedure, self.runs[phase]
        for knob, value in zip((procedure.rate, procedure.strength), values, strict=False):
            assert knob is not None, "a value has its setting"
            run = run.changed(knob.key, value)
        name = "-".join((phase, *map(str, values)))
        self.used.add(name)
        seeds = range(TUNING_SEED, TUNING_SEED + procedure.phases[phase].seeds)
        found = [self._trained(name, run, seed) for seed in seeds]
        scores = {key: tuple(_score(judged, each) for each in found) for key, judged in procedure.by.items()}
        updates = sum(each.steps for each in found)
        candidate = Candidate(phase, values, updates, scores, tuple(map(_accuracy, found)))
        log.info("%s: %s", name, scores)
        return candidate

    def _trained(self, name: str, run: Run, seed: int) -> _Trained:
        """Return what a replicate came to, trained now or before."""
        folder, place = f"{self.folder}/{name}", Place(self.order.experiment, self.order.variant, seed, self.order.seed)
        self.trainer.train(folder, place, run, self.order.sources, given=lambda: self._start(run, seed))
        curves, record = replicate_files(folder, seed)
        told = read_json(Path(record))
        return _Trained(read_curves(curves), told["steps"], told["outcome"])

    def _start(self, run: Run, seed: int) -> Weights | None:
        """Return what a run starts from on one of the seeds, trained once."""
        if seed not in self.starts:
            self.starts[seed] = start_of(run, Streams(self.order.seed, seed), self.trainer.dataset)
        return self.starts[seed]

    def clear(self) -> None:
        """Take away what was trained for a procedure that is no longer asked for, and what was made of images."""
        for place in self.folder.iterdir():
            if place.name not in self.used:
                shutil.rmtree(place)


def _score(judged: Judged, trained: _Trained) -> Score:
    """Return a run's score; none where it diverged."""
    split, metric = judged.source
    curve = trained.curves.get(("validation" if split in HELD_OUT else split, metric))
    return judged.score(Curve(*curve), trained.steps) if curve and trained.outcome == "finished" else None


def _accuracy(trained: _Trained) -> float | None:
    """Return the accuracy on validation data at the end; none where the run diverged."""
    curve = trained.curves.get(("validation", "accuracy"))
    return float(curve[1][-1]) if curve and trained.outcome == "finished" else None

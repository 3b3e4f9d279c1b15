"""How large a study may be before somebody has to insist: what is asked by mistake is refused in seconds."""

from __future__ import annotations

from dataclasses import dataclass

from chapter6.engine.run import Run
from chapter6.registry import StudyError
from chapter6.study import drafts
from chapter6.study.plan import Experiment, Study
from chapter6.study.spec import ExperimentSpec

INSIST = "--allow-large (with snakemake: --config allow_large=true) insists"


@dataclass(frozen=True)
class Bounds:
    """The most of each; the study of the chapter has 400 variants, 4000 runs, 5 million updates."""

    axes: int = 100
    variants: int = 20_000
    runs: int = 1_000_000
    updates: float = 1e10
    parameters: int = 200_000_000  # of one run, its members together: 1.6 GB with their gradients
    readings: float = 1e8  # numbers that one run records


BOUNDS = Bounds()


def check_count(spec: ExperimentSpec, place: str) -> None:
    """Refuse an experiment of too many variants, before they are made."""
    _refuse(place, "axes of the sweep", len(spec.sweep), BOUNDS.axes)
    _refuse(place, "variants", drafts.count(spec), BOUNDS.variants)


def check_size(study: Study) -> None:
    """Refuse a study that asks for too many runs or updates, or for a run that is too large."""
    _refuse("the study", "runs", sum(map(_runs, study.experiments.values())), BOUNDS.runs)
    for experiment in study.experiments.values():
        for variant in experiment.variants.values():
            place = f"{experiment.id}: variant {variant.name!r}"
            _refuse(place, "parameters", _parameters(variant.run), BOUNDS.parameters)
            _refuse(place, "numbers to be recorded", _readings(variant.run), BOUNDS.readings)
    _refuse("the study", "updates", sum(map(_updates, study.experiments.values())), BOUNDS.updates)


def _refuse(place: str, what: str, asked: float, most: float) -> None:
    if asked > most:
        raise StudyError(f"{place}: asks for {asked:.6g} {what}, and {most:.6g} are the most; {INSIST}")


def _runs(experiment: Experiment) -> int:
    return sum(v.replicates * (v.search.trainings if v.search else 1) for v in experiment.variants.values())


def _updates(experiment: Experiment) -> int:
    variants = experiment.variants.values()
    return sum(v.replicates * (v.search.trainings if v.search else 1) * v.run.steps for v in variants)


def _parameters(run: Run) -> int:
    return run.members * run.architecture.size if run.network else 0


def _readings(run: Run) -> int:
    return sum(len(schedule.steps) * len(r.measure.metrics) for r in run.record for schedule in r.at)

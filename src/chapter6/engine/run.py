"""A run is a value: what is trained, on what, how, and what is recorded.

The tree of frozen dataclasses below :class:`Run` is at once the schema that authors are checked against, the JSON that
keys and files hold, and the object that is executed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Annotated, Any, Literal

from annotated_types import MinLen

from chapter6.engine import convolutions, maxout, pooling, residuals  # noqa: F401 (their layers join the family)
from chapter6.engine.data import Data, Images
from chapter6.engine.layers import Layer
from chapter6.engine.losses import Loss, SoftmaxCrossEntropy
from chapter6.engine.measurements.base import Measurement
from chapter6.engine.measurements.losses import BatchLoss
from chapter6.engine.network import Architecture
from chapter6.engine.normalization import BatchNormalization
from chapter6.engine.parameters import Slot, layer_of, matching
from chapter6.engine.penalties import Penalty
from chapter6.engine.problems import EnsembleProblem, NetworkProblem, SurfaceProblem
from chapter6.engine.stages import ALL, Stage
from chapter6.engine.surfaces import Surface
from chapter6.registry import Count, Index, StudyError, build, plain
from chapter6.settings import all_assigned, flatten, key_among

HELD_BY = (("validation", "data.validation"), ("noisy", "data.input_noise"))  # what a split is there by


@dataclass(frozen=True)
class Schedule:
    """Steps ``first``, ``first + every``, ... up to ``last``.

    ``last`` null means the last update, always one of them; ``first`` null means the last update only.
    """

    first: Index | None = 0
    every: Count = 1
    last: Index | None = None

    def within(self, total: int) -> Iterator[Schedule]:
        """Yield the schedule with numbers only, for a run of ``total`` updates; a second where its end lies between."""
        end = Schedule(total, 1, total)
        if self.first is None:
            yield end
            return
        yield replace(self, last=total if self.last is None else min(self.last, total))
        if self.last is None and total > self.first and (total - self.first) % self.every:
            yield end

    @property
    def steps(self) -> range:
        """The steps, once they are numbers."""
        assert self.first is not None, "a schedule of numbers"
        assert self.last is not None, "a schedule of numbers"
        return range(self.first, self.last + 1, self.every)


@dataclass(frozen=True)
class Record:
    """A measurement and when it is taken: at the ``end``, or by one or more schedules."""

    measure: Measurement
    at: Annotated[tuple[Schedule, ...], MinLen(1)] = (Schedule(first=None),)

    def __post_init__(self) -> None:
        if isinstance(self.measure, BatchLoss) and all(schedule.first is None for schedule in self.at):
            raise StudyError("batch_loss at the end: no update comes after the last one; updated_loss is known there")

    @property
    def steps(self) -> frozenset[int]:
        """The steps (completed updates) after which it is taken."""
        return frozenset(step for schedule in self.at for step in schedule.steps)


@dataclass(frozen=True)
class StartsFrom:
    """Another variant, whose final weights and running averages a run starts from, replicate by replicate.

    Of an ensemble's members a smaller one takes the first.
    ``fresh`` names what is drawn as if there were none: layers (``layer-1``), single parameters, patterns of either, or
    ``output``. All else must be there under the same name and in the same shape. ``run`` is the other variant's own.
    """

    variant: str
    fresh: tuple[str, ...] = ()
    run: Run | None = field(default=None, metadata={"found": True})

    def taken(self, own: Sequence[Slot], there: Sequence[Slot]) -> frozenset[str]:
        """Return the names of the slots that are taken over; StudyError where one does not fit."""
        shapes, other = ({slot.name: slot.shape for slot in slots} for slots in (own, there))
        fresh = matching([*(name for name in other if name not in shapes), *shapes], self.fresh, "fresh")
        for name in sorted((shapes.keys() | other.keys()) - fresh):
            if shapes.get(name) != other.get(name):
                here, before = (" x ".join(map(str, found.get(name, ()))) or "missing" for found in (shapes, other))
                advice = "give it the same shape, or list it in fresh"
                raise StudyError(f"{name} is {here}, and {before} in {self.variant!r}: {advice}")
        return frozenset(shapes) - fresh


@dataclass(frozen=True, kw_only=True)
class Run:
    """One training run: a network on data, or a point on a surface, through stages.

    Its network may start where another run ended, which is then a part of it.
    ``members`` networks may be trained side by side, their output probabilities averaged.
    """

    data: Data | None = field(default_factory=Images)
    network: tuple[Layer, ...] = ()
    loss: Loss = field(default_factory=SoftmaxCrossEntropy)
    surface: Surface | None = None
    penalties: tuple[Penalty, ...] = ()
    members: Count = 1
    dtype: Literal["float32", "float64"] = "float32"
    starts_from: StartsFrom | None = None
    stages: Annotated[tuple[Stage, ...], MinLen(1)]
    record: Annotated[tuple[Record, ...], MinLen(1)]

    def __post_init__(self) -> None:
        if (not self.network) == (self.surface is None):
            raise StudyError("a run trains either a network or a point on a surface: give one of the two")
        names = [stage.name for stage in self.stages]
        if len(set(names)) < len(names):
            raise StudyError(f"stages: each needs a name of its own, not {', '.join(names)}")
        if self.network:
            self._check_network()
        elif any(stage.epochs or stage.frozen or stage.learns != ALL for stage in self.stages):
            raise StudyError("a point on a surface has no epochs, and nothing of it is frozen")
        if self.starts_from and self.starts_from.run:
            try:
                self._check_start(self.starts_from, self.starts_from.run)
            except StudyError as error:
                raise StudyError(f"starts_from: {error}") from None
        if self.network:
            self.filled  # noqa: B018 (what is frozen too early is refused here)
        for record in self.record:
            self._check_reads(record.measure)

    @property
    def steps(self) -> int:
        """Updates, of all stages together."""
        return sum(stage.updates for stage in self.stages)

    @property
    def needs_dataset(self) -> bool:
        """Whether the run reads the study's images."""
        return self.data is not None and self.data.needs_dataset

    @property
    def classes(self) -> int | None:
        """How many classes the labels have; None where there are no labels."""
        return self.data.outputs if self.data else None

    @property
    def architecture(self) -> Architecture:
        """The network over its data's shape."""
        assert self.data is not None, "a network has data"
        return Architecture(self.network, self.data.shape, self.loss)

    @cached_property
    def settings(self) -> Mapping[str, Any]:
        """Every setting under its dotted key; not those of the run that it starts from."""
        return flatten(plain(self.alone))

    @property
    def alone(self) -> Run:
        """The run without that which it starts from."""
        return replace(self, starts_from=replace(self.starts_from, run=None)) if self.starts_from else self

    @property
    def filled(self) -> frozenset[str]:
        """The layers that have running averages in the end; StudyError where one is frozen while it has none yet."""
        averaging = self.architecture.averaging()
        slots = [slot.name for slot in self.architecture.slots()]
        filled = self._filled_before(averaging)
        for stage in (stage for stage in self.stages if stage.steps != 0):
            learning = stage.learning(slots)
            filled |= {layer for layer, own in averaging.items() if own & learning}
            if empty := next((layer for layer in averaging if layer not in filled), None):
                raise _frozen_too_early(stage, empty, averaging[empty])
        return filled

    @property
    def depth(self) -> int:
        """How many runs go before it, each started from the one before."""
        return 1 + self.starts_from.run.depth if self.starts_from and self.starts_from.run else 0

    def changed(self, key: str, value: Any) -> Run:
        """Return the run with another value of a dotted setting."""
        return self.with_values({key: value})

    def with_values(self, values: Mapping[str, Any]) -> Run:
        """Return the run with other values of dotted settings, all at once: widths may have to agree."""
        full = {key_among(self.settings, key): value for key, value in values.items()}
        return build(Run, all_assigned(plain(self), full))

    def within(self, images: int, most_steps: int | None = None, most_examples: int | None = None) -> Run:
        """Return the run capped by a budget, with every open number closed: ``images`` is how many there are."""
        data = self.data.within(images, most_examples) if self.data else None
        examples = data.size if data else None
        for stage in self.stages:
            _check_epochs(stage, examples)
        stages = tuple(stage.within(most_steps, examples or 0) for stage in self.stages)
        total = sum(stage.updates for stage in stages)
        record = tuple(replace(r, at=tuple(s for at in r.at for s in at.within(total))) for r in self.record)
        return replace(self, data=data, stages=stages, record=record)

    def _check_network(self) -> None:
        if self.data is None:
            raise StudyError("data: a network needs data")
        try:
            outputs = self.architecture.output_shape
            self.architecture.slots()
        except StudyError as error:
            raise StudyError(f"network: {error}") from None
        if self.data.outputs and outputs != (self.data.outputs,):
            given = " x ".join(map(str, outputs))
            raise StudyError(
                f"network: the last layer gives {given} outputs, and the data have {self.data.outputs} classes"
            )
        if self.data.mixes and not self.loss.takes_distributions:
            raise StudyError(f"data.augmentations: {self.loss.key} takes labels alone, and mixup gives distributions")
        slots = [slot.name for slot in self.architecture.slots()]
        for stage in self.stages:
            stage.learning(slots)
            if stage.steps != 0 and not self.data.outputs:
                raise StudyError("noise has no labels to learn: steps must be 0")
            if stage.stopping and (not self.data.holds_out or self.members > 1):
                raise StudyError("early stopping needs data.validation above 0, and one member")
            if stage.batch_size < 2 and any(
                isinstance(layer, BatchNormalization) for layer, *_ in self.architecture.walk()
            ):
                raise StudyError(f"batch normalization needs a batch_size of 2 or more, not {stage.batch_size}")

    def _filled_before(self, averaging: Collection[str]) -> frozenset[str]:
        """Return which layers' averages are taken over: of a run that is not known yet, all."""
        start = self.starts_from
        if not start or not start.run:
            return frozenset(averaging if start else ())
        taken = start.taken(self.architecture.slots(), start.run.architecture.slots())
        return start.run.filled & {layer_of(name) for name in taken}

    def _check_start(self, start: StartsFrom, run: Run) -> None:
        if not self.network or not run.network:
            raise StudyError(f"only networks have weights to take over, from {start.variant!r}")
        if self.members > run.members or (self.members == 1) != (run.members == 1):
            raise StudyError(f"members are {self.members}, and {run.members} in {start.variant!r}")
        start.taken(self.architecture.slots(), run.architecture.slots())

    def _check_reads(self, measurement: Measurement) -> None:
        """Refuse a measurement that cannot read what the run trains."""
        subject = SurfaceProblem if self.surface else EnsembleProblem if self.members > 1 else NetworkProblem
        if not issubclass(subject, measurement.subject):
            raise StudyError(f"measurement {measurement.key!r} does not fit what the run trains")
        if measurement.needs_start and not self.starts_from:
            raise StudyError(f"measurement {measurement.key!r} is made for runs that start from others: no starts_from")
        if self.data and not self.data.outputs and any("accuracy" in metric for metric in measurement.metrics):
            raise StudyError(f"measurement {measurement.key!r} needs labels, and the data have none")
        if self.network and (refused := measurement.refuses(self.architecture)):
            raise StudyError(f"measurement {measurement.key!r} is made for {refused}")
        for split, key in HELD_BY:
            if split in measurement.splits_read and not (self.data and split in self.data.splits_held):
                raise StudyError(f"{split} data are read, but there are none: {key} is 0")


def _check_epochs(stage: Stage, examples: int | None) -> None:
    if stage.sampling == "replacement" and stage.epochs is None:
        return
    if examples is None:
        raise StudyError("epochs need the number of images: say data.examples or data.per_class")
    if stage.sampling == "epochs" and stage.batch_size > examples:
        raise StudyError(f"batch_size: {stage.batch_size} is more than the {examples} training examples")


def _frozen_too_early(stage: Stage, layer: str, slots: Collection[str]) -> StudyError:
    given = f"learns {', '.join(stage.learns)}; frozen {', '.join(stage.frozen) or 'none'}"
    return StudyError(
        f"stage {stage.name} ({given}): {layer} is frozen and has no running averages yet: "
        f"let {' or '.join(sorted(slots))} learn by then, "
        "or start from a variant that has them (starts_from)"
    )

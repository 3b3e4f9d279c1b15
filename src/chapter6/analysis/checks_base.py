"""The family of checks, and the groups of fields that its members share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NoReturn

import numpy as np

from chapter6.analysis.comparisons import (
    Comparison,
    Demand,
    Numbers,
    Part,
    judge_each,
    judge_family,
)
from chapter6.analysis.levels import Levels, some_hold, stacked
from chapter6.analysis.runs import Tables
from chapter6.analysis.samples import Drawn, Sample
from chapter6.analysis.variant_data import Setting, VariantData, names
from chapter6.intervals import Direction
from chapter6.metrics import Split
from chapter6.quantities import Quantity, Summary, Target
from chapter6.records import Outcome, Range, Scale, Side
from chapter6.registry import Count, Family, Index, Names, StudyError

OneOrMore = str | Names
SIDES = ("variants", "lower", "higher", "larger", "sooner", "learner", "than")  # fields of checks that name variants


class Fields:
    """Base of what has fields of a check: each looks at its own when a check is built."""

    def __post_init__(self) -> None:
        """Each group of fields looks at its own and passes on to the next."""

    def refuse(self, message: str) -> NoReturn:
        """Stop, naming the kind of check."""
        raise StudyError(f"{getattr(self, 'key', type(self).__name__)}: {message}")

    def one_of(self, *options: str) -> str:
        """The one of the fields that is given."""
        given = [name for name in options if getattr(self, name) is not None]
        if len(given) != 1:
            self.refuse(f"give exactly one of {', '.join(options)}, not {given or 'none'}")
        return given[0]


@dataclass(frozen=True, kw_only=True)
class Check(Fields, Family):
    """What a claim may test: comparisons over replicates, each with the range in which it should lie.

    ``needs`` says how many of a check's parts must hold; by default all of them. Fewer than all make a family,
    and its intervals are Holm-corrected. ``exact`` states that the runs have no randomness: one replicate is
    then an exact answer, without which one replicate decides nothing.
    """

    needs: Count | None = None
    exact: bool = False

    def variants_named(self) -> set[str]:
        """Return the variants, names or globs, that the experiment must have: all that the check's sides name."""
        return {name for side in SIDES for name in names(getattr(self, side, None) or ())}

    @abstractmethod
    def metrics_named(self) -> set[tuple[str, str]]:
        """Return the (split, metric) pairs that must be recorded; a layer's metric may end in ``layer-*``."""

    def axes_named(self) -> set[str]:
        """Return the axes of the sweep (or dotted parameters) that the variants must have."""
        along: str = getattr(self, "along", "")
        return {*getattr(self, "each", ()), *([along] if along else [])}

    def numeric_axes_named(self) -> set[str]:
        """Return those of the axes whose levels must be numbers."""
        return set()

    @abstractmethod
    def comparisons(self, data: VariantData) -> list[Comparison]:
        """Return what is compared."""

    def asked(self, tables: Tables) -> list[Comparison]:
        """What is compared, with blanks for what the tables do not hold or what does not fit them."""
        data = VariantData(tables)
        try:
            with np.errstate(invalid="ignore"):  # what is infinite less what is infinite
                asked = self.comparisons(data)
            found = [replace(each, kind=self.key, diverged=data.diverged(each.variants)) for each in asked]
        except StudyError as error:
            found = [replace(self.blank(), outcomes=(Outcome("problem", problem=str(error)),))]
        missing = max(self.needs or 1, 1) - len(found)
        return found + [self.blank()] * missing

    def evaluate(self, tables: Tables) -> list[Part]:
        """Return every part with its verdict; `deciding` tells which of them decides."""
        asked = self.asked(tables)
        return self.judge(asked, self.tests(asked))

    def judge(self, asked: Sequence[Comparison], tests: int) -> list[Part]:
        """Return every part with its verdict, where ``tests`` are counted together."""
        return judge_each(asked, tests) if self.needs is None else judge_family(asked, tests)

    def tests(self, asked: Sequence[Comparison]) -> int:
        """Return as how many tests the parts are counted in a conjunction: a family is one."""
        return len(asked) if self.needs is None else 1

    def levels(self, asked: Sequence[Comparison], drawn: Drawn | None = None) -> Levels:
        """Return the error levels of each of the tests, of these replicates or of every fresh study."""
        found = stacked([each.levels(drawn) for each in asked])
        return found if self.needs is None else stacked([some_hold(found, self.needs)])

    def demand(self, claimed: Range, margin: float, scale: Scale = "value") -> Demand:
        """That a number lies in a range."""
        return Demand(claimed, margin, scale, self.exact)

    def beyond(self, direction: Direction, margin: float, scale: Scale = "difference") -> Demand:
        """That a difference or ratio is greater (less) by more than the margin.

        A margin on a difference is an amount (0: any; negative: not worse by so much), on a ratio a factor (1:
        any; 2: more than twice, or less than half).
        """
        if direction == "greater":
            return self.demand(Range(least=margin), margin, scale)
        return self.demand(Range(most=1 / margin if scale == "ratio" else -margin), margin, scale)

    def blank(self) -> Comparison:
        """A comparison without data."""
        wanted = tuple(sorted(self.variants_named()))
        return Comparison(
            kind=self.key,
            sample=Sample(np.empty(0)),
            claimed=Range(least=0),
            subject=Side("group", wanted),
            outcomes=tuple(Outcome("no_data", name) for name in wanted),
        )


@dataclass(frozen=True, kw_only=True)
class Measured(Fields):
    """The number that a run is reduced to; see `quantities.Quantity`."""

    metric: str
    split: Split | None = None
    summary: Summary = "last"
    first_step: Index | None = None
    last_step: Index | None = None
    when: Target | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.summary != "last" and self.when:
            self.refuse(f"'when' reads one value, so a summary ({self.summary!r}) does not fit it")
        self.quantity.recorded  # noqa: B018 (an unknown summary or metric is refused here)

    @property
    def quantity(self) -> Quantity:
        """The number, as a quantity."""
        return Quantity(self.metric, self.split, self.summary, self.first_step, self.last_step, self.when)

    def numbers(self, data: VariantData, variants: Iterable[str]) -> list[Numbers]:
        """The quantity of the variants: one for each layer where the metric is a pattern."""
        return [Numbers.of(data, quantity, variants) for quantity in data.each_layer(self.quantity)]

    def metrics_named(self) -> set[tuple[str, str]]:
        """Return what the tables must hold for the quantity."""
        return self.quantity.recorded

    def refuse_points(self, amount: float, scale: str = "difference") -> None:
        """Refuse amounts of a share that were meant in points or percent."""
        if scale != "ratio" and self.quantity.unit == "share" and abs(amount) > 1:
            self.refuse(f"margin or level {amount:g}: {self.metric} is a share, so write 0.05 for 5 points")


@dataclass(frozen=True, kw_only=True)
class Compared(Fields):
    """Which side is lower, or higher, than which other, and by how much.

    ``margin`` is an amount in the metric's unit where ``scale`` is a difference (0 by default; a negative one
    asks only not to be worse by so much) and a factor where it is a ratio (1 by default).
    """

    than: OneOrMore
    lower: OneOrMore | None = None
    higher: OneOrMore | None = None
    margin: float | None = None
    scale: Literal["difference", "ratio"] = "difference"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.one_of("lower", "higher")
        if self.scale == "ratio" and self.amount <= 0:
            self.refuse(f"margin: a ratio's margin is a factor above 0, not {self.amount:g}")

    @property
    def subjects(self) -> tuple[str, ...]:
        """What is said to be lower or higher."""
        return names(self.higher if self.lower is None else self.lower)  # type: ignore[arg-type]

    @property
    def direction(self) -> Direction:
        """On which side the subjects are said to lie."""
        return "greater" if self.lower is None else "less"

    @property
    def amount(self) -> float:
        """The margin, by default the one that any difference passes."""
        if self.margin is not None:
            return self.margin
        return 1.0 if self.scale == "ratio" else 0.0


@dataclass(frozen=True, kw_only=True)
class Bounded(Fields):
    """The level above or below which a number should lie; exactly one of the four is given."""

    above: float | None = None
    below: float | None = None
    at_least: float | None = None
    at_most: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.one_of("above", "below", "at_least", "at_most")

    @property
    def level(self) -> float:
        """The level."""
        return float(getattr(self, self.one_of("above", "below", "at_least", "at_most")))

    @property
    def claimed(self) -> Range:
        """The range to the given side of the level."""
        closed = self.above is None and self.below is None
        upwards = self.above is not None or self.at_least is not None
        return Range(least=self.level, closed=closed) if upwards else Range(most=self.level, closed=closed)


def each_pair(
    data: VariantData, subjects: OneOrMore, rivals: OneOrMore, axes: tuple[str, ...] = ()
) -> tuple[list[tuple[tuple[str, str], Setting]], list[str]]:
    """The pairs with their setting, and all variants in them."""
    pairs = list(data.pairs(subjects, rivals, axes))
    return pairs, sorted({name for sides, _ in pairs for name in sides})

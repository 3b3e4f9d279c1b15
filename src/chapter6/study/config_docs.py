"""The reference pages that are generated from the code: every key an author may write."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from importlib.resources import files
from inspect import cleandoc
from typing import Any

from pydantic.fields import FieldInfo

from chapter6.analysis.checks import Check
from chapter6.engine.activations import Activation
from chapter6.engine.augmentations import Augmentation, Views
from chapter6.engine.data import Data, ImageSet
from chapter6.engine.initializers import Initializer
from chapter6.engine.layers import Layer
from chapter6.engine.losses import Loss
from chapter6.engine.measurements.base import Measurement
from chapter6.engine.network import Perceptron
from chapter6.engine.optimizers import Optimizer
from chapter6.engine.penalties import Penalty
from chapter6.engine.run import Record, Run, Schedule, StartsFrom
from chapter6.engine.stages import EarlyStopping, Stage, StepsDown
from chapter6.engine.surfaces import Surface
from chapter6.engine.transforms import Transform
from chapter6.figures.printed import Table
from chapter6.figures.recipes import Figure
from chapter6.quantities import Target
from chapter6.registry import Family, plain
from chapter6.search.searches import Replay
from chapter6.search.spaces import Dimension
from chapter6.search.stopping import StoppingRule
from chapter6.search.strategies import Strategy
from chapter6.study import spec
from chapter6.study.drafts import OWN_KEYS
from chapter6.study.schema import model_of
from chapter6.study.scores import Judged, Rule
from chapter6.study.tunings import Coarse, Phase, Strength

FAMILIES: dict[str, type[Family]] = {
    "Data (`data`)": Data,
    "Transforms (`data.transforms[]`)": Transform,
    "Augmentations (`data.augmentations[]`)": Augmentation,
    "Layers (`network[]`)": Layer,
    "Initial weights (`initializer`)": Initializer,
    "Losses (`loss`)": Loss,
    "Optimizers (`optimizer`)": Optimizer,
    "Penalties (`penalties[]`)": Penalty,
    "Surfaces (`surface`)": Surface,
    "Measurements (`record[].measure`)": Measurement,
    "Checks (`claims[].check`, `all_of`, `any_of`)": Check,
    "Figures (`figures[]`)": Figure,
    "Tables (`tables[]`)": Table,
    "Rules of a decision (`decisions.<name>.rule`)": Rule,
    "Strategies of search (`strategy` of a variant)": Strategy,
    "Rules of early stopping (`replay.rule` of a variant)": StoppingRule,
}
MODELS: dict[str, Any] = {
    "config.yaml": spec.StudyConfig,
    "config.yaml: `presets.<name>`": spec.PresetSpec,
    "config.yaml: `data`": spec.DataConfig,
    "config.yaml: `data.sizes`": spec.SizesConfig,
    "config.yaml: `tracking`": spec.TrackingConfig,
    "An experiment: `experiments/<id>.yaml`": spec.ExperimentSpec,
    "A variant: beside the settings of its run": spec.OwnSpec,
    "A run: `base`, and what `variants` and `sweep` lay over it": Run,
    "A run: `stages[]`, or, where there is one, the same keys in the run itself": Stage,
    "A run: `network` in its short form": Perceptron,
    "A run: `starts_from`": StartsFrom,
    "A run: `data.views`": Views,
    "A run: `data.source`, filled in": ImageSet,
    "A run: `record[]`": Record,
    "A run: `record[].at`": Schedule,
    "A run: `steps_down`": StepsDown,
    "A run: `stopping`": EarlyStopping,
    "An experiment: `search`": spec.SearchSpec,
    "An experiment: `search.space.<setting>`": Dimension,
    "A variant: `replay`": Replay,
    "An experiment: `tuning`": spec.TuningSpec,
    "An experiment: `tuning.by.<name>`": Judged,
    "An experiment: `tuning.coarse`": Coarse,
    "An experiment: `tuning.fine`": Phase,
    "An experiment: `tuning.strength`": Strength,
    "An experiment: `decisions.<name>`": spec.DecisionSpec,
    "An experiment: `timing`": spec.TimingSpec,
    "An experiment: `claims[]`": spec.ClaimSpec,
    "A check: `when`, `learned`": Target,
}
KINDS: tuple[type[Family], ...] = (Activation, *FAMILIES.values())  # the narrower first
MEANINGS = tomllib.loads((files(__package__) / "meanings.toml").read_text(encoding="utf-8"))
INTRODUCTION = """# Configuration

This page is written by `make reference` from the code; `schema.json` beside it serves editors (put
`# yaml-language-server: $schema=../schema.json` on an experiment's first line).

`config.yaml` is the study: replicates, presets, mirrors, tracking. Each file in `experiments/` is one experiment; a
new file is a new experiment, with a section, a table, figures and verdicts of its own. Its variants share `base`.
A variant lists what differs, from the base or from the variant that it `extends`; `sweep` multiplies axes, each
either named levels (`depth: {2: {network: ...}}`) or a dotted key with values (`network.dropout.ratio: [0, 0.2]`).
`{times: 3}` multiplies a number of the base. `{from: DECISION#KEY}` takes a setting of what a decision chose, one of
another experiment by `EXPERIMENT/DECISION#KEY`; `{from: FILE#KEY}` takes a value of a JSON file; `times` may stand
beside. Lists are replaced whole. Where a kind has no settings to change, its name alone will do: `activation: relu`.

A run has short forms, which are written out before anything is trained. `network: {hidden: [100, 100]}` with its
options stands for a list of layers. The keys of a stage (`optimizer`, `steps` or `epochs`, ...) in the run itself are
those of its only stage, called `main`. `starts_from: NAME` stands for `{variant: NAME}`; `at: end` and a
single schedule stand for a list of schedules.

A dotted key addresses an element of a list by its name or kind: `stages.main.optimizer.learning_rate`,
`penalties.l2.strength`, with a number where several have it: `network.dense-2.units`. It may leave out what stands
before, as long as one setting answers to it: `optimizer.learning_rate`.
"""


def readme() -> str:
    """Return config/README.md."""
    sections = [INTRODUCTION]
    for title, model in MODELS.items():
        sections.append(f"## {title}\n\n{cleandoc(model.__doc__ or '')}\n\n{_table(model)}")
    for title, family in FAMILIES.items():
        sections.append(f"## {title}\n")
        sections += [_member(member) for member in family.choices().values()]
    return "\n".join(section.rstrip() + "\n" for section in sections)


TAKEN = {  # in the place of a number
    "type": "object",
    "properties": {"from": {"type": "string"}, "times": {"type": "number"}},
    "minProperties": 1,
    "additionalProperties": False,
}


def schema() -> str:
    """Return config/schema.json: an experiment, its run settings optional wherever they may be split up."""
    experiment, run, stage, short = (_schema_of(cls) for cls in (spec.ExperimentSpec, Run, Stage, Perceptron))
    definitions = experiment.pop("$defs", {})
    for each in (run, stage, short):
        definitions |= _as_written(each.pop("$defs", {}))
    run, stage, short = (_as_written(each) for each in (run, stage, short))
    stage["properties"].pop("name")
    run["properties"] |= stage["properties"]
    run["properties"]["network"] = {"anyOf": [run["properties"]["network"], short | {"required": []}]}
    run["properties"]["starts_from"]["anyOf"].append({"type": "string"})
    run["properties"]["record"] = {"type": "array", "items": {"type": "object"}}
    run |= {"required": []}
    variant = json.loads(json.dumps(run))
    variant["properties"] |= {key: {} for key in OWN_KEYS}
    experiment["$defs"] = definitions | {"Base": run, "Variant": variant, "Taken": TAKEN}
    experiment["properties"]["base"] = {"$ref": "#/$defs/Base"}
    return json.dumps(plain(experiment), indent=1) + "\n"


def _as_written(schema: Any) -> Any:
    """Return a schema of a part of a run as its author writes it.

    It may lack its kind, which stands below it or is the default, and its numbers may be taken or multiplied.
    """
    if isinstance(schema, list):
        return [_as_written(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: _as_written(item) for key, item in schema.items() if key != "discriminator"}
    kept = {"anyOf" if key == "oneOf" else key: item for key, item in kept.items()}
    return {"anyOf": [kept, {"$ref": "#/$defs/Taken"}]} if kept.get("type") in ("number", "integer") else kept


def _schema_of(cls: Any) -> dict[str, Any]:
    return dict(model_of(cls).model_json_schema(ref_template="#/$defs/{model}"))


def _member(member: Any) -> str:
    return f"### `{member.key}`\n\n{cleandoc(member.__doc__ or '')}\n\n{_table(member)}"


def _table(cls: Any) -> str:
    rows = list(_rows(cls))
    if not rows:
        return "No settings."
    return "\n".join(["| key | type | default | meaning |", "| --- | --- | --- | --- |", *rows])


def _rows(cls: Any) -> Iterator[str]:
    model = model_of(cls)
    described = model.model_json_schema(mode="serialization")  # without bare kinds
    if "$ref" in described:  # a part that may hold parts of its own kind
        described = described["$defs"][str(described["$ref"]).rsplit("/", 1)[-1]]
    properties = described["properties"]
    for name, field in model.model_fields.items():
        if name != "kind":
            cells = (f"`{name}`", _type(properties[name]), _default(field), meaning_of(cls, name))
            yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _type(schema: dict[str, Any]) -> str:
    """Describe a JSON schema in a few words, bounds included."""
    if "$ref" in schema:
        return _named({str(schema["$ref"]).rsplit("/", 1)[-1]})
    if "enum" in schema or "const" in schema:
        return ", ".join(f"`{value}`" for value in schema.get("enum", [schema.get("const")]))
    options = [option for union in ("anyOf", "oneOf") for option in schema.get(union, ())]
    if options:
        parts = {str(option["$ref"]).rsplit("/", 1)[-1] for option in options if "$ref" in option}
        others = [_type(option) for option in options if "$ref" not in option]
        return " or ".join(dict.fromkeys([*([_named(parts)] if parts else []), *others]))
    kind = str(schema.get("type", "any"))
    if "prefixItems" in schema:
        return f"list of {', '.join(map(_type, schema['prefixItems']))}"
    if kind == "array":
        return f"list of {_type(schema.get('items', {}))}"
    bounds = {"exclusiveMinimum": ">", "minimum": ">=", "exclusiveMaximum": "<", "maximum": "<="}
    return " ".join([kind, *(f"{sign} {schema[key]:g}" for key, sign in bounds.items() if key in schema)])


def _named(parts: set[str]) -> str:
    """Return what parts of these classes are called: their family where they are all of it, else their kinds."""
    for family in KINDS:
        classes = {member.__name__: member for member in family.choices().values()}
        if parts == classes.keys():
            return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", family.__name__).lower()
        if parts < classes.keys():
            return " or ".join(f"`{classes[name].key}`" for name in sorted(parts))
    return "keys (see below)"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = plain(field.get_default(call_default_factory=True))
    if isinstance(value, dict) and set(value) == {"kind"}:
        value = value["kind"]
    return "see below" if isinstance(value, dict) and value else f"`{json.dumps(value)}`"


def meaning_of(cls: type[Any], name: str) -> str:
    """Return what a field of a dataclass means."""
    said = cls.__dataclass_fields__[name].metadata.get("says")
    keys = [*(f"{base.__name__}.{name}" for base in cls.__mro__), name]
    return str(said or next((MEANINGS[key] for key in keys if key in MEANINGS), ""))

"""The reference pages that are generated from the code: every key an author may write."""

from __future__ import annotations

import json
from collections.abc import Iterator
from inspect import cleandoc
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from chapter6.analysis.checks import Check
from chapter6.engine.activations import Activation
from chapter6.engine.initializers import Initializer
from chapter6.engine.layers import BatchNormalization, Dropout
from chapter6.engine.measurements import Measurement
from chapter6.engine.optimizers import Optimizer
from chapter6.engine.regularizers import Regularizer
from chapter6.engine.surfaces import Surface
from chapter6.engine.training import EarlyStopping
from chapter6.figures.recipes import Figure
from chapter6.registry import Family
from chapter6.search.stopping import StoppingRule
from chapter6.search.strategies import Strategy
from chapter6.study import spec
from chapter6.study.resolve import OWN_KEYS
from chapter6.study.schema import model_of

FAMILIES: dict[str, type[Family]] = {
    "Optimizers (`optimizer`)": Optimizer,
    "Activations (`network.activation`)": Activation,
    "Initial weights (`network.initializer`)": Initializer,
    "Dropout (`network.dropout`)": Dropout,
    "Penalties (`regularizer`)": Regularizer,
    "Surfaces (`surface`)": Surface,
    "Measurements (`record[].measure`)": Measurement,
    "Checks (`claims[].check`, `all_of`, `any_of`)": Check,
    "Figures (`figures[]`)": Figure,
    "Strategies of search (`strategy` of a variant)": Strategy,
    "Rules of early stopping (`replay.rule` of a variant)": StoppingRule,
}
MODELS: dict[str, type[BaseModel]] = {
    "config.yaml": spec.StudyConfig,
    "config.yaml: `presets.<name>`": spec.PresetSpec,
    "config.yaml: `data`": spec.DataConfig,
    "config.yaml: `tracking`": spec.TrackingConfig,
    "An experiment: `experiments/<id>.yaml`": spec.ExperimentSpec,
    "A run: `base`, and what `variants` and `sweep` lay over it": spec.RunSpec,
    "A run: `data`": spec.DataSpec,
    "A run: `network`": spec.NetworkSpec,
    "A run: `record[]`": spec.RecordSpec,
    "A run: `record[].at`": spec.ScheduleSpec,
    "A run: `network.batch_normalization`": model_of(BatchNormalization),
    "A run: `stopping`": model_of(EarlyStopping),
    "An experiment: `search`": spec.SearchSpec,
    "An experiment: `search.space.<setting>`": spec.DimensionSpec,
    "A variant of an experiment that searches": spec.WaySpec,
    "A variant: `replay`": spec.ReplaySpec,
    "An experiment: `tuning`": spec.TuningSpec,
    "An experiment: `claims[]`": spec.ClaimSpec,
}
INTRODUCTION = """# Configuration

This page is written by `make reference` from the code; `schema.json` beside it serves editors (put
`# yaml-language-server: $schema=../schema.json` on an experiment's first line).

`config.yaml` is the study: replicates, presets, mirrors, tracking. Each file in `experiments/` is one experiment; a
new file is a new experiment, with a section, a table, figures and verdicts of its own. Its variants share `base`.
A variant lists what differs; `sweep` multiplies axes, each either named levels (`depth: {2: {network: ...}}`) or a
dotted key with values (`network.dropout.ratio: [0, 0.2]`). A variant may also have a `label`, a `track`
and `replicates` of its own. `{times: 3}` multiplies a number of the base. Where a kind has no settings to change, its
name alone will do: `activation: relu`.
"""


def readme() -> str:
    """Return config/README.md."""
    sections = [INTRODUCTION]
    for title, model in MODELS.items():
        sections.append(f"## {title}\n\n{cleandoc(model.__doc__ or '')}\n\n{_table(model)}")
    for title, family in FAMILIES.items():
        sections.append(f"## {title}\n")
        sections += [_member(member) for member in family.members.values()]
    return "\n".join(section.rstrip() + "\n" for section in sections)


def schema() -> str:
    """Return config/schema.json: an experiment, its run settings optional wherever they may be split up."""
    experiment = spec.ExperimentSpec.model_json_schema(ref_template="#/$defs/{model}")
    run = spec.RunSpec.model_json_schema(ref_template="#/$defs/{model}")
    definitions = experiment.setdefault("$defs", {}) | run.pop("$defs")
    run.pop("required", None)
    variant = json.loads(json.dumps(run))
    variant["properties"] |= {key: {} for key in OWN_KEYS}
    experiment["$defs"] = definitions | {"Base": run, "Variant": variant}
    experiment["properties"]["base"] = {"$ref": "#/$defs/Base"}
    return json.dumps(experiment, indent=1) + "\n"


def _member(member: Any) -> str:
    model = model_of(member)
    return f"### `{member.key}`\n\n{cleandoc(member.__doc__ or '')}\n\n{_table(model)}"


def _table(model: type[BaseModel]) -> str:
    rows = list(_rows(model))
    if not rows:
        return "No settings."
    return "\n".join(["| key | type | default | meaning |", "| --- | --- | --- | --- |", *rows])


def _rows(model: type[BaseModel]) -> Iterator[str]:
    properties = model.model_json_schema(mode="serialization")["properties"]  # without bare kinds
    for name, field in model.model_fields.items():
        if name != "kind":
            cells = (f"`{name}`", _type(properties[name]), _default(field), field.description or "")
            yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _type(schema: dict[str, Any]) -> str:
    """Describe a JSON schema in a few words, bounds included."""
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[-1]
    if "enum" in schema or "const" in schema:
        return ", ".join(f"`{value}`" for value in schema.get("enum", [schema.get("const")]))
    for union in ("anyOf", "oneOf"):
        if union in schema:
            return " or ".join(dict.fromkeys(_type(part) for part in schema[union]))
    kind = str(schema.get("type", "any"))
    if kind == "array":
        return f"list of {_type(schema.get('items', {}))}"
    bounds = {"exclusiveMinimum": ">", "minimum": ">=", "exclusiveMaximum": "<", "maximum": "<="}
    return " ".join([kind, *(f"{sign} {schema[key]:g}" for key, sign in bounds.items() if key in schema)])


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, BaseModel) or (isinstance(value, dict) and value):
        return "see below"
    return f"`{json.dumps(value, default=str)}`"

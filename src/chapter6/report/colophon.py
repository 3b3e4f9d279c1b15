"""What a reader must know to make the page again: machine, software, data, seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from chapter6.report.numbers import duration, number
from chapter6.report.strings import Strings
from chapter6.report.views import Fact

LIBRARIES = ("scipy", "pandas", "matplotlib", "seaborn", "snakemake", "mlflow")

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Made:
    """What was made: records of runs, a number of trials of searches, the commit, and the data set as stored."""

    records: Sequence[Record]
    trials: int = 0
    commit: str = ""
    dataset: Record | None = None


def facts(made: Made, asked: Sequence[Fact], text: Strings) -> tuple[tuple[str, tuple[Fact, ...]], ...]:
    """Return groups of facts under their titles; ``asked`` are those of the configuration."""
    groups = {
        text["study"]: [*asked, *_study_facts(made, text)],
        text["data"]: _data_facts(made, text),
        text["machine"]: _machine_facts(made.records, text),
        text["software"]: _software_facts(made.records),
    }
    return tuple((title, tuple(facts)) for title, facts in groups.items() if facts)


def _study_facts(made: Made, text: Strings) -> list[Fact]:
    found = [(text["runs"], number(len(made.records)))]
    if made.records:
        seconds = {record["key"]: record["seconds"] for record in made.records}  # a copied run was trained once
        days = sorted({record["started"][:10] for record in made.records})
        found.append((text["training"], duration(sum(seconds.values()))))
        found.append((text["trained"], days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"))
    if made.trials:
        found.append((text["trials"], number(made.trials)))
    found.append((text["written"], datetime.now(UTC).date().isoformat()))
    return [*found, (text["commit"], made.commit)] if made.commit else found


def _data_facts(made: Made, text: Strings) -> list[Fact]:
    used = sorted({record["data"] for record in made.records if record.get("data")})
    name = (made.dataset or {}).get("name", text["data"])
    found = [(text["digest"].format(name=name), digest) for digest in used]
    if made.dataset and made.dataset["digest"] in used:
        found += [(f"{part}, SHA-256", file["sha256"]) for part, file in made.dataset["files"].items()]
    return found


def _machine_facts(records: Sequence[Record], text: Strings) -> list[Fact]:
    places = sorted({(r["environment"]["processor"], r["environment"]["machine"]) for r in records})
    return [fact for cpu, machine in places for fact in ((text["processor"], cpu), (text["architecture"], machine))]


def _software_facts(records: Sequence[Record]) -> list[Fact]:
    used = {name: sorted({r["environment"][name] for r in records}) for name in ("python", "numpy", "blas")}
    found = [(name, ", ".join(versions)) for name, versions in used.items() if versions]
    return [("chapter6", version("chapter6")), *found, *((name, version(name)) for name in LIBRARIES)]

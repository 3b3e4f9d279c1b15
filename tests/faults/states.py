"""What a study has come to, as one digest a file: two studies that ended alike have equal states."""

import io
import json
import re
import sqlite3
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pandas as pd

from workflow.project import Project

OF_THE_MOMENT = ("started", "seconds")  # in a replicate's record: when it was trained, and how long it took
MOMENTS = rb"<dt>(time spent in training|runs made|page written).*?</dd>"
UNLIKE = ("results/benchmarks/", "logs/")  # differ between equal runs: only that they are there is compared
LEFT_OUT = re.compile(r"(\.snakemake|mlartifacts|src|results/known)/|.*__pycache__/|mlflow\.db$|(output|status)\.txt$")
RUNS = """
select e.name, r.status, slot.value, key.value,
       (select count(*) from metrics m where m.run_uuid = r.run_uuid),
       (select count(*) from params p where p.run_uuid = r.run_uuid)
from runs r
join experiments e on e.experiment_id = r.experiment_id
left join tags slot on slot.run_uuid = r.run_uuid and slot.key = 'chapter6.slot'
left join tags key on key.run_uuid = r.run_uuid and key.key = 'chapter6.key'
where r.lifecycle_stage = 'active' order by 1, 3, 4
"""


def state(project: Project) -> dict[str, str]:
    """Digests by file name, and the runs in MLflow under ``mlflow``; what names a moment is left out."""
    names = {file.relative_to(project.folder).as_posix() for file in project.folder.rglob("*") if file.is_file()}
    found = {name: _digest(project, name) for name in sorted(names) if not LEFT_OUT.match(name)}
    if (project / "mlflow.db").exists():
        found["mlflow"] = "\n".join(map(str, runs_in_mlflow(project)))
    return found


def differences(project: Project, wanted: dict[str, str], among: str = "") -> list[str]:
    """Names of what is missing, surplus or other than in the wanted state, as far as they match ``among``."""
    found = state(project)
    names = sorted(name for name in found.keys() | wanted.keys() if re.match(among, name))
    return [name for name in names if found.get(name) != wanted.get(name)]


def runs_in_mlflow(project: Project) -> list[tuple]:
    """Experiment, status, slot, key, number of metric points and of parameters of every run that is not deleted."""
    with closing(sqlite3.connect(f"file:{project / 'mlflow.db'}?mode=ro", uri=True)) as database:
        return database.execute(RUNS).fetchall()


def leftovers(project: Project) -> list[str]:
    """Hidden files that a finished study has no use for, locks and marks of unfinished jobs among them."""
    hidden = [
        file
        for folder in ("results", "data", "reports", "logs")
        for file in (project / folder).rglob(".*")
        if file.name != ".snakemake_timestamp"
    ]
    top = [file for file in project.folder.glob(".*") if file.name != ".snakemake"]
    marks = [file for name in ("locks", "incomplete") for file in (project / ".snakemake" / name).glob("*")]
    return sorted(file.relative_to(project.folder).as_posix() for file in (*hidden, *top, *marks))


def _digest(project: Project, name: str) -> str:
    content = (project / name).read_bytes()
    if name.startswith(UNLIKE):
        return "there"
    if re.fullmatch(r"results/runs/.*\.json", name):
        return json.dumps({key: value for key, value in json.loads(content).items() if key not in OF_THE_MOMENT})
    if name.startswith("results/tracking/"):
        return json.dumps({key: value for key, value in json.loads(content).items() if key != "store"})
    if name.endswith(".runs.parquet"):
        content = pd.read_parquet(io.BytesIO(content)).drop(columns="seconds").to_csv().encode()
    if Path(name).parts[:2] == ("reports", "html"):
        content = re.sub(MOMENTS, b"", content, flags=re.DOTALL)
    return sha256(content).hexdigest()

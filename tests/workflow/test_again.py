"""A second run does what a change asks for, and nothing else."""

import json
import os
import re
import shutil

import pandas as pd
import pytest
from mlflow import MlflowClient

from .project import RUNS_IN_MLFLOW, jobs

pytestmark = pytest.mark.workflow

FOLLOWS = {"tabulate", "judge", "draw", "page", "collect", "track_experiment", "all"}
MEASUREMENT = """class Updates(Measurement):
    \"\"\"A measurement that no run of the study takes.\"\"\"


@dataclass(frozen=True)
"""
CHANGES = {
    "a learning rate": (
        ("config/small/6.1-net.yaml", "learning_rate: 0.3", "learning_rate: 0.2"),
        {"results/trained/6.1-net/fast-0.json"},
        FOLLOWS,
    ),
    "a variant's label": (
        ("config/small/6.1-bowl.yaml", "label: SGD", "label: plain"),
        set(),
        FOLLOWS,
    ),
    "a claim": (
        ("config/small/6.1-net.yaml", "summary: mean", "summary: last"),
        set(),
        {"judge", "collect", "page", "track_experiment", "all"},
    ),
    "a margin": (
        ("config/small/6.1-net.yaml", "than: slow}", "than: slow, margin: 0.05}"),
        set(),
        {"judge", "collect", "page", "track_experiment", "all"},
    ),
    "a caption": (
        ("config/small/6.1-net.yaml", "Loss of the", "The loss of"),
        set(),
        {"draw", "page", "track_experiment", "all"},
    ),
    "a figure's kind": (
        ("config/small/6.1-bowl.yaml", "{kind: paths, ", "{kind: curves, metric: height, split: train, "),
        set(),
        {"draw", "page", "track_experiment", "all"},
    ),
    "a question": (
        ("config/small/6.1-net.yaml", "Which learning", "What learning"),
        set(),
        {"page", "track_experiment", "all"},
    ),
    "the prose": (("reports/text/en/6.1.md", "# ", "# On "), set(), {"page", "all"}),
    "the engine": (
        ("src/chapter6/engine/training.py", "session.record()", "session.record(*())"),
        set(jobs(10)),
        FOLLOWS,
    ),
    "what the engine says of itself": (
        ("src/chapter6/engine/training.py", '"""The only training loop."""', '"""The training loop."""'),
        set(),
        set(),
    ),
    "an optimizer": (
        ("src/chapter6/engine/optimizers.py", "1 - self.beta2**t)", "1.0 - self.beta2**t)"),
        {"results/trained/6.1-bowl/adam-0.json"},
        FOLLOWS,
    ),
    "one measurement more": (
        ("src/chapter6/engine/measurements/losses.py", "class Evaluation(", MEASUREMENT + "class Evaluation("),
        set(),
        set(),
    ),
    "the figures' style": (
        ("src/chapter6/figures/style.py", "\n\nfrom __future__", "\n\n# Changed.\nfrom __future__"),
        set(),
        {"draw", "page", "track_experiment", "all"},
    ),
}


@pytest.mark.parametrize("memory", ["kept", "lost"])
@pytest.mark.parametrize("change", CHANGES)
def test_a_change_re_runs_what_depends_on_it(project, change, memory):
    """Also where Snakemake's own records were deleted."""
    if memory == "lost":
        shutil.rmtree(project / ".snakemake")
    (name, old, new), trained, followed = CHANGES[change]
    if change == "the prose":
        text = (project / name).read_text(encoding="utf-8")
        (project / name).write_text(text + "\nOne more word.\n", encoding="utf-8")
    else:
        project.edit(name, old, new)
    planned = project.planned()
    assert planned.pop("train", set()) == trained
    assert planned.keys() == followed
    if change in ("a learning rate", "a claim", "a margin"):
        assert planned["judge"] == {"results/claims/6.1-net.json"}
    if change in ("a learning rate", "a claim", "a margin", "a question"):
        assert planned["track_experiment"] == {"results/tracking/6.1-net.json"}


def test_results_of_other_settings_are_replaced_though_snakemakes_records_are_lost(project):
    project.edit("config/config.yaml", "replicates: 2\n", "replicates: 2\ntracking: {enabled: false}\n")
    before, kept = project.started(), results(project)
    shutil.rmtree(project / ".snakemake")
    project.edit("config/small/6.1-net.yaml", "learning_rate: 0.3", "learning_rate: 0.2")
    done = project.snakemake()
    assert done.status == 0, done.output
    changed = {name for name, started in project.started().items() if started != before[name]}
    assert changed == {f"results/runs/6.1-net/fast/replicate-{number}.json" for number in (0, 1)}
    settings = pd.read_parquet(project / "results/tables/6.1-net.settings.parquet")
    rate = settings.query("variant == 'fast' and parameter == 'stages.main.optimizer.learning_rate'")
    assert rate["value"].tolist() == ["0.2"]
    own = {
        *("results/tables/6.1-net.parquet", "results/tables/6.1-net.settings.parquet", "results/tables/6.1-net.csv"),
        *("results/tables/6.1-net.runs.parquet", "results/claims/6.1-net.json", "results/figures/6.1-net/curves.svg"),
        *("results/claims.json", "reports/html/index.html"),
    }
    assert {name for name, content in results(project).items() if content != kept[name]} == own
    assert project.planned() == {}


def test_another_margin_and_another_figure_train_nothing_though_snakemakes_records_are_lost(project):
    project.edit("config/config.yaml", "replicates: 2\n", "replicates: 2\ntracking: {enabled: false}\n")
    before, kept = project.started(), results(project)
    shutil.rmtree(project / ".snakemake")
    project.edit("config/small/6.1-net.yaml", "than: slow}", "than: slow, margin: 0.05}")
    project.edit("config/small/6.1-bowl.yaml", "{kind: paths, ", "{kind: curves, metric: height, split: train, ")
    done = project.snakemake()
    assert done.status == 0, done.output
    assert project.started() == before
    changed = {name for name, content in results(project).items() if content != kept.get(name)}
    verdicts = {"results/claims/6.1-net.json", "results/claims.json"}
    assert changed == {*verdicts, "results/figures/6.1-bowl/curves.svg", "reports/html/index.html"}
    (claim,) = json.loads((project / "results/claims/6.1-net.json").read_text(encoding="utf-8"))
    assert claim["parts"][0]["margin"] == 0.05
    assert not (project / "results/figures/6.1-bowl/paths.svg").exists()
    assert project.planned() == {}


def test_times_are_taken_alone_and_change_nothing_else(project):
    """The job asks for all cores, and each other one for one of them: Snakemake runs nothing beside it."""
    project.edit("config/config.yaml", "replicates: 2\n", "replicates: 2\ntracking: {enabled: false}\n")
    before, kept = project.started(), results(project)
    timing = "timing: {of: [fast], beside: slow, tasks: [update, evaluation], updates: 3, rounds: 4}\n"
    project.edit("config/small/6.1-net.yaml", "variants:\n", f"{timing}variants:\n")
    assert project.planned()["clock"] == {"results/times/6.1-net.json"}
    asked = re.search(r"rule clock:\n(?:    .*\n)*?    threads: (\d+)\n", project.snakemake("-n").output)
    assert asked
    assert asked[1] == "2"
    done = project.snakemake()
    assert done.status == 0, done.output
    assert project.started() == before
    table = pd.read_parquet(project / "results/tables/6.1-net.times.parquet")
    assert table.groupby("task").size().to_dict() == {"update": 4, "evaluation": 4}
    changed = {name for name, content in results(project).items() if content != kept.get(name)}
    assert changed == {"results/tables/6.1-net.times.parquet", "reports/html/index.html"}
    assert project.planned() == {}
    project.edit("config/small/6.1-net.yaml", "rounds: 4", "rounds: 5")
    assert project.planned().keys() == {"clock", *FOLLOWS} - {"track_experiment"}


def results(project):
    """The content of what is made from runs, by file."""
    files = [file for name in ("tables", "claims", "figures") for file in (project / f"results/{name}").rglob("*.*")]
    files += [project / "results/claims.json", project / "reports/html/index.html"]
    return {
        file.relative_to(project.folder).as_posix(): file.read_bytes()
        for file in files
        if file.is_file() and not file.name.startswith(".")
    }


def test_nothing_changed_is_nothing_done(project):
    before = project.started()
    done = project.snakemake()
    assert done.status == 0
    assert "Nothing to be done" in done.output
    for file in [*(project / "config").rglob("*.yaml"), *(project / "data").rglob("*.*")]:
        os.utime(file)
    assert project.planned() == {}
    assert project.started() == before


def test_more_replicates_train_only_the_new_ones(project):
    planned = project.planned("--config", "replicates=3")
    assert planned["train"] == {job for job in jobs(10) if "6.1-bowl" not in job}
    assert planned.keys() >= FOLLOWS
    before, curves = project.started(), project.curves()
    done = project.snakemake("results/tables/6.1-net.parquet", "--config", "replicates=3")
    assert done.status == 0, done.output
    after = project.started()
    assert {name: after[name] for name in before} == before
    assert after.keys() - before.keys() == {
        f"results/runs/6.1-net/{variant}/replicate-2.json" for variant in ("slow", "fast")
    }
    assert curves.items() < project.curves().items()
    table = pd.read_parquet(project / "results/tables/6.1-net.parquet")
    assert set(table["replicate"]) == {0, 1, 2}


@pytest.mark.parametrize("grain", ["replicates_per_job=1", "runs_per_job=4"])
def test_another_grain_trains_nothing_again(project, grain):
    before, curves = project.started(), project.curves()
    wanted = jobs(1) if "replicates" in grain else ["results/trained/6.1-net/slow-0.json"]
    done = project.snakemake(*wanted, "--config", grain)
    assert done.status == 0, done.output
    assert all((project / job).exists() for job in wanted)
    assert project.started() == before
    assert project.curves() == curves


def test_bits_depend_neither_on_cores_nor_order_nor_grain(fresh, finished):
    last = jobs(1)[-1]
    done = fresh.snakemake(*jobs(1), "--prioritize", last, "--config", "replicates_per_job=1", cores=1)
    assert done.status == 0, done.output
    first = min(fresh.started().items(), key=lambda item: item[1])[0]
    assert first == last.replace("trained/", "runs/").replace("-1.json", "/replicate-1.json")
    assert fresh.curves() == finished.curves()


def test_a_selection_and_the_whole_again_lose_nothing(project):
    """A change of the configuration hides no other change."""
    project.edit("config/small/6.1-net.yaml", "summary: mean", "summary: last")
    selected = project.planned("--config", "only=6.1-bowl")
    assert selected.keys() <= {"page", "collect", "store", "track_experiment", "settings", "all"}
    done = project.snakemake("results/claims.json", "--config", "only=6.1-bowl")
    assert done.status == 0, done.output
    planned = project.planned()
    assert planned["judge"] == {"results/claims/6.1-net.json"}
    assert planned.keys().isdisjoint({"train", "tabulate", "draw"})
    assert {"collect", "page"} <= planned.keys()


def test_a_preset_has_its_own_results(project):
    planned = project.planned("--config", "preset=quick")
    files = set.union(*planned.values())
    assert planned["train"] == {job.replace("results/", "results-quick/") for job in jobs(10)}
    own = ("results-quick/", "reports/html-quick/", "mlflow-quick.db")
    assert [file for file in files if not file.startswith(own)] == []


def test_any_sqlite_file_has_one_writer_at_a_time_and_the_page_leads_to_it(project):
    for uri, writers in (("sqlite:///other.db", 4), ("http://127.0.0.1:1", 0)):
        project.edit("config/config.yaml", "replicates: 2\n", f"replicates: 2\ntracking: {{uri: '{uri}'}}\n")
        planned = project.snakemake("-n")
        assert planned.status == 0, planned.output
        assert planned.output.count("tracking=1") == writers  # the store and three experiments
        assert re.search("rule page:", planned.output)
        project.edit("config/config.yaml", f"\ntracking: {{uri: '{uri}'}}\n", "\n")


def test_the_database_is_rebuilt_from_the_results(project):
    (project / "mlflow.db").unlink()
    done = project.snakemake("track")
    assert done.status == 0, done.output
    rebuilt = runs_in_mlflow(project)
    assert {name: len(found) for name, found in rebuilt.items()} == RUNS_IN_MLFLOW
    assert "Nothing to be done" in project.snakemake("track").output
    (project / "results/tracking/6.1-bowl.json").unlink()  # as if it had not been mirrored
    done = project.snakemake("track")
    assert done.status == 0, done.output
    assert (project / "results/tracking/6.1-bowl.json").exists()
    assert runs_in_mlflow(project) == rebuilt


def runs_in_mlflow(project):
    """Identities of all runs by experiment, deleted ones left out."""
    client = MlflowClient(f"sqlite:///{project / 'mlflow.db'}")
    return {
        name: {run.info.run_id for run in client.search_runs([client.get_experiment_by_name(name).experiment_id])}
        for name in RUNS_IN_MLFLOW
    }

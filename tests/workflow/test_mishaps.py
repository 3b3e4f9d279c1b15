"""A job that fails costs its own experiment; a study that is killed goes on where it was."""

import json
import os
import re
import signal
import subprocess
import time
from html import unescape

import pytest

from .project import PATIENCE, jobs

pytestmark = pytest.mark.workflow


def test_a_failed_job_costs_its_own_experiment_only(project):
    """One variant cannot be trained again, and another experiment has something to do at the same time."""
    without_tracking(project)
    project.edit("config/small/6.1-net.yaml", "learning_rate: 0.3", "learning_rate: 0.2")
    project.edit("config/small/6.1-bowl.yaml", "says: SGD swings more.", "says: SGD swings most.")
    obstacle = in_the_way_of(project / "results/runs/6.1-net/fast/replicate-1.npz")

    failed = project.snakemake()
    assert failed.status == 1
    assert "results/trained/6.1-net/fast-0.json" in failed.output
    bowl = json.loads((project / "results/claims/6.1-bowl.json").read_text(encoding="utf-8"))
    assert [claim["id"] for claim in bowl] == ["T02"]
    gathered = json.loads((project / "results/claims.json").read_text(encoding="utf-8"))
    assert [claim["id"] for claim in gathered] == ["T02", "T03"]
    page = (project / "reports/html/index.html").read_text(encoding="utf-8")
    assert "Incomplete" in page
    assert "SGD swings most." in page
    assert "6.1-net</a>: runs of 1 of 2 variants (fast)" in page
    assert "6.2-noise</a>:" not in page

    out_of_the_way(obstacle)
    done = project.snakemake()
    assert done.status == 0, done.output
    assert "Incomplete" not in (project / "reports/html/index.html").read_text(encoding="utf-8")
    assert (project / "results/claims.json").exists()


def test_what_is_said_about_damaged_curves_makes_them_again(project, finished):
    without_tracking(project)
    before, lost = project.started(), "results/runs/6.2-noise/small/replicate-1"
    (project / f"{lost}.npz").write_bytes(b"half of it")
    project.edit("config/small/6.2-noise.yaml", "label: He", "label: Kaiming He")
    failed = project.snakemake()
    assert failed.status == 1
    advice = re.search(rf"chapter6 tabulate: {lost}\.json: .*; `(.*)` makes of its runs", failed.output)
    done = project.run(*advice[1].split())
    assert done.status == 0, done.output
    assert project.curves() == finished.curves()
    assert {name for name, started in project.started().items() if started != before[name]} == {f"{lost}.json"}
    assert project.planned() == {}


@pytest.mark.parametrize("other", ["fast/replicate-1", "slow/replicate-0"])
def test_what_is_said_about_runs_that_changed_places_makes_them_again(project, finished, other):
    without_tracking(project)
    one, before = "fast/replicate-0", project.started()
    assert project.snakemake().status == 0
    for kind in ("json", "npz"):
        first, second = (project / f"results/runs/6.1-net/{name}.{kind}" for name in (one, other))
        content = first.read_bytes()
        first.write_bytes(second.read_bytes())
        second.write_bytes(content)
    named = set()
    while True:
        refused = project.run("chapter6", "tabulate", "--study", "results/study.json", "--experiment", "6.1-net")
        if refused.status == 0:
            break
        told = re.search(r"chapter6 tabulate: results/runs/6\.1-net/(.*)\.json: .*; `(.*)` makes", refused.output)
        assert "--forcerun" in told[2]
        assert told[1] not in named, refused.output
        named.add(told[1])
        done = project.run(*told[2].split())
        assert done.status == 0 or len(named) < 2, done.output
    assert one in named
    assert named <= {one, other}
    assert project.curves() == finished.curves()
    after = project.started()
    swapped = {f"results/runs/6.1-net/{name}.json" for name in (one, other)}
    assert {name for name in before if after[name] != before[name]} == swapped
    done = project.snakemake()
    assert done.status == 0, done.output
    assert project.planned() == {}


def test_a_job_that_failed_once_after_its_training_is_done_by_the_next_run(project):
    """The outputs of a failed job are gone, and what later jobs made of them before is still there."""
    without_tracking(project)
    project.edit("config/small/6.1-bowl.yaml", "learning_rate: 0.95", "learning_rate: 0.05")
    table = project / "results/tables/6.1-bowl.csv"
    before = table.read_text(encoding="utf-8")
    obstacles = [in_the_way_of(project / f"results/{name}") for name in ("tables/6.1-bowl.csv", "claims.json")]
    failed = project.snakemake()
    assert failed.status == 1
    assert "rule tabulate" in failed.output
    page = (project / "reports/html/index.html").read_text(encoding="utf-8")
    assert "Incomplete" in page  # though the verdicts could not be gathered

    for obstacle in obstacles:
        out_of_the_way(obstacle)
    done = project.snakemake()
    assert done.status == 0, done.output
    assert table.read_text(encoding="utf-8") != before
    verdicts = {claim["id"]: claim for claim in json.loads((project / "results/claims.json").read_text("utf-8"))}
    assert verdicts["T02"]["verdict"] == "contradicted"  # so slow a rate never swings
    page = (project / "reports/html/index.html").read_text(encoding="utf-8")
    assert "Incomplete" not in page
    assert f"{-verdicts['T02']['estimate']:.3g} lower than" in unescape(page)
    assert not project.planned()


def test_trainings_that_failed_once_are_done_by_the_next_run(project):
    """Another seed, and an experiment cannot be trained again: what was mirrored of the old one counts for nothing."""
    project.edit("config/config.yaml", "replicates: 2\n", "replicates: 2\nstudy_seed: 7\n")
    runs = [project / f"results/runs/6.1-bowl/{variant}/replicate-0.npz" for variant in ("sgd", "adam")]
    obstacles = [in_the_way_of(file) for file in runs]
    failed = project.snakemake("--config", "only=6.1-bowl")
    assert failed.status == 1
    assert (project / "results/tracking/6.1-bowl.json").exists()

    for obstacle in obstacles:
        out_of_the_way(obstacle)
    for target in ("all", "track"):
        planned = project.planned(target, "--config", "only=6.1-bowl")
        assert planned["train"] == {f"results/trained/6.1-bowl/{variant}-0.json" for variant in ("sgd", "adam")}
        assert planned.keys() >= {"tabulate", "judge", "draw", "track_experiment"}


def test_a_page_that_failed_once_is_written_by_the_next_run(project):
    """The one that is written after a failure is no substitute."""
    (project / "reports/html/index.html").unlink()
    obstacle = in_the_way_of(project / "logs/page.log")
    failed = project.snakemake()
    assert failed.status == 1
    assert "Incomplete" in (project / "reports/html/index.html").read_text(encoding="utf-8")

    out_of_the_way(obstacle)
    assert project.planned() == {"page": {"reports/html/index.html"}, "all": set()}


def test_verdicts_that_failed_once_are_judged_by_the_next_run(fresh):
    """The first run of all, which leaves its report without them."""
    without_tracking(fresh)
    obstacle = in_the_way_of(fresh / "results/claims/6.1-bowl.json")
    failed = fresh.snakemake()
    assert failed.status == 1
    assert (fresh / "reports/html/index.html").exists()

    out_of_the_way(obstacle)
    done = fresh.snakemake()
    assert done.status == 0, done.output
    claims = json.loads((fresh / "results/claims.json").read_text(encoding="utf-8"))
    assert {claim["id"] for claim in claims} == {"T01", "T02", "T03"}
    assert "Incomplete" not in (fresh / "reports/html/index.html").read_text(encoding="utf-8")
    assert not fresh.planned()


def without_tracking(project):
    project.edit("config/config.yaml", "replicates: 2\n", "replicates: 2\ntracking: {enabled: false}\n")


def in_the_way_of(file):
    """Put a folder that is not empty where a job will write its file."""
    file.unlink(missing_ok=True)
    (file / "in the way").mkdir(parents=True)
    return file


def out_of_the_way(obstacle):
    if obstacle.exists():
        (obstacle / "in the way").rmdir()
        obstacle.rmdir()


def test_a_killed_study_goes_on_where_it_was(fresh, finished):
    trained = fresh / "results/runs"
    with (fresh / "output.txt").open("w") as output:
        study = subprocess.Popen(
            ["snakemake", "--cores", "1", *jobs(10)],
            cwd=fresh.folder,
            env=fresh.environment,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            patience = time.monotonic() + PATIENCE
            while not list((fresh / "results/trained").glob("*/*.json")) and time.monotonic() < patience:
                assert study.poll() is None, (fresh / "output.txt").read_text()
                time.sleep(0.05)
        finally:
            os.killpg(study.pid, signal.SIGKILL)
            study.wait(PATIENCE)
    before = fresh.started()
    assert 0 < len(list((fresh / "results/trained").glob("*/*.json"))) < len(jobs(10))

    fresh.snakemake("--unlock")
    done = fresh.snakemake(*jobs(10))
    assert done.status == 0, done.output
    assert fresh.curves() == finished.curves()
    after = fresh.started()
    assert {name: after[name] for name in before} == before
    assert not [file for file in trained.rglob(".*") if file.name != ".snakemake_timestamp"]

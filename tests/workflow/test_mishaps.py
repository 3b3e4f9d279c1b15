"""A job that fails costs its own experiment; a study that is killed goes on where it was."""

import json
import os
import re
import signal
import subprocess
import time

import pytest

from .project import PATIENCE, jobs

pytestmark = pytest.mark.workflow


def test_a_failed_job_costs_its_own_experiment_only(project):
    """One variant cannot be trained again, and another experiment has something to do at the same time."""
    project.edit("config/config.yaml", "replicates: 2\n", "replicates: 2\ntracking: {enabled: false}\n")
    project.edit("config/small/6.1-net.yaml", "learning_rate: 0.3", "learning_rate: 0.2")
    project.edit("config/small/6.1-bowl.yaml", "says: SGD swings more.", "says: SGD swings most.")
    obstacle = project / "results/runs/6.1-net/fast/replicate-1.npz"
    obstacle.unlink()
    (obstacle / "in the way").mkdir(parents=True)

    failed = project.snakemake()
    assert failed.status == 1
    assert "results/trained/6.1-net/fast-0.json" in failed.output
    bowl = json.loads((project / "results/claims/6.1-bowl.json").read_text(encoding="utf-8"))
    assert [claim["statement"] for claim in bowl] == ["SGD swings most."]
    gathered = json.loads((project / "results/claims.json").read_text(encoding="utf-8"))
    assert {"T02", "T03"} <= {claim["id"] for claim in gathered}
    page = (project / "reports/html/index.html").read_text(encoding="utf-8")
    assert "Incomplete" in page
    assert "SGD swings most." in page
    assert "6.1-net</a>: runs of 1 of 2 variants (fast)" in page
    assert "6.2-noise</a>:" not in page

    (obstacle / "in the way").rmdir()
    obstacle.rmdir()
    done = project.snakemake()
    assert done.status == 0, done.output
    assert "Incomplete" not in (project / "reports/html/index.html").read_text(encoding="utf-8")
    assert (project / "results/claims.json").exists()


def test_what_is_said_about_damaged_curves_makes_them_again(project, finished):
    project.edit("config/config.yaml", "replicates: 2\n", "replicates: 2\ntracking: {enabled: false}\n")
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

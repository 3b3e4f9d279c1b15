"""The study on a real Slurm, through the profile of a site."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import pytest
import yaml

from workflow.fixtures import finished
from workflow.project import ROOT, Project, new_project

from .comparison import differences
from .toy_slurm import GENERIC, HERE, SLURM, SiteProject, Toy, obstacle, wait_for

__all__ = ["finished"]

pytestmark = pytest.mark.cluster

OBSTACLE = obstacle()
ONLY_BOWL = ("snakemake", "--config", "only=6.1-bowl", "tracking={enabled: false}")
KUBECTL = """\
#!/usr/bin/env python3
import json, pathlib, subprocess, sys

jobs = pathlib.Path("FOLDER")
verb, name = sys.argv[1], sys.argv[3]
if verb == "create":
    manifest = json.load(sys.stdin)
    name = f"{manifest['metadata']['generateName']}{len(list(jobs.iterdir()))}"
    (jobs / f"{name}.json").write_text(json.dumps(manifest))
    pod = manifest["spec"]["template"]["spec"]["containers"][0]
    code = 'import subprocess, sys; open(sys.argv[1], "w").write(str(subprocess.call(sys.argv[2:])))'
    ended = str(jobs / f"{name}.ended")
    subprocess.Popen(
        [sys.executable, "-c", code, ended, *pod["command"]],
        cwd=pod["workingDir"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    print(name, end="")
elif verb == "get":
    ended = jobs / f"{name}.ended"
    said = ended.read_text() if ended.exists() else ""
    print(f"{name}: " + ("" if not said else "Complete" if said == "0" else "Failed"), end="")
"""
QUICKLY = ("--slurm-init-seconds-before-status-checks", "4")


@pytest.fixture
def toy() -> Iterator[Toy]:
    """A toy Slurm that runs, in a folder whose name is short enough for the names of its sockets."""
    with TemporaryDirectory(prefix="slurm-") as folder:
        toy = Toy(Path(folder))
        try:
            toy.up()
            yield toy
        finally:
            toy.down()


@pytest.mark.workflow
@pytest.mark.skipif(OBSTACLE is not None, reason=str(OBSTACLE))
def test_a_study_on_slurm_has_the_bits_of_a_local_one(finished: Project, toy: Toy, tmp_path: Path):
    """Also with a job cancelled and the controller restarted on the way, and through the generic profile.

    One test, since only one toy can be up: its configuration must stand in /etc.
    """
    assert "already up" in toy.up()
    project = SiteProject(new_project(tmp_path / "slurm").folder, SLURM)
    with project.study("--workflow-profile", "profiles/slurm", *QUICKLY, "--config", "preset=full") as study:
        job = wait_for(toy.running, "a job that runs")[0]
        toy.command("scancel", job)
        toy.end("slurmctld", signal.SIGTERM)
        assert "started again: slurmctld" in toy.up()
        assert study.status() == 0, study.output
    assert differences(finished / "results", project / "results") == []
    assert f"SLURM-job '{job}' failed, SLURM status is: 'CANCELLED'" in study.output
    # One job for each experiment and one again: runs_per_job of the profile is in force beside --config.
    assert len(re.findall(r"has been submitted with SLURM jobid \d+", study.output)) == 3 + 1, study.output
    # Whatever does not train stays here.
    local, sent = ({*re.findall(rf"^{word} (\w+):", study.output, re.MULTILINE)} for word in ("localrule", "rule"))
    assert sent == {"train"}
    assert {"mnist", "tabulate", "judge", "draw", "page", "track_experiment"} <= local
    # The profile's resources reached Slurm, doubled at the second attempt.
    limits = re.findall(r"^ +resources: .*mem_mb=(\d+),.*runtime=(\d+)", study.output, re.MULTILINE)
    assert {("800", "20"), ("1600", "40")} <= set(limits)

    generic = SiteProject(new_project(tmp_path / "generic").folder, GENERIC)
    done = generic.run(*ONLY_BOWL, "--workflow-profile", "profiles/generic", "--seconds-between-status-checks", "2")
    assert done.status == 0, done.output
    assert len(re.findall(r"Submitted job \d+ with external jobid '\d+'", done.output)) == 1, done.output
    assert same_table(generic, finished)


@pytest.mark.workflow
@pytest.mark.skipif(
    GENERIC is None, reason="snakemake-executor-plugin-cluster-generic is not installed (make executors)"
)
def test_the_profile_for_kubernetes_runs_its_jobs_beside_a_stand_in_for_kubectl(finished: Project, tmp_path: Path):
    """The stand-in runs the command of a Job here; what a real API server says to the manifest is not known."""
    project = SiteProject(new_project(tmp_path / "project").folder, GENERIC)
    kubectl = tmp_path / "bin" / "kubectl"
    kubectl.parent.mkdir()
    kubectl.write_text(KUBECTL.replace("FOLDER", str(tmp_path / "jobs")))
    kubectl.chmod(0o755)
    (tmp_path / "jobs").mkdir()
    project.edit("profiles/kubernetes/config.yaml", "--mount /study", f"--mount {tmp_path}")
    path = f"PATH={kubectl.parent}{os.pathsep}{project.environment['PATH']}"
    done = project.run(
        "env", path, *ONLY_BOWL, "--workflow-profile", "profiles/kubernetes", "--seconds-between-status-checks", "1"
    )
    assert done.status == 0, done.output
    assert same_table(project, finished)
    (manifest,) = [json.loads(path.read_text()) for path in (tmp_path / "jobs").glob("*.json")]
    spec = manifest["spec"]
    pod = spec["template"]["spec"]
    container = pod["containers"][0]
    assert pod["activeDeadlineSeconds"] == 20 * 60
    assert "activeDeadlineSeconds" not in spec, "a job's own counts while its pod waits for a node"
    assert container["resources"]["limits"] == {"memory": "800M"}
    assert container["volumeMounts"][0]["mountPath"] == str(tmp_path)


@pytest.mark.workflow
@pytest.mark.parametrize(
    ("profile", "folder"),
    [("slurm", SLURM), ("generic", GENERIC), ("kubernetes", GENERIC)],
    ids=lambda value: str(value),
)
def test_a_dry_run_through_a_profile_plans_the_study(profile: str, folder: str | None, tmp_path: Path):
    if folder is None:
        pytest.skip(f"the executor plugin of profiles/{profile} is not installed (make executors)")
    project = SiteProject(new_project(tmp_path / "project").folder, folder)
    options = ("--workflow-profile", f"profiles/{profile}", "--config", "preset=quick")
    assert len(project.planned(*options)["train"]) == 3


@pytest.mark.parametrize("profile", ["slurm", "generic", "kubernetes"])
def test_a_profile_repeats_what_the_default_one_says(profile: str):
    """As it replaces it."""
    default, other = (
        yaml.safe_load((ROOT / f"profiles/{name}/config.yaml").read_text()) for name in ("default", profile)
    )
    assert default.items() <= other.items()


def test_the_toy_refuses_what_it_cannot_do(tmp_path: Path):
    """Each refusal names the reason, and nothing is started."""
    long = tmp_path / ("x" * 80)
    assert "at most 70" in refused("slurm-up", long)
    assert "letters, digits" in refused("slurm-up", Path("/tmp/a b"))


def refused(script: str, folder: Path) -> str:
    done = subprocess.run([str(HERE / script), str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout
    assert not folder.exists()
    return done.stderr


def same_table(one: Project, other: Project) -> bool:
    tables = [pd.read_parquet(project / "results/tables/6.1-bowl.parquet") for project in (one, other)]
    return tables[0].equals(tables[1])

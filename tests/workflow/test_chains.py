"""Runs that start from others, under Snakemake: what a change trains again, and what a kill leaves."""

import shutil
import sys

import pytest

from faults.kills import Undisturbed, kill
from faults.states import state

from .project import Project, new_project

pytestmark = pytest.mark.workflow

TARGET = "results/claims/9.1-chain.json"
COMPARED = r"results/(runs|trained|tables|claims)/"
CHAIN = """\
id: 9.1-chain
title: A chain
question: Does it help to start from another run?
base:
  data: {examples: 500}
  network: {hidden: [16, 16], batch_normalization: {}}
  optimizer: {kind: momentum, learning_rate: 0.05}
  batch_size: 32
  steps: 1500
  record: [{measure: evaluation, at: {every: 50}}]
variants:
  first: {}
  next: {starts_from: {variant: first, fresh: [output]}, frozen: [layer-1], steps: 500}
  last: {starts_from: next, optimizer: {learning_rate: 0.01}, steps: 500}
  alone: {steps: 100}
claims:
  - id: T09
    says: What was trained before does better.
    check: {kind: ordering, metric: accuracy, split: test, higher: last, than: alone}
"""
CHANGES = {
    "the pre-training": (("first: {}", "first: {optimizer: {learning_rate: 0.04}}"), {"first", "next", "last"}),
    "what starts from it": (("frozen: [layer-1]", "frozen: [layer-2]"), {"next", "last"}),
    "the end of the chain": (("learning_rate: 0.01", "learning_rate: 0.02"), {"last"}),
    "what is no part of it": (("alone: {steps: 100}", "alone: {steps: 90}"), {"alone"}),
}


@pytest.fixture(scope="module")
def fresh_chain(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A study of one chain in which nothing has been run."""
    project = new_project(tmp_path_factory.mktemp("chains") / "fresh")
    shutil.rmtree(project / "config/small")
    (project / "config/small").mkdir()
    (project / "config/small/9.1-chain.yaml").write_text(CHAIN, encoding="utf-8")
    return project


@pytest.fixture(scope="module")
def finished_chain(fresh_chain: Project) -> Project:
    """The same, run up to its verdict."""
    project = fresh_chain.copy(fresh_chain.folder.parent / "finished")
    done = project.snakemake(TARGET)
    assert done.status == 0, done.output
    return project


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_trains_what_starts_from_it_and_nothing_else(finished_chain, tmp_path, name):
    (old, new), wanted = CHANGES[name]
    project, before = finished_chain.copy(tmp_path / "project"), finished_chain.started()
    project.edit("config/small/9.1-chain.yaml", old, new)
    assert project.planned(TARGET)["train"] == {f"results/trained/9.1-chain/{variant}-0.json" for variant in wanted}
    done = project.snakemake(TARGET)
    assert done.status == 0, done.output
    after = project.started()
    assert {file.split("/")[3] for file in after if after[file] != before[file]} == wanted
    assert "Nothing to be done" in project.snakemake(TARGET).output


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc to find the processes")
@pytest.mark.parametrize(("number", "victim", "seconds"), [(1, "job", 4.0), (2, "all", 12.0), (3, "job", 16.0)])
def test_a_killed_chain_goes_on_and_ends_in_equal_bits(fresh_chain, finished_chain, tmp_path, number, victim, seconds):
    """The kill falls into the pre-training, or later."""
    undisturbed = Undisturbed(fresh_chain, seconds, state(finished_chain), (TARGET,), COMPARED)
    killed = kill(number, undisturbed, tmp_path / "killed", 6, victim)
    assert killed.problems == []


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc to find the processes")
def test_a_killed_pre_training_keeps_its_finished_replicates(finished_chain, tmp_path):
    """As a job leaves it that was killed between its two replicates."""
    project = finished_chain.copy(tmp_path / "project")
    for lost in (
        "results/trained",
        "results/runs/9.1-chain/next",
        "results/runs/9.1-chain/last",
        "results/tables",
        "results/claims",
    ):
        shutil.rmtree(project / lost)
    for lost in ("replicate-1.npz", "replicate-1.json"):
        (project / f"results/runs/9.1-chain/first/{lost}").unlink()
    (project / "results/runs/9.1-chain/first/weights-1.npz").write_bytes(b"half of it")
    before = project.started()
    done = project.snakemake(TARGET)
    assert done.status == 0, done.output
    kept = "results/runs/9.1-chain/first/replicate-0.json"
    assert project.started()[kept] == before[kept]
    assert project.curves() == finished_chain.curves()
    for replicate in range(2):
        name = f"results/runs/9.1-chain/first/weights-{replicate}.npz"
        assert (project / name).read_bytes() == (finished_chain / name).read_bytes()

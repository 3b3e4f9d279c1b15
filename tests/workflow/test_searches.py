"""Tuning, rounds and choices pass through files, in a folder whose name the shell would split."""

import json
import re
import shutil

import pytest

from .larger import larger_project

pytestmark = pytest.mark.workflow
SEARCH = "results/search/6.5-searched"


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    project = larger_project(tmp_path_factory.mktemp("searched") / "project")
    project.edit("config/config.yaml", "directory: data/mnist", "directory: data/two words")
    project.edit("config/config.yaml", "replicates: 2\n", "replicates: 2\ntracking: {enabled: false}\n")
    done = project.snakemake()
    assert done.status == 0, done.output
    return project


def read(project, name):
    return json.loads((project / name).read_text(encoding="utf-8"))


def test_all_jobs_find_data_in_a_folder_with_a_space(searched):
    assert (searched / "data/two words/digest.json").exists()
    assert {name.split("/")[3] for name in searched.records()} == {"sgd", "adam", "sgd-tuned"}
    tuned = read(searched, "results/runs/6.3-hills/sgd-tuned/replicate-0.json")
    assert (
        tuned["run"]["stages"][0]["optimizer"]["learning_rate"]
        == read(searched, "results/tuning/6.3-hills/sgd.json")["choices"]["tuned"]["value"]
    )
    rounds = [read(searched, f"{SEARCH}/coarse/search-0/round-{number}.json") for number in (1, 2, 3)]
    trials = [trial for one in rounds for trial in one["trials"]]
    assert [trial["number"] for trial in trials] == list(range(6))
    best = max(trials, key=lambda trial: trial["score"])
    assert read(searched, f"{SEARCH}/coarse/search-0/chosen.json")["trial"] == best["number"]


def test_a_search_goes_on_after_its_last_round_and_comes_to_the_same(searched, tmp_path):
    project = searched.copy(tmp_path / "project")
    kept = {file: file.read_bytes() for file in sorted((project / SEARCH).rglob("*.json"))}
    for name in ("round-2", "round-3", "chosen"):
        (project / f"{SEARCH}/coarse/search-0/{name}.json").unlink()
    for name in ("results/tables", "results/claims", "results/figures", "reports/html"):
        shutil.rmtree(project / name)

    planned = project.planned()
    assert planned["search"] == {f"{SEARCH}/coarse/search-0/round-{number}.json" for number in (2, 3)}
    assert not {"train", "tune"} & set(planned)
    done = project.snakemake()
    assert done.status == 0, done.output
    assert {file: file.read_bytes() for file in kept} == kept
    assert not project.planned()


def test_what_is_said_about_a_lost_round_makes_it_again(searched, tmp_path):
    project = searched.copy(tmp_path / "project")
    lost = project / f"{SEARCH}/coarse/search-0/round-2.npz"
    content = lost.read_bytes()
    lost.unlink()
    project.edit("config/small/6.5-searched.yaml", "coarse: {strategy", "coarse: {label: Coarse, strategy")
    failed = project.snakemake()
    assert failed.status == 1
    advice = re.search(
        r"chapter6 tabulate: .*/round-2\.json: .*round-2\.npz is missing\); `(.*)` makes it", failed.output
    )
    done = project.run(*advice[1].split())
    assert done.status == 0, done.output
    assert lost.read_bytes() == content
    assert project.planned() == {}


def test_a_killed_tuning_keeps_what_it_trained_and_comes_to_the_same(searched, tmp_path):
    """As a job leaves it that was killed while it trained the last of its candidates."""
    project, tuning = searched.copy(tmp_path / "project"), "results/tuning/6.3-hills/sgd"
    whole = {file: file.read_bytes() for file in sorted((project / tuning).rglob("replicate-*.npz"))}
    result = project / f"{tuning}.json"
    before = result.read_bytes()
    result.unlink()
    shutil.rmtree(project / "results/known")
    *kept, lost = whole
    lost.write_bytes(b"half of it")
    times = {file: file.stat().st_mtime_ns for file in kept}
    done = project.snakemake()
    assert done.status == 0, done.output
    assert result.read_bytes() == before
    assert {file: file.read_bytes() for file in whole} == whole
    assert {file: file.stat().st_mtime_ns for file in kept} == times
    assert not project.planned()

"""The real server on PostgreSQL: many jobs at once, and what happens when it is away, stopped or killed."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from .lab import Lab, differing_points, ended
from .tracking_server import Server, obstacle, running
from .trials import FAULTS, interrupted

OBSTACLE = obstacle()
pytestmark = pytest.mark.skipif(bool(OBSTACLE), reason=str(OBSTACLE))


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running() as server:
        yield server


@pytest.fixture
def lab(server: Server, tmp_path: Path) -> Lab:
    """A study whose runs have a name of their own on the server that all tests share."""
    server.up()  # in case the test before failed with it down
    return Lab(tmp_path, server.uri)


def test_eight_jobs_at_once(lab: Lab, server: Server) -> None:
    """On an experiment that none of them finds there."""
    said = "".join(lab.train(live=True))
    assert "WARNING" not in said, said
    assert lab.finished() == dict.fromkeys(lab.replicates, 1)
    points, different = differing_points(lab)
    assert different == []
    assert points == 32 * 4 * 151
    live = {slot: run.info.run_id for slot, (run,) in lab.runs().items()}

    lab.create()
    assert ended(lab.track()).endswith("41 runs in MLflow, 32 kept, 9 new, 0 replaced\n")
    assert ended(lab.track()).endswith("41 runs in MLflow, 41 kept, 0 new, 0 replaced\n")
    tracked = lab.runs()
    assert set(tracked) == lab.slots
    assert {slot: tracked[slot][0].info.run_id for slot in live} == live
    parents = {tracked[slot][0].data.tags["mlflow.parentRunId"] for slot in live}
    assert parents == {tracked[slot][0].info.run_id for slot in tracked if slot.startswith("variant/")}
    (run,) = tracked[min(live)]
    assert run.info.artifact_uri.startswith("mlflow-artifacts:/")
    assert sorted(path.name for path in server.folder.glob(f"artifacts/*/{run.info.run_id}/artifacts/*")) == [
        "replicate-0.json",
        "replicate-0.npz",
    ]


@pytest.mark.parametrize("name", ["server killed", "PostgreSQL killed"])
def test_a_fault_while_an_experiment_is_mirrored(lab: Lab, server: Server, name: str) -> None:
    """It waits and goes on by itself: no second `track` is needed."""
    lab.train(live=False)
    lab.create()
    outcome = interrupted(lab, lambda: [lab.track()], lambda: FAULTS[name](server), after=3)
    assert (outcome.failed, outcome.lost, outcome.doubled, outcome.different) == ([], set(), {}, [])


@pytest.mark.parametrize("name", ["server stopped", "PostgreSQL restarted"])
def test_a_fault_while_jobs_mirror_what_they_train(lab: Lab, server: Server, name: str) -> None:
    outcome = interrupted(lab, lambda: lab.trainings(live=True), lambda: FAULTS[name](server), after=1)
    assert (outcome.failed, outcome.lost, outcome.doubled, outcome.different) == ([], set(), {}, [])


def test_without_a_server_jobs_train_and_the_next_track_sends(lab: Lab, server: Server) -> None:
    server.down("mlflow")
    said = lab.train(live=True)
    assert all("no answer of use from the server (Connection refused)" in text for text in said)
    assert all("mirrored by the next `snakemake track`" in text for text in said)
    server.up()
    lab.create()
    assert ended(lab.track()).endswith("41 runs in MLflow, 0 kept, 41 new, 0 replaced\n")


def test_other_hosts_are_refused(server: Server) -> None:
    asked = {"timeout": 30, "params": {"max_results": 1}}
    place = f"{server.uri}/api/2.0/mlflow/experiments/search"
    assert requests.get(place, **asked).status_code == 200
    assert requests.get(place, headers={"Host": "elsewhere.example"}, **asked).status_code == 403


def test_the_database_is_on_no_network(server: Server) -> None:
    settings = (server.folder / "database/postgresql.conf").read_text().splitlines()
    assert [line for line in settings if line.startswith("listen_addresses")] == ["listen_addresses = ''"]
    assert (server.folder / "database").stat().st_mode & 0o077 == 0

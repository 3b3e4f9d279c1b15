import logging
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from collections import defaultdict
from contextlib import closing, nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from mlflow import MlflowClient
from mlflow.entities import ViewType
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import ErrorCode

from chapter6.registry import StudyError
from chapter6.tracking import stores
from chapter6.tracking.entries import Content, Data, Entry, thinned
from chapter6.tracking.mirror import KEY, NOTE, PARENT, SLOT, mirror
from chapter6.tracking.stores import create_store, explaining, open_client, patiently, shown, sqlite_file

STARTED = datetime(2026, 3, 1, 12, tzinfo=UTC)
DATA = Data("MNIST", "d" * 64, "data/mnist", {"train examples": 60000})


@pytest.fixture(scope="session")
def template(tmp_path_factory):
    """A store with one experiment: creating one takes seconds, copying it nothing."""
    folder = tmp_path_factory.mktemp("template")
    create_store(f"sqlite:///{folder}/mlflow.db", ["6.1-mnist"], folder / "mlartifacts")
    with closing(sqlite3.connect(folder / "mlflow.db")) as database:
        (place,) = database.execute("SELECT artifact_location FROM experiments WHERE name = '6.1-mnist'").fetchone()
    assert place == (folder / "mlartifacts/6.1-mnist").as_uri()
    return folder / "mlflow.db"


@pytest.fixture
def uri(template, tmp_path, monkeypatch):
    """The store of an empty project, which is the current folder; its name has a space, as people's have.

    Absolute, because MLflow keeps one engine an address in a process.
    """
    folder = tmp_path / "my study"
    folder.mkdir()
    monkeypatch.chdir(folder)
    shutil.copy(template, "mlflow.db")
    with closing(sqlite3.connect("mlflow.db")) as database, database:
        place = (folder / "mlartifacts/6.1-mnist").as_uri()
        database.execute("UPDATE experiments SET artifact_location = ? WHERE name = '6.1-mnist'", [place])
    return f"sqlite:///{folder}/mlflow.db"


def entry(number, key="k", **changes):
    """A replicate with a curve of 1000 points, half of a metric's points NaN, and a file."""
    file = Path(f"curves-{number}.npz")
    file.write_bytes(b"curves")
    steps = np.arange(1, 1001)
    content = Content(
        {"optimizer": "adam", "network.hidden": [100, 100], "seed": None, "long": "x" * 900},
        {
            "batch/loss": thinned(steps, 1 / steps),
            "test/loss": thinned(steps, np.where(steps < 500, 1.0, np.nan)),
            "final/batch/loss": (steps[-1:], np.array([0.001])),
        },
        {"": [file], "figures": [file]},
    )
    basis = Entry(
        slot=f"replicate/adam/{number}",
        name=f"adam replicate {number}",
        key=key,
        started=STARTED,
        seconds=10.0,
        load=lambda: content,
        tags={"outcome": "finished"},
        origin={"mlflow.source.git.commit": "c0ffee"},
        parent="variant/adam",
        data=DATA,
    )
    return replace(basis, **changes)


def parent(key="p"):
    return Entry("variant/adam", "adam", key, STARTED, 20.0, Content)


def runs(uri, view=ViewType.ACTIVE_ONLY):
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name("6.1-mnist")
    found = client.search_runs([experiment.experiment_id], run_view_type=view)
    return {run.data.tags[SLOT]: run for run in found}


def changes(uri, entries):
    return dict(mirror(uri, "6.1-mnist", entries).changes)


@pytest.mark.parametrize("length", [0, 1, 199, 200, 201, 2000])
def test_thinning_keeps_first_and_last_and_order(length):
    steps, values = thinned(range(1, length + 1), np.arange(length) / 7)
    assert len(steps) == min(length, 200)
    assert np.all(np.diff(steps) > 0)
    assert np.array_equal(values, (steps - 1) / 7)
    if length:
        assert (steps[0], steps[-1]) == (1, length)


def test_thinning_leaves_out_what_is_not_finite():
    steps, values = thinned([0, 1, 2, 3], [1.0, np.nan, np.inf, 2.0])
    assert (steps.tolist(), values.tolist()) == ([0, 3], [1.0, 2.0])


def test_a_run_shows_everything(uri):
    mirror(uri, "6.1-mnist", [parent(), entry(0)], "Which update rule learns fastest?")
    run, client = runs(uri)["replicate/adam/0"], MlflowClient(uri)
    assert run.info.run_name == "adam replicate 0"
    assert run.info.status == "FINISHED"
    assert run.info.end_time - run.info.start_time == 10_000
    assert run.data.params == {"optimizer": "adam", "network.hidden": "[100, 100]", "long": "x" * 500}
    assert run.data.metrics["final/batch/loss"] == 0.001
    assert run.data.tags["mlflow.source.git.commit"] == "c0ffee"
    assert run.data.tags[PARENT] == runs(uri)["variant/adam"].info.run_id
    history = client.get_metric_history(run.info.run_id, "batch/loss")
    assert len(history) == 200
    assert {point.step: point.value for point in history}[1000] == 0.001
    assert max(point.timestamp for point in history) == run.info.end_time
    assert len(client.get_metric_history(run.info.run_id, "test/loss")) == 200
    (used,) = run.inputs.dataset_inputs
    assert (used.dataset.name, used.dataset.digest) == ("MNIST", "d" * 16)
    assert [item.path for item in client.list_artifacts(run.info.run_id)] == ["curves-0.npz", "figures"]
    assert client.get_experiment_by_name("6.1-mnist").tags[NOTE] == "Which update rule learns fastest?"
    artifacts = list(Path("mlartifacts/6.1-mnist").glob("*/artifacts/curves-0.npz"))
    assert [file.read_bytes() for file in artifacts] == [b"curves"]
    assert not Path("mlruns").exists()


def test_mirroring_twice_changes_nothing(uri):
    entries = [parent(), entry(0), entry(1)]
    first = mirror(uri, "6.1-mnist", entries)
    before, content = runs(uri), Path("mlflow.db").read_bytes()
    refusing = [replace(each, load=lambda: pytest.fail("loaded again")) for each in entries]
    second = mirror(uri, "6.1-mnist", refusing)
    assert Path("mlflow.db").read_bytes() == content
    assert {slot: run.to_dictionary() for slot, run in runs(uri, ViewType.ALL).items()} == {
        slot: run.to_dictionary() for slot, run in before.items()
    }
    assert (first.runs, first.keys, first.store) == (second.runs, second.keys, second.store)
    assert (first.changes, second.changes) == (
        {"new": 3, "kept": 0, "replaced": 0},
        {"new": 0, "kept": 3, "replaced": 0},
    )


def test_a_run_trained_again_takes_the_place_of_the_old_one(uri):
    mirror(uri, "6.1-mnist", [parent(), entry(0), entry(1)])
    before = runs(uri)
    assert changes(uri, [parent("q"), entry(0, "other"), entry(1)]) == {"kept": 1, "new": 0, "replaced": 2}
    after = runs(uri)
    assert after["replicate/adam/0"].data.tags[KEY] == "other"
    assert after["replicate/adam/0"].info.run_id != before["replicate/adam/0"].info.run_id
    assert after["replicate/adam/1"].info.run_id == before["replicate/adam/1"].info.run_id
    assert {after[f"replicate/adam/{n}"].data.tags[PARENT] for n in (0, 1)} == {after["variant/adam"].info.run_id}
    client = MlflowClient(uri)
    assert client.get_run(before["replicate/adam/0"].info.run_id).info.lifecycle_stage == "deleted"


def test_a_half_logged_run_is_replaced(uri, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "set_terminated", _interrupt)
        with pytest.raises(KeyboardInterrupt):
            mirror(uri, "6.1-mnist", [replace(entry(0), parent=None)])
    assert runs(uri)["replicate/adam/0"].info.status == "RUNNING"
    assert changes(uri, [parent(), entry(0)]) == {"kept": 0, "new": 1, "replaced": 1}
    assert runs(uri)["replicate/adam/0"].info.status == "FINISHED"
    assert len(runs(uri)) == 2


def test_a_run_whose_creation_was_not_answered_is_not_there_twice(uri, monkeypatch):
    create, answers = MlflowClient.create_run, iter([False])

    def create_silently(*arguments, **named):
        run = create(*arguments, **named)
        if next(answers, True):
            return run
        raise MlflowException("API request to the server failed with exception Read timed out")

    monkeypatch.setattr(MlflowClient, "create_run", create_silently)
    assert changes(uri, [parent(), entry(0)]) == {"kept": 0, "new": 2, "replaced": 0}
    assert list(answers) == []
    assert [run.info.status for run in every_run(uri)] == ["FINISHED"] * 2


def test_of_doubles_every_process_keeps_the_same(uri, monkeypatch):
    alone = replace(entry(0), parent=None)
    for _ in range(3):  # as three processes that do not see each other
        with monkeypatch.context() as patch:
            patch.setattr("chapter6.tracking.mirror._runs_by_slot", lambda *_: defaultdict(list))
            mirror(uri, "6.1-mnist", [alone, parent()])
    ids = [run.info.run_id for run in every_run(uri) if run.data.tags[SLOT] == alone.slot]
    assert len(ids) == 3
    assert changes(uri, [alone]) == {"kept": 1, "new": 0, "replaced": 0}
    assert runs(uri)[alone.slot].info.run_id == min(ids)
    assert len(every_run(uri)) == 1 + 3  # nothing was said about the parent's slot
    assert changes(uri, [parent(), entry(0)])["kept"] == 2
    assert len(every_run(uri)) == 2


def every_run(uri):
    client = MlflowClient(uri)
    return client.search_runs([client.get_experiment_by_name("6.1-mnist").experiment_id])


def _interrupt(*_):
    raise KeyboardInterrupt


def test_tags_are_kept_up_to_date_and_origins_are_not(uri):
    mirror(uri, "6.1-mnist", [parent(), entry(0)])
    later = {"tags": {"claims": "C03"}, "origin": {"mlflow.source.git.commit": "decaf"}}
    assert changes(uri, [parent(), entry(0, **later)])["kept"] == 2
    tags = runs(uri)["replicate/adam/0"].data.tags
    assert (tags["claims"], tags["mlflow.source.git.commit"]) == ("C03", "c0ffee")


def test_runs_that_are_not_planned_or_not_ours_are_left_alone(uri):
    mirror(uri, "6.1-mnist", [parent(), entry(0), entry(1)])
    client = MlflowClient(uri)
    own = client.create_run(client.get_experiment_by_name("6.1-mnist").experiment_id)
    mirror(uri, "6.1-mnist", [parent(), entry(0)])
    assert client.get_run(own.info.run_id).info.lifecycle_stage == "active"
    client.delete_run(own.info.run_id)
    assert set(runs(uri)) == {"variant/adam", "replicate/adam/0", "replicate/adam/1"}


def test_more_than_one_batch_of_metrics_and_params(uri):
    steps = np.arange(400)
    content = Content({f"p{n}": n for n in range(250)}, {f"m/{n}": (steps, steps * 1.0) for n in range(6)})
    mirror(uri, "6.1-mnist", [replace(entry(0, load=lambda: content), parent=None)])
    run, client = runs(uri)["replicate/adam/0"], MlflowClient(uri)
    assert len(run.data.params) == 250
    assert [len(client.get_metric_history(run.info.run_id, f"m/{n}")) for n in range(6)] == [400] * 6


def test_names_that_mlflow_refuses(uri):
    content = Content({"a+b": 1}, {"loss+": (np.array([0]), np.array([1.0]))})
    odd = replace(entry(0, load=lambda: content, tags={"claim.C+": "supported"}), parent=None)
    mirror(uri, "6.1-mnist", [odd])
    assert changes(uri, [odd])["kept"] == 1
    data = runs(uri)["replicate/adam/0"].data
    assert (data.params, data.metrics) == ({"a_b": "1"}, {"loss_": 1.0})
    assert data.tags["claim.C_"] == "supported"


def test_more_than_one_page_of_runs(uri, monkeypatch):
    monkeypatch.setattr("chapter6.tracking.mirror.RUNS_PER_PAGE", 2)
    entries = [parent(), *(entry(number) for number in range(4))]
    mirror(uri, "6.1-mnist", entries)
    assert changes(uri, entries)["kept"] == 5


def test_the_store_is_the_same_until_it_is_another(uri):
    first = create_store(uri, ["6.1-mnist"], Path("mlartifacts"))
    assert create_store(uri, ["6.1-mnist", "6.2-mnist"], Path("mlartifacts")) == first
    mirror(uri, "6.1-mnist", [parent(), entry(0)])
    Path("mlflow.db").unlink()
    uri = uri.replace("mlflow.db", "./mlflow.db")  # another process would open it anew
    assert create_store(uri, ["6.1-mnist", "6.2-mnist"], Path("mlartifacts")) != first
    assert changes(uri, [parent(), entry(0)]) == {"kept": 0, "new": 2, "replaced": 0}
    assert sorted(file.name for file in Path().iterdir()) == ["curves-0.npz", "mlartifacts", "mlflow.db"]


def test_a_deleted_experiment_comes_back_with_its_runs(uri):
    mirror(uri, "6.1-mnist", [parent(), entry(0)])
    client = MlflowClient(uri)
    client.delete_experiment(client.get_experiment_by_name("6.1-mnist").experiment_id)
    with pytest.raises(StudyError, match="`chapter6 store` creates it"):
        mirror(uri, "6.1-mnist", [parent()])
    create_store(uri, ["6.1-mnist"], Path("mlartifacts"))
    assert changes(uri, [parent(), entry(0)])["kept"] == 2


def test_a_killed_creation_leaves_no_database(tmp_path, monkeypatch):
    monkeypatch.setattr(stores, "_furnish", _interrupt)
    with pytest.raises(KeyboardInterrupt):
        create_store(f"sqlite:///{tmp_path}/mlflow.db", ["6.1-mnist"], tmp_path / "mlartifacts")
    assert list(tmp_path.iterdir()) == []


COMMANDS = {
    "store": lambda uri: create_store(uri, ["6.1-mnist"], Path("mlartifacts")),
    "track": lambda uri: mirror(uri, "6.1-mnist", [parent()]),
}
DAMAGES = {
    "garbage": lambda _: b"no database at all " * 1000,
    "truncated": lambda content: content[: len(content) // 2],
    "zeros": lambda content: content[:8192] + bytes(len(content) - 8192),
    "empty": lambda _: b"",
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_a_damaged_database_is_named_with_the_way_out(uri, damage, command):
    file = Path("mlflow.db")
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(StudyError, match=r"mlflow\.db: .*: delete .*/mlflow\.db and rebuild it with"):
        command(uri)


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_a_database_of_another_version_is_named_with_the_way_out(uri, command):
    with closing(sqlite3.connect("mlflow.db")) as database, database:
        database.execute("UPDATE alembic_version SET version_num = 'future'")
    with pytest.raises(StudyError, match=r"out-of-date database schema.*: delete .*/mlflow\.db"):
        command(uri)


def test_a_project_that_was_moved_does_not_write_to_its_old_place(uri, tmp_path, monkeypatch):
    (tmp_path / "copy").mkdir()
    shutil.copy("mlflow.db", tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    uri = f"sqlite:///{tmp_path}/copy/mlflow.db"
    for command in COMMANDS.values():
        with pytest.raises(StudyError, match="belongs to a project in another place"):
            command(uri)


def test_no_database_and_no_experiment(uri):
    with pytest.raises(StudyError, match="no experiment '7-other'; `chapter6 store` creates it"):
        mirror(uri, "7-other", [])
    with pytest.raises(StudyError, match="no such database; `chapter6 store` creates it"):
        mirror(uri.replace("mlflow.db", "other.db"), "6.1-mnist", [])
    assert not Path("other.db").exists()


def test_a_lock_is_waited_for(uri):
    holder = subprocess.Popen(
        [sys.executable, "-c", "import sqlite3, time; c = sqlite3.connect('mlflow.db', isolation_level=None);"
         "c.execute('BEGIN EXCLUSIVE'); print(flush=True); time.sleep(2); c.execute('COMMIT')"],
        stdout=subprocess.PIPE,
    )  # fmt: skip
    with holder:
        holder.stdout.readline()
        begin = time.monotonic()
        assert changes(uri, [parent(), entry(0)])["new"] == 2
        assert time.monotonic() - begin > 1


def test_a_lock_is_not_waited_for_for_ever(uri, monkeypatch):
    monkeypatch.setattr(stores, "PATIENCE", 0.5)
    with closing(sqlite3.connect("mlflow.db", isolation_level=None)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StudyError, match=r"mlflow\.db: database is locked\. Another process has held it"):
            mirror(uri, "6.1-mnist", [parent()])


def test_patience_ends_and_is_for_locks_only(monkeypatch):
    monkeypatch.setattr(stores, "PATIENCE", 0.3)
    errors = iter([MlflowException("(sqlite3.OperationalError) database is locked"), None])

    def call():
        if error := next(errors):
            raise error
        return "done"

    assert patiently(call) == "done"
    for message, calls in (("database is locked", range(2, 9)), ("disk full", [1])):
        errors = iter([MlflowException(message)] * 9)
        with pytest.raises(MlflowException):
            patiently(call)
        assert 9 - len(list(errors)) in calls


def test_a_server_that_is_away_is_named_with_the_reason(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        uri = f"http://127.0.0.1:{closed.getsockname()[1]}"
    monkeypatch.setattr(stores, "PATIENCE", 0)
    message = rf"^{uri}: no answer of use from the server \(Connection refused\)\. What is missing"
    with pytest.raises(StudyError, match=message):
        mirror(uri, "6.1-mnist", [parent()])


@pytest.mark.parametrize(("code", "again"), [("INTERNAL_ERROR", True), ("PERMISSION_DENIED", False)])
def test_a_server_that_may_come_back_is_asked_again(code, again):
    silence = MlflowException("API request to the server failed", ErrorCode.Value(code))
    answers = iter([silence, silence, None])

    def call():
        if error := next(answers):
            raise error

    with nullcontext() if again else pytest.raises(MlflowException):
        patiently(call)
    assert len(list(answers)) == (0 if again else 2)


def test_an_experiment_that_another_process_creates_meanwhile(uri):
    client = MlflowClient(uri)
    stores._create(client, "6.1-mnist", None, {})
    with pytest.raises(MlflowException):
        stores._create(client, "", None, {})


def test_failures_name_the_place_and_never_the_password():
    place = r"postgresql://user:\*\*\*@host/db: away\. What is missing"
    with pytest.raises(StudyError, match=place), explaining("postgresql://user:secret@host/db"):
        raise MlflowException("away.\nDetails")
    with pytest.raises(StudyError, match="curves: No space left"), explaining("sqlite:///mlflow.db"):
        raise OSError(28, "No space left on device", "curves")


def test_addresses():
    assert sqlite_file("sqlite:///mlflow.db") == Path("mlflow.db")
    assert sqlite_file("sqlite:////data/mlflow.db") == Path("/data/mlflow.db")
    assert sqlite_file("http://127.0.0.1:5000") is None
    assert shown("sqlite:///mlflow.db") == "sqlite:///mlflow.db"


def test_two_processes_write_to_one_database(uri):
    script = (
        "import sys\nfrom datetime import UTC, datetime\nfrom chapter6.tracking.entries import Content, Entry\n"
        "from chapter6.tracking.mirror import mirror\n"
        "entries = [Entry(f'{sys.argv[1]}/{n}', 'x', 'k', datetime.now(UTC), 1, Content) for n in range(20)]\n"
        f"print(mirror('{uri}', '6.1-mnist', entries).changes['new'])"
    )
    command = [sys.executable, "-c", script]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen([*command, name], **pipes) for name in ("a", "b")]
    assert [process.communicate(timeout=120) for process in processes] == [("20\n", "")] * 2
    assert len(runs(uri)) == 40


def test_mlflow_is_quiet(uri, capfd, caplog):
    with caplog.at_level(logging.INFO):
        mirror(uri, "6.1-mnist", [parent(), entry(0)])
        open_client(uri)
    assert capfd.readouterr() == ("", "")
    assert caplog.records == []

"""One function reads a run, and believes no file that is not its own: each is refused by name."""

import contextlib
import json
from dataclasses import replace
from hashlib import sha256

import numpy as np
import pytest

from chapter6.engine.training import Curve
from chapter6.files import write_json
from chapter6.registry import plain
from chapter6.study.code import training_digest
from chapter6.study.loading import load_study
from chapter6.study.results import (
    Conditions,
    Folder,
    RunRecord,
    UnreadableError,
    identity,
    read_record,
    read_run,
    write_curves,
)

CURVES = {("batch", "loss"): Curve([0, 1], [2.0, np.nan]), ("test", "accuracy"): Curve([20], [0.5])}
UNDER = Conditions(6, "data-digest")


@pytest.fixture
def study(project):
    return load_study(root=project())


@pytest.fixture
def trained(study, tmp_path):
    """Write the files of a replicate; changes are fields of the record, the key being made to fit them."""
    experiment = study.experiments["9.9-demo"]

    def write(variant="fast", replicate=1, content=None, **changes):
        planned = experiment.run(experiment.variants[variant], replicate)
        curves, record = (tmp_path / file for file in planned.files)
        curves.parent.mkdir(parents=True, exist_ok=True)
        run = planned.variant.run
        fields = {
            "experiment": "9.9-demo",
            "variant": variant,
            "replicate": replicate,
            "seed": 6,
            "run": run,
            "outcome": "finished",
            "steps": 20,
            "curves": write_curves(curves, content or CURVES),
            "data": "data-digest",
            "sources": training_digest(run),
            "started": "2026-01-01T00:00:00+00:00",
            "seconds": 0.5,
            "environment": {"numpy": "2"},
        } | changes
        made_of = [fields[name] for name in ("run", "seed", "replicate", "data", "sources")]
        fields.setdefault("key", identity(*made_of))
        write_json(record, plain(fields))
        return planned, record, curves

    return write


def files_of(tmp_path, planned):
    return Folder({name: tmp_path / name for name in planned.files})


def read(tmp_path, planned, under=UNDER):
    return read_run(files_of(tmp_path, planned), planned, planned.variant.run, under)


def test_a_run_s_own_files_are_read(trained, tmp_path):
    planned, record_file, _ = trained()
    record, curves = read(tmp_path, planned)
    assert isinstance(record, RunRecord)
    assert plain(record) == {"weights": None, "started_from": None, **json.loads(record_file.read_text())}
    assert (record.run, (record.end - record.start).total_seconds()) == (planned.variant.run, 0.5)
    assert curves.keys() == CURVES.keys()
    steps, values = curves["batch", "loss"]
    assert (steps.tolist(), values[0], np.isnan(values[1])) == ([0, 1], 2.0, True)
    assert read_record(files_of(tmp_path, planned), planned, planned.variant.run, UNDER) == record


def test_of_what_is_not_at_hand_a_record_s_own_word_is_taken(trained, tmp_path):
    planned, *_ = trained(data="other", sources="other")
    assert read(tmp_path, planned, Conditions(6, None, None))[0].sources == "other"


def refused(tmp_path, planned, under=UNDER):
    with pytest.raises(UnreadableError) as error:
        read(tmp_path, planned, under)
    assert error.value.file in planned.files
    assert str(error.value).startswith(f"{error.value.file}: ")
    return error.value


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"variant": "slow"}, "it is the record of variant 'slow', and 'fast' is planned"),
        ({"replicate": 0}, "it is the record of replicate 0, and 1 is planned"),
    ],
)
def test_the_files_of_another_are_refused(trained, tmp_path, other, words):
    planned, record, curves = trained()
    _, other_record, other_curves = trained(**other)
    record.write_bytes(other_record.read_bytes())
    curves.write_bytes(other_curves.read_bytes())
    error = refused(tmp_path, planned)
    assert (error.file, str(error)) == (planned.files[1], f"{planned.files[1]}: {words}")


def test_the_curves_of_another_are_refused(trained, tmp_path):
    planned, _, curves = trained()
    _, _, other = trained(replicate=0, content={("batch", "loss"): Curve([0], [9.0])})
    curves.write_bytes(other.read_bytes())
    error = refused(tmp_path, planned)
    assert error.file == planned.files[1]
    assert planned.files[0] in str(error)
    assert "not the curves that its record describes" in str(error)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"experiment": "9.9-other"}, "experiment '9.9-other'"),
        ({"seed": 7}, "seed 7, and 6 is planned"),
        ({"data": "another"}, "other data"),
        ({"data": None}, "other data"),
        ({"sources": "another"}, "other code"),
        ({"key": "0" * 64}, "another run"),
    ],
    ids=lambda value: str(next(iter(value.items()))) if isinstance(value, dict) else "",
)
def test_a_record_made_under_other_conditions_is_refused(trained, tmp_path, changes, words):
    planned, *_ = trained(**changes)
    error = refused(tmp_path, planned)
    assert error.file == planned.files[1]
    assert f"it is the record of {words}" in str(error)


def test_a_record_of_other_settings_is_refused(trained, tmp_path):
    planned, *_ = trained()
    planned, *_ = trained(run=planned.variant.run.changed("optimizer.learning_rate", 0.2))
    assert "it is the record of other settings" in str(refused(tmp_path, planned))


def test_other_conditions_now_refuse_a_record_of_before(trained, tmp_path):
    planned, *_ = trained()
    for under, words in (
        (Conditions(7, "data-digest"), "seed 6, and 7 is planned"),
        (Conditions(6, "new data"), "other data"),
        (replace(UNDER, sources=lambda _: "new code"), "other code"),
    ):
        assert words in str(refused(tmp_path, planned, under))


HARM = {
    "truncated": lambda content: content[:-7],
    "cut in half": lambda content: content[: len(content) // 2],
    "flipped": lambda content: content[:40] + bytes([content[40] ^ 1]) + content[41:],
    "empty": lambda _: b"",
    "binary": lambda _: b"\xff\xfe\x00" * 9,
    "missing": lambda _: None,
}


@pytest.mark.parametrize("which", ["curves", "record"])
@pytest.mark.parametrize("harm", HARM)
def test_damage_is_refused(trained, tmp_path, which, harm):
    planned, record, curves = trained()
    path = curves if which == "curves" else record
    content = HARM[harm](path.read_bytes())
    path.unlink() if content is None else path.write_bytes(content)
    error = refused(tmp_path, planned)
    assert error.file == planned.files[1]
    if which == "curves":
        assert planned.files[0] in str(error)


@pytest.mark.parametrize("position", range(0, 900, 75))
def test_a_record_in_which_a_byte_is_flipped_is_refused_or_equal_in_all_that_counts(trained, tmp_path, position):
    planned, record, _ = trained()
    whole, content = read(tmp_path, planned)[0], bytearray(record.read_bytes())
    content[min(position, len(content) - 1)] ^= 1
    record.write_bytes(content)
    with contextlib.suppress(UnreadableError):
        found = read(tmp_path, planned)[0]
        counts = ("key", "experiment", "variant", "replicate", "seed", "run", "curves", "data", "sources")
        assert [getattr(found, name) for name in counts] == [getattr(whole, name) for name in counts]


@pytest.mark.parametrize("content", ["[]", "3", "null", "{}", '{"key": "x"}'])
def test_what_is_no_record_is_refused(trained, tmp_path, content):
    planned, record, _ = trained()
    record.write_text(content)
    assert refused(tmp_path, planned).file == planned.files[1]


def test_a_field_too_many_or_too_few_is_refused(trained, tmp_path):
    planned, record, _ = trained()
    plain_record = json.loads(record.read_text())
    record.write_text(json.dumps(plain_record | {"more": 1}))
    assert "unknown field 'more'" in str(refused(tmp_path, planned))
    del plain_record["seconds"]
    record.write_text(json.dumps(plain_record))
    assert "seconds" in str(refused(tmp_path, planned))


def test_packed_curves_are_refused(trained, tmp_path):
    """They may unpack without bound."""
    planned, record, curves = trained()
    np.savez_compressed(curves, **{"step:batch/loss": np.zeros(9), "value:batch/loss": np.zeros(9)})
    digest = sha256(curves.read_bytes()).hexdigest()
    record.write_text(json.dumps(json.loads(record.read_text()) | {"curves": digest}))
    assert "packed" in str(refused(tmp_path, planned))

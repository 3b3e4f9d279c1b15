"""Tuning, the rounds of a search and its choice, on a small noise-free problem made of the test extract."""

import gzip
import re
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from chapter6.cli import main
from chapter6.data.sets import AXES, MNIST
from chapter6.data.storage import store
from chapter6.engine.measurements.losses import Evaluation
from chapter6.engine.run import Record, Schedule
from chapter6.engine.transforms import MeanImage
from chapter6.files import read_json, write_json
from chapter6.jobs import tune
from chapter6.jobs.search import files_of
from chapter6.search.searches import Replay, Search
from chapter6.search.spaces import Dimension
from chapter6.search.stopping import Halving
from chapter6.search.strategies import Narrowing, Random
from chapter6.study.code import search_digest, training_digest, tuning_digest
from chapter6.study.orders import SearchOrder, TuningOrder, write_order
from chapter6.study.paths import curves_file
from chapter6.study.resolution import resolve
from chapter6.study.scores import Judged
from chapter6.study.searches import read_rounds, read_trial_curves
from chapter6.study.taken import Taken
from chapter6.study.tunings import TUNING_SEED, Coarse, Knob, Phase, Procedure

EXTRACT = Path(__file__).parents[1] / "extract"
SETTINGS = {
    "data": {"examples": 200, "validation": 0.5},
    "network": {"hidden": [10], "activation": "relu", "initializer": "he"},
    "optimizer": {"kind": "sgd", "learning_rate": 0.1},
    "steps": 21,
    "batch_size": 20,
    "record": [
        {
            "measure": {"kind": "evaluation", "splits": ["train", "validation"]},
            "at": {"first": 1, "every": 5, "last": 21},
        }
    ],
}
RUN = resolve(SETTINGS, "here").run.within(1000)
RATE = "stages.main.optimizer.learning_rate"
SEARCH = Search(
    Narrowing(stages=2, keep=2),
    None,
    space={RATE: Dimension(low=1e-4, high=1.0, scale="log")},
    trials=6,
    metric="accuracy",
    retrains=2,
)
END = Record(Evaluation(splits=("validation",)), (Schedule(21, 1, 21),))
WATCHED = Taken(replace(RUN, record=(END,)))
TUNING = TuningOrder(
    "9.9-small",
    "net",
    6,
    Procedure(
        Knob(RATE, 0.03, -9, 9),
        None,
        {"tuned": Judged("loss", "validation"), "tuned-accuracy": Judged("accuracy", "test")},
        {"coarse": Coarse(), "fine": Phase(seeds=2)},
        0.2,
    ),
    {"coarse": WATCHED, "fine": WATCHED},
    training_digest(RUN),
    tuning_digest(),
)
HALVED = replace(SEARCH, strategy=None, replay=Replay("narrowing", Halving(rungs=1)))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """The extract of MNIST as arrays."""
    folder = tmp_path_factory.mktemp("data")
    store(folder, {name: gzip.decompress((EXTRACT / f"{MNIST.files[name]}.gz").read_bytes()) for name in AXES})
    return folder


@pytest.fixture
def call(data, tmp_path):
    def command(name, output, *arguments, search=SEARCH, run=RUN, status=0):
        order = SearchOrder(6, 0, Taken(run), search, search_digest(run, search)) if name != "tune" else TUNING
        told = ["--order", write_order(f"{tmp_path}/orders/{name}-{output}", order)]
        told += ["--data", str(data), "--output", str(tmp_path / output)]
        assert main([name, *told, *map(str, arguments)]) == status
        return tmp_path / output

    return command


@pytest.fixture
def rounds(call):
    first = call("search", "round-1.json")
    return [first, call("search", "round-2.json", "--before", first)]


def names(rounds):
    return [str(file) for file in rounds]


def trials_of(rounds):
    return read_rounds(files_of(names(rounds)), names(rounds))


def test_a_round_sees_the_rounds_before_and_leaves_them_alone(rounds):
    trials = trials_of(rounds)
    assert [(trial.number, trial.round) for trial in trials] == [(0, 1), (1, 1), (2, 1), (3, 2), (4, 2), (5, 2)]
    best = sorted(trials[:3], key=lambda trial: -trial.score)[:2]
    low, high = sorted(trial.point[0] for trial in best)
    assert all(low <= trial.point[0] <= high for trial in trials[3:])


def test_a_round_trained_again_gives_the_same_bytes(call, rounds):
    again = call("search", "again.json", "--before", rounds[0])
    assert again.read_bytes() == rounds[1].read_bytes()


def test_the_score_is_the_last_validation_accuracy_of_the_trials_curve(rounds):
    curves = read_trial_curves(files_of(names(rounds)), names(rounds))
    for trial in trials_of(rounds):
        steps, values = curves[trial.number]["validation", "accuracy"]
        assert (trial.score, steps[-1]) == (values[-1], 21)
    assert Path(curves_file(str(rounds[0]))).exists()


def test_the_best_point_is_chosen_and_judged_on_the_test_data(call, rounds):
    chosen = read_json(call("choose", "chosen.json", "--rounds", *rounds))
    trials = trials_of(rounds)
    assert chosen["score"] == max(trial.score for trial in trials)
    assert 0.1 < chosen["test"]["accuracy"] <= 1
    assert chosen["stopped"] == {}


@pytest.mark.parametrize(
    ("position", "edges"),
    [(0.0, "lower"), (0.099, "lower"), (0.1, None), (0.5, None), (0.9, None), (0.901, "upper"), (1.0, "upper")],
)
def test_a_best_point_at_an_end_of_the_range_is_told(call, rounds, tmp_path, caplog, position, edges):
    """The first and the last tenth of the exponents."""
    record = read_json(rounds[0])
    best = max(record["trials"], key=lambda trial: trial["score"])
    best["point"], best["score"] = [position], 2.0
    write_json(tmp_path / "moved.json", record)
    chosen = read_json(call("choose", "chosen.json", "--rounds", tmp_path / "moved.json"))
    assert chosen["edges"] == ([[RATE, edges]] if edges else [])
    assert ("the optimum may lie outside" in caplog.text) == bool(edges)


def test_a_replay_stops_trials_and_chooses_among_the_survivors(call, rounds):
    chosen = read_json(call("choose", "chosen.json", "--rounds", *rounds, search=HALVED))
    assert len(chosen["stopped"]) == 3
    assert set(chosen["stopped"].values()) == {6}  # two of five looks, after updates 1 and 6
    assert str(chosen["trial"]) not in chosen["stopped"]


def test_tuning_takes_the_best_median_of_each_quantity(call):
    tuned = read_json(call("tune", "tuned.json"))
    fine = [each for each in tuned["candidates"] if each["phase"] == "fine"]
    losses = {each["values"][0]: np.median(each["scores"]["tuned"]) for each in fine}
    hits = {each["values"][0]: np.median(each["scores"]["tuned-accuracy"]) for each in fine}
    choices = tuned["choices"]
    assert losses[choices["tuned"]["value"]] <= min(losses.values())
    assert hits[choices["tuned-accuracy"]["value"]] == max(hits.values())
    assert choices["tuned"]["value"] > 0.01
    assert not choices["tuned"]["at_edge"]
    assert all(choice["learned"] for choice in choices.values())
    assert tuned["updates"] == 21 * 2 * len(tuned["candidates"])


def test_a_tuning_that_was_killed_goes_on_and_comes_to_the_same_bytes(call, monkeypatch):
    whole = call("tune", "whole.json")
    trained, count = tune.Trainer.train, 0

    def killed(*arguments, **named):
        nonlocal count
        count += 1
        if count == 8:
            raise KeyboardInterrupt
        return trained(*arguments, **named)

    monkeypatch.setattr(tune.Trainer, "train", killed)
    call("tune", "again.json", status=130)
    folder = whole.parent / "again"
    kept = {file: file.stat().st_mtime_ns for file in folder.rglob("replicate-*")}
    assert len(kept) == 7 * 2
    assert not (whole.parent / "again.json").exists()
    monkeypatch.setattr(tune.Trainer, "train", trained)
    assert call("tune", "again.json").read_bytes() == whole.read_bytes()
    assert {file: file.stat().st_mtime_ns for file in kept} == kept
    (folder / "coarse-77.0").mkdir()
    assert call("tune", "again.json").read_bytes() == whole.read_bytes()
    assert not (folder / "coarse-77.0").exists()


def test_images_that_a_tuning_transforms_are_stored_while_it_runs(data, tmp_path, monkeypatch):
    """Each seed holds out others, which no other job does."""
    run = Taken(replace(WATCHED.run, data=replace(WATCHED.run.data, transforms=(MeanImage(),))))
    order = write_order(f"{tmp_path}/order", replace(TUNING, trained={"coarse": run, "fine": run}))
    cleared, seen = tune._Job.clear, []

    def clear(job):
        seen.extend(job.folder.glob("made/*/train.npy"))
        cleared(job)

    monkeypatch.setattr(tune._Job, "clear", clear)
    assert main(["tune", "--order", order, "--data", str(data), "--output", f"{tmp_path}/tuned.json"]) == 0
    assert len(seen) == 2
    assert not any(file.exists() for file in seen)
    assert not (data / "made").exists()


def test_a_tuning_counts_seconds_beside_its_result_and_not_in_it(call):
    tuned = call("tune", "tuned.json")
    records = [read_json(file) for file in sorted((tuned.parent / "tuned").rglob("replicate-*.json"))]
    assert {record["replicate"] for record in records} == {TUNING_SEED, TUNING_SEED + 1}
    assert sum(record["steps"] for record in records) == read_json(tuned)["updates"]
    assert all(record["seconds"] > 0 for record in records)
    assert "seconds" not in tuned.read_text()


def test_an_equal_round_is_trained_once(call, tmp_path, caplog):
    """The second search is the first under another name; one of other points before it is not."""
    caplog.set_level("INFO")
    known = ["--known", str(tmp_path / "known")]
    first = [call("search", "a/round-1.json", *known)]
    first.append(call("search", "a/round-2.json", *known, "--before", first[0]))
    second = [call("search", "b/round-1.json", *known)]
    second.append(call("search", "b/round-2.json", *known, "--before", second[0]))
    assert [line for line in caplog.messages if " is that of " in line] == [
        f"the round is that of {file}" for file in first
    ]
    for one, two in zip(first, second, strict=True):
        for name in (str, curves_file):
            assert Path(name(str(one))).read_bytes() == Path(name(str(two))).read_bytes()
    caplog.clear()
    record = read_json(first[0])
    record["trials"][0]["score"] = 0.5
    write_json(tmp_path / "c/round-1.json", record)
    call("search", "c/round-2.json", *known, "--before", tmp_path / "c/round-1.json")
    call("search", "d/round-1.json", *known, search=replace(SEARCH, trials=8))
    assert not [line for line in caplog.messages if " is that of " in line]


def test_a_short_search_shares_the_first_rounds_of_a_long_one(call, tmp_path, caplog):
    """Whatever differs only at the end of a search, its number of trials or retrainings, changes no round."""
    caplog.set_level("INFO")
    known = ["--known", str(tmp_path / "known")]
    long = replace(SEARCH, strategy=Random(batch=3), trials=9)
    first = call("search", "long/round-1.json", *known, search=long)
    second = call("search", "long/round-2.json", *known, "--before", first, search=long)
    short = replace(long, trials=6, retrains=1)
    call("search", "short/round-1.json", *known, search=short)
    call("search", "short/round-2.json", *known, "--before", tmp_path / "short/round-1.json", search=short)
    assert [line for line in caplog.messages if " is that of " in line] == [
        f"the round is that of {file}" for file in (first, second)
    ]
    caplog.clear()
    call("search", "shorter/round-1.json", *known, search=replace(long, trials=2))
    call("search", "judged/round-1.json", *known, search=replace(long, metric="loss"))
    call("search", "equal/round-1.json", *known, search=replace(long, equal="images"))
    call("search", "wider/round-1.json", *known, search=replace(long, space={RATE: Dimension(1e-5, 1.0)}))
    assert not [line for line in caplog.messages if " is that of " in line]


@pytest.mark.parametrize(("equal", "updates"), [("updates", 21), ("images", 42)])
def test_a_trial_of_another_batch_size_has_as_many_updates_or_images(call, equal, updates):
    """Half of the base's batch: twice as many updates are as many images, and the score is that of the last one."""
    search = replace(SEARCH, strategy=Random(), space={"stages.main.batch_size": Dimension(9.9, 10.1, whole=True)})
    record = call("search", "sized.json", search=replace(search, equal=equal))
    curves = read_trial_curves(files_of([str(record)]), [str(record)])
    for trial in trials_of([record]):
        steps, values = curves[trial.number]["validation", "accuracy"]
        assert (trial.values["stages.main.batch_size"], trial.steps) == (10, updates)
        assert (steps[-1], values[-1]) == (updates, trial.score)
        assert steps[0] == 1
    call("choose", "chosen.json", "--rounds", record, search=replace(search, equal=equal))


def edited(rounds, folder, change):
    """Copies of the rounds' records, changed, with their curves beside them."""
    files = []
    for file in rounds:
        record = read_json(file)
        change(record)
        files.append(folder / Path(file).name)
        write_json(files[-1], record)
        Path(curves_file(str(files[-1]))).write_bytes(Path(curves_file(str(file))).read_bytes())
    return files


@pytest.mark.parametrize(("metric", "score"), [("accuracy", 1 / 3), ("loss", -np.log(3))])
def test_a_trial_that_diverged_scores_as_guessing_among_its_classes_does(call, metric, score):
    run = resolve(SETTINGS | {"data": {"classes": [4, 5, 6], "per_class": 20, "validation": 0.5}}, "here").run
    search = replace(SEARCH, space={RATE: Dimension(1e30, 1e32)}, metric=metric)
    record = read_json(call("search", "wild.json", search=search, run=run.within(1000)))
    assert [(trial["outcome"], trial["score"]) for trial in record["trials"]] == [("diverged", score)] * 3


def test_a_trial_that_finished_is_rather_chosen_than_one_that_diverged(call, rounds, tmp_path):
    """With the loss as score, a diverged trial's -log 10 may be above what others reached."""

    def change(record):
        for trial in record["trials"]:
            trial["score"] = -5.0 - trial["number"]
            if trial["number"] == 3:
                trial["outcome"], trial["score"] = "diverged", -2.3

    files = edited(rounds, tmp_path / "edited", change)
    assert read_json(call("choose", "chosen.json", "--rounds", *files))["trial"] == 0


def test_a_trial_that_diverged_before_its_first_recording_does_not_stop_a_replay(call, rounds, tmp_path):
    (tmp_path / "edited").mkdir()
    files = edited(rounds, tmp_path / "edited", dict)
    with np.load(curves_file(str(files[0]))) as arrays:
        kept = {name: arrays[name] for name in arrays.files if not name.startswith(("step:0/", "value:0/"))}
        assert len(kept) < len(arrays.files)
    np.savez(curves_file(str(files[0])), **kept)
    digest = sha256(Path(curves_file(str(files[0]))).read_bytes()).hexdigest()
    write_json(files[0], read_json(files[0]) | {"curves": digest})
    chosen = read_json(call("choose", "chosen.json", "--rounds", *files, search=HALVED))
    assert "0" in chosen["stopped"]


@pytest.mark.parametrize("content", [None, "", '{"trials": [', '{"round": 1}', '{"trials": [{"number": 0}]}', "[]"])
def test_a_damaged_round_is_named_with_what_makes_it_again(call, tmp_path, capsys, caplog, content):
    damaged = tmp_path / "round-1.json"
    if content is not None:
        damaged.write_text(content)
    for command, told in (("search", "--before"), ("choose", "--rounds")):
        with caplog.at_level("CRITICAL"):
            call(command, "out.json", told, damaged, status=1)
        said = capsys.readouterr().err
        assert re.search(
            rf"{damaged}: not the record of a round .*; `.*--forcerun {damaged}` makes it again$", said, re.M
        )

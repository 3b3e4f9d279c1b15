"""The measuring tools at tiny settings: what they compare, refuse and write. No timing decides anything here."""

import gzip
import json
import os
import subprocess
import sys
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from bench import growth, processes, scale
from bench.__main__ import main
from bench.candidates import FRAMEWORKS
from bench.candidates.book import Candidate as Book
from bench.candidates.engine import Candidate as Engine
from bench.candidates.floor import Candidate as Floor
from bench.processes import ROOT, BenchError, side_by_side
from bench.rounds import PROOF, Measured, Plan, compare, compare_means, measure
from bench.startup import _resident, memory
from bench.summaries import TARGETS, Target, fastest, interval_of_median, judge, ratio
from bench.tables import markdown, write_between
from bench.work import BATCH, TASKS, WIDTHS, read_data, seen
from bench.worker import RETAKES, WARM, Worker, most_updates
from chapter6.data.storage import store

QUIET = [].append  # takes the messages
MARKED = "before\n<!-- bench -->\nold\n<!-- /bench -->\nafter\n"
PLAIN = ("sgd", "momentum", "adam")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """The extract of MNIST as the arrays that jobs map."""
    folder = tmp_path_factory.mktemp("mnist")
    extract = ROOT / "tests/extract"
    names = {"train-images": "train", "train-labels": "train", "test-images": "t10k", "test-labels": "t10k"}
    files = {}
    for name, prefix in names.items():
        part = name.split("-")[1]
        file = extract / f"{prefix}-{part}-idx{3 if part == 'images' else 1}-ubyte.gz"
        files[name] = gzip.decompress(file.read_bytes())
    store(folder, files)
    return str(folder)


@pytest.fixture(scope="module")
def quick(data, tmp_path_factory):
    """A run of all that needs no framework: output, result, page."""
    folder = tmp_path_factory.mktemp("quick")
    page, output = folder / "page.md", folder / "bench.json"
    page.write_text(MARKED)
    sizes = ["--rounds", "2", "--restarts", "2", "--updates", "3", "--data", data]
    command = [
        "-m",
        "bench",
        "--only",
        "floor,engine,textbook,jobs",
        *sizes,
        "--page",
        str(page),
        "--output",
        str(output),
    ]
    done = subprocess.run(
        [sys.executable, *command],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "tests"), str(ROOT / "src")])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, json.loads(output.read_text()), page.read_text()


def test_every_task_of_every_candidate_has_a_figure_or_a_reason(quick):
    result = quick[1]
    told = {(row["task"], row["candidate"]) for row in [*result["figures"], *result["refused"]]}
    assert told == {(task, candidate) for task in TASKS for candidate in ("floor", "engine", "textbook")}
    for row in result["figures"]:
        assert row["rounds"] == 4
        assert len(row["of_restarts"]) == 2
        assert 0 < row["low_quartile"] <= row["median"] <= row["high_quartile"]
        assert row["to_engine"]["low"] <= row["to_engine"]["ratio"] <= row["to_engine"]["high"]


def test_the_engine_is_compared_with_itself_at_exactly_one(quick):
    found = [row["to_engine"]["ratio"] for row in quick[1]["figures"] if row["candidate"] == "engine"]
    assert found == [1.0] * len(TASKS)


def test_the_textbook_proves_that_it_computes_the_same(quick):
    deviations = {row["task"]: row["deviation"] for row in quick[1]["figures"] if row["candidate"] == "textbook"}
    assert set(deviations) == {*PLAIN, "evaluation"}
    assert all(0 <= deviation <= 1e-4 for deviation in deviations.values())


def test_targets_are_judged_where_both_sides_were_measured(quick):
    for target in quick[1]["targets"]:
        if {target["above"], target["below"]} <= {"floor", "engine", "textbook"}:
            good = (
                target["ratio"] <= target["limit"]
                if target["above"] == "engine"
                else target["ratio"] >= target["limit"]
            )
            assert target["verdict"] == ("reached" if good else "missed")
        else:
            assert target["verdict"] == "not measured"


def test_start_up_and_memory_of_a_job_are_measured(quick):
    jobs = quick[1]["jobs"]
    seconds = {name: jobs["start_up"][name]["median"] for name in ("no_update", "one_update", "to_first_update")}
    assert all(value > 0 for value in seconds.values())
    assert seconds["to_first_update"] < seconds["one_update"] + 0.01  # the record rounds to milliseconds
    assert jobs["start_up"]["verdict"] in ("reached", "missed")
    assert jobs["memory"]["beyond"] > 10  # Python and NumPy alone take more


def test_the_page_gets_the_printed_table_between_its_markers_and_no_other_change(quick):
    printed, _, page = quick
    assert page == f"before\n<!-- bench -->\n{printed}<!-- /bench -->\nafter\n"
    assert "| update, SGD |" in printed
    assert "engine / floor | at most 1.17 |" in printed
    assert "scipy-openblas's kernel" in printed


@pytest.mark.skipif(find_spec("torch") is not None, reason="PyTorch is installed beside the project")
def test_a_framework_that_is_not_installed_is_named_as_missing(data, monkeypatch):
    monkeypatch.setattr(processes, "PEERS_PYTHON", Path("nowhere"))
    plan = Plan(["engine", "torch-eager"], ["evaluation"], 1, 1, 1, data, None)
    measured = measure(plan, QUIET)
    assert measured.missing == {"torch-eager": "torch is not installed"}
    verdict = judge(Target("evaluation", "torch-eager", "engine", 1.5), measured)
    assert verdict["reason"] == "missing: torch is not installed"
    assert verdict["verdict"] == "not measured"


@pytest.mark.skipif(not processes.PEERS_PYTHON.exists(), reason="make bench-peers was not run")
@pytest.mark.parametrize("candidate", ["torch-eager", "jax"])
def test_a_framework_computes_what_the_engine_computes(data, candidate):
    tasks = ["adam", "batch-norm", "dropout", "cnn-14"]
    measured = measure(Plan(["engine", candidate], tasks, 1, 1, 3, data, None), QUIET)
    assert not measured.missing
    assert not measured.refused
    assert {entry[0] for entry in measured.proofs} == set(tasks)
    assert max(measured.proofs.values()) <= 1e-4


def test_the_engine_records_what_the_textbook_computes(data):
    for task in PLAIN:
        engine = Engine(data).session(task, "train", PROOF + 5, None)
        book = Book(data).session(task, "one pass", PROOF + 5, None)
        both = [*zip(engine.run(PROOF), book.run(PROOF), strict=True)]
        engine.timed(2)  # goes on where it stopped
        book.run(2)
        both += zip(engine.run(3), book.run(3), strict=True)
        assert all(one == pytest.approx(other, rel=1e-4) for one, other in both)


def test_an_engine_asked_for_more_updates_than_it_has_says_so(data):
    session = Engine(data).session("sgd", "train", 4, None)
    with pytest.raises(RuntimeError, match="before update 5"):
        session.run(5)


def test_the_floor_is_the_matrix_products_of_an_update(data):
    """Forward one product a layer, backward two but for the first layer; the loss after it needs one pass more."""
    weights = sum(a * b for a, b in pairwise(WIDTHS))
    first = WIDTHS[0] * WIDTHS[1]
    wanted = {"sgd": 3 * weights - first, "sgd-after": 4 * weights - first}
    for task, count in wanted.items():
        products = Floor(data).session(task, "products", 1, None)._products
        assert sum(left.shape[0] * left.shape[1] * right.shape[1] for left, right, _ in products) == BATCH * count


@pytest.mark.parametrize("side", [14, 28])
def test_the_floor_of_the_small_cnn_is_the_products_of_its_update(data, side):
    """Each weight of a convolution is used at every position, forward and twice back, but once for the first."""
    convolutions = [(9 * 8, side**2), (72 * 16, (side // 2) ** 2)]
    dense = 16 * (side // 4) ** 2 * 64 + 64 * 10
    wanted = sum(3 * weights * positions for weights, positions in convolutions) - 9 * 8 * side**2 + 3 * dense
    products = Floor(data).session(f"cnn-{side}", "products", 1, None)._products
    assert sum(left.shape[0] * left.shape[1] * right.shape[1] for left, right, _ in products) == 100 * wanted
    assert all(out.shape == (len(left), right.shape[1]) for left, right, out in products)


def test_smaller_images_have_every_second_pixel(data):
    images = read_data(data).train_images.reshape(-1, 28, 28)
    smaller = seen(TASKS["cnn-14"], read_data(data)).train_images
    np.testing.assert_array_equal(smaller.reshape(-1, 14, 14)[3], images[3, ::2, ::2])


def test_the_floor_multiplies(data):
    session = Floor(data).session("sgd", "products", 1, None)
    left, right, out = session._products[0]
    assert session.run(1) == []
    np.testing.assert_allclose(out, left @ right, rtol=1e-6)
    assert out.any()


def test_the_floor_of_an_evaluation_covers_all_images(data):
    products = Floor(data).session("evaluation", "products", 1, None)._products
    assert sum(len(left) for left, _, _ in products) == 300 * (len(WIDTHS) - 1)


@pytest.mark.parametrize("wrong", [[2.0, 1.001], [2.0, float("nan")], [2.0], [1.0, 2.0]])
def test_losses_that_differ_stop_the_bench(wrong):
    with pytest.raises(BenchError, match="sgd jax scan"):
        compare(TASKS["sgd"], ("sgd", "jax", "scan"), wrong, [2.0, 1.0])


def test_losses_that_agree_give_the_largest_deviation():
    found = compare(TASKS["sgd"], ("sgd", "jax", "scan"), [2.0, 1.00001], [2.0, 1.0])
    assert found == pytest.approx(1e-5)


def test_an_evaluation_must_agree_in_loss_and_accuracy():
    entry = ("evaluation", "jax", "")
    assert compare(TASKS["evaluation"], entry, [2.3, 0.1], [2.3, 0.1001]) == 0
    with pytest.raises(BenchError):
        compare(TASKS["evaluation"], entry, [2.3, 0.1], [2.3, 0.102])


def test_means_under_dropout_may_differ_by_little():
    compare_means(("dropout", "jax", ""), [1.0, 2.0], [2.03, 1.0])
    with pytest.raises(BenchError, match="mean loss"):
        compare_means(("dropout", "jax", ""), [1.0, 2.0], [2.2, 1.0])


def test_a_candidate_that_computes_something_else_stops_the_bench(data, monkeypatch, tmp_path):
    """The textbook with another learning rate, in the process that is really measured."""
    altered = (
        (ROOT / "tests/bench/candidates/book.py")
        .read_text()
        .replace("LEARNING_RATES[optimizer], **", "2 * LEARNING_RATES[optimizer], **")
    )
    (tmp_path / "altered.py").write_text(altered)
    start = (
        "import sys, altered; sys.modules['bench.candidates.book'] = altered; import bench.worker; bench.worker.main()"
    )
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH="$PYTHONPATH:{tmp_path}" exec {sys.executable} -c "{start}" "$3" "$4"\n')
    python.chmod(0o755)
    monkeypatch.setattr(
        processes, "python_of", lambda candidate: str(python) if candidate == "textbook" else sys.executable
    )
    with pytest.raises(BenchError, match="textbook one pass: does not compute what the engine computes"):
        measure(Plan(["engine", "textbook"], ["sgd"], 1, 1, 3, data, None), QUIET)


def test_a_process_that_dies_is_reported_with_its_last_words(data, monkeypatch):
    monkeypatch.setattr(processes, "python_of", {"engine": "/bin/false"}.get)
    with side_by_side(["engine"], data, None) as started, pytest.raises(BenchError, match="engine: the process ended"):
        started["engine"].ask("introduce")


def test_a_disturbed_block_is_taken_again_and_the_least_disturbed_counts():
    takes = iter([(2.0, 1.0), (9.0, 8.0), (1.0, 0.5)])

    class Disturbed:
        ran = 0

        def run(self, count):
            self.ran += count

        def timed(self, count):
            return next(takes)

    worker = Worker.__new__(Worker)
    worker._sessions = {("sgd", "x"): Disturbed()}
    assert worker.measure("sgd", "x", 5, RETAKES) == {"seconds": 9.0, "cpu": 8.0, "takes": 3}
    assert worker._sessions["sgd", "x"].ran == 3 * WARM
    assert most_updates(1, 5) == 3 * (WARM + 5)


def test_the_interval_of_a_median_lies_between_order_statistics():
    """Known ranks: 6 and 15 of 20 values (Conover, table A3); with 5 values no pair is enough."""
    assert interval_of_median(range(1, 21)) == (6, 15)
    assert interval_of_median(range(1, 7)) == (1, 6)
    assert interval_of_median([3, 1, 2, 5, 4]) == (1, 5)


def test_ratios_are_taken_within_rounds():
    """A round in which the machine was half as fast changes both sides and no ratio."""
    assert ratio([3.0, 6.0, 3.0], [2.0, 4.0, 2.0]) == {"ratio": 1.5, "low": 1.5, "high": 1.5}


def test_a_peer_stands_with_its_fastest_form():
    measured = Measured(micros={("sgd", "jax", "slow"): [9.0, 9.0], ("sgd", "jax", "fast"): [8.0, 10.0, 2.0]})
    assert fastest(measured, "sgd", "jax") == ("sgd", "jax", "fast")
    assert fastest(measured, "sgd", "torch-eager") is None


def test_targets_name_known_tasks_and_candidates():
    assert {target.task for target in TARGETS} <= set(TASKS)
    assert {name for target in TARGETS for name in (target.above, target.below)} == {"engine", "floor", *FRAMEWORKS}
    assert Target("sgd", "engine", "floor", 1.17).is_reached(1.17)
    assert not Target("sgd", "jax", "engine", 1.10).is_reached(1.09)


@pytest.mark.parametrize(
    "text", ["nothing", "<!-- bench -->", MARKED + MARKED, "<!-- /bench -->\n<!-- bench -->", "<!-- bench-scale -->"]
)
def test_a_page_without_the_two_markers_is_refused_before_anything_is_measured(tmp_path, text, capsys):
    page = tmp_path / "page.md"
    page.write_text(text)
    assert main(["--only", "floor", "--page", str(page)]) == 1
    assert "<!-- bench --> and <!-- /bench -->" in capsys.readouterr().err
    assert page.read_text() == text


def test_writing_the_same_table_again_changes_nothing(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(MARKED)
    write_between(page, "bench", "| a |")
    once = page.read_text()
    assert once == MARKED.replace("old", "| a |")
    write_between(page, "bench", "| a |")
    assert page.read_text() == once


def test_a_table_aligns_its_numbers():
    assert markdown(["a", "b"], [["x", "1"], ["y", "-"]]) == "| a | b |\n| --- | ---: |\n| x | 1 |\n| y | - |"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--only", "jx"], "--only: unknown 'jx'; choose from ['floor', 'engine'"),
        (["--tasks", "sgd,adm"], "--tasks: unknown 'adm'; choose from ['sgd'"),
        (["--only", "floor", "--rounds", "0"], "--rounds: must be 1 or more, not 0"),
        (["--only", "floor", "--rounds", "1", "--data", "nowhere"], "No complete data set in nowhere"),
    ],
)
def test_mistakes_are_named(options, message, capsys):
    assert main(options) == 1
    assert message in capsys.readouterr().err


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="this system has no /proc/PID/smaps")
def test_memory_beyond_the_data_leaves_out_the_mapped_pages(tmp_path):
    """Every page of a mapped file that was written through the map is resident, and so are those of an array."""
    size, folder = 16, tmp_path.resolve()
    before, maps = _resident(os.getpid(), str(folder / "data")), []
    for name in ("data", "data-2"):  # the second only looks like the data
        (folder / name).mkdir()
        maps.append(np.memmap(folder / name / "pages", np.uint8, "w+", shape=size * 2**20))
        maps[-1][:] = 1
    own = np.ones(size * 2**20, np.uint8)
    resident, mapped = _resident(os.getpid(), str(folder / "data"))
    assert before[1] == 0
    assert mapped == pytest.approx(size, abs=0.1)
    assert resident - before[0] == pytest.approx(3 * size, abs=size / 2)  # whatever else came or went meanwhile
    assert own.all()


def test_a_job_maps_no_more_than_the_data(data):
    found = memory(data, 20)
    images = sum(file.stat().st_size for file in Path(data).glob("*.npy")) / 2**20
    assert 0 <= found["mapped"] <= images + 0.1
    assert found["beyond"] > 10  # Python and NumPy alone take more


# --- Growth --------------------------------------------------------------------------------------------------


def test_growth_is_the_slope_between_logarithms():
    assert growth.exponent([10, 100, 1000], [2, 20, 200]) == pytest.approx(1)
    assert growth.exponent([10, 100], [1, 100]) == pytest.approx(2)


def test_a_study_is_divided_into_experiments():
    hundred, one = growth.SHAPES
    assert hundred.experiments(250) == [100, 100, 50]
    assert one.experiments(250) == [250]


@pytest.mark.workflow
def test_small_studies_are_planned_run_and_judged(tmp_path):
    page, output = tmp_path / "page.md", tmp_path / "scale.json"
    page.write_text(MARKED.replace("bench", "bench-scale"))
    sizes = ["--plan", "2", "4", "--run", "2", "--repeats", "1"]
    assert scale.main([*sizes, "--page", str(page), "--output", str(output)]) == 0
    result = json.loads(output.read_text())
    assert [(row["jobs"], row["all_jobs"]) for row in result["plans"]] == [(2, 10), (4, 12)] * 2
    (ran,) = result["runs"]
    assert ran["all_jobs"] == 2 + 7  # tabulate, judge, draw, track; store, collect, page
    assert ran["cpu"] > 0
    assert 0 < ran["tracking"] < ran["seconds"]
    assert ran["jobs_cpu"] > ran["training_job"] > 0
    assert ran["memory"] > 20
    assert {row["quantity"] for row in result["growth"]} == {"cpu", "loading", "memory"}
    assert result["targets"] == []  # the largest study was not planned
    assert "| 2 | experiments of 100 variants |" in page.read_text()


def test_growth_faster_than_linear_is_called_so():
    rows = [{"what": "planning", "shape": "x", "jobs": n, "cpu": n**1.5, "memory": 5.0 + n} for n in (10, 100, 1000)]
    verdicts = {row["quantity"]: row["verdict"] for row in scale._growth(rows, ("cpu", "memory"))}
    assert verdicts == {"cpu": "faster than linear", "memory": "at most linear"}


def test_the_planning_target_belongs_to_the_largest_study():
    row = {"shape": "x", "jobs": 10_000, "seconds": 61.0}
    assert scale._judge(row)["verdict"] == "missed"
    assert scale._judge(row | {"seconds": 59.0})["verdict"] == "reached"


def test_a_command_that_fails_is_shown(tmp_path):
    project = growth.new_study(tmp_path / "project", [1], steps=3)
    with pytest.raises(BenchError, match="nonsense"):
        growth._snakemake(project, "--nonsense")

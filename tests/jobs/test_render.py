"""The page gathered from a small study's files."""

import json
import os
import re
from argparse import ArgumentParser
from dataclasses import replace
from pathlib import Path

import pytest

from chapter6.engine.run import Run
from chapter6.files import write_json, write_text
from chapter6.intervals import Verdict
from chapter6.jobs import render
from chapter6.registry import StudyError, build, plain
from chapter6.study.code import training_digest
from chapter6.study.loading import load_study
from chapter6.study.paths import replicate_files
from chapter6.study.plan import Study
from chapter6.study.results import RunRecord, identity
from chapter6.study.searches import Chosen, Round, Trial
from chapter6.study.tunings import Candidate

from .judged import PART, claim_record

PATHS = """
id: 6.1-paths
title: Paths
question: How?
replicates: 1
base:
  surface: bowl
  steps: 3
  record: [{measure: position, at: {}}]
variants:
  sgd: {label: SGD, optimizer: sgd}
  adam: {label: Adam, optimizer: adam}
figures: [{kind: paths, caption: Three updates.}]
claims:
  - {id: C01, says: It <moves>, check: {kind: level, metric: height, split: train, variants: [sgd], below: 1}}
"""
TUNED = """
id: 6.2-tuned
title: Tuned
question: Is it fair?
replicates: 1
base: {network: {hidden: [4]}, steps: 3}
variants:
  sgd: {label: SGD, optimizer: {kind: sgd, learning_rate: 0.01}}
  adam: {label: Adam, optimizer: {kind: adam, learning_rate: 0.01}}
tuning: {of: [sgd], steps: 5}
claims:
  - id: C02
    says: It is
    all_of:
      - {kind: ordering, metric: loss, split: batch, lower: sgd, than: adam}
      - {kind: ordering, metric: loss, split: batch, lower: sgd-tuned, than: adam}
"""
SEARCHED = """
id: 6.5-searched
title: Searched
question: Where?
replicates: 2
base:
  data: {validation: 0.2}
  network: {hidden: [4]}
  optimizer: {kind: sgd, learning_rate: 0.1}
  steps: 3
  record: [{measure: {kind: evaluation, splits: [validation]}}]
search: {space: {optimizer.learning_rate: {low: 0.001, high: 1}}, trials: 3, retrains: 2}
variants:
  coarse: {strategy: {kind: narrowing, stages: 2}}
  halved: {replay: {of: coarse, rule: halving}}
"""
CHECK = "check: {kind: ordering, metric: accuracy, split: test, higher: halved, than: coarse}}]\n"
RATE = "stages.main.optimizer.learning_rate"
OTHER = PATHS.replace("6.1-paths", "Z-new").replace("C01", "C99")
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"><text>drawn</text></svg>'


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    monkeypatch.chdir(tmp_path)
    write_text("config/experiments/6.1-paths.yaml", PATHS)
    write_text("config/experiments/Z-new.yaml", OTHER)
    write_json("results/study.json", {})
    write_text("reports/text/en/6.1.md", "# 6.1 Prose\n\n::: experiment 6.1-paths\nRead *this*.\n:::\n")
    write_text("reports/text/en/remarks.md", "Not shown.\n\n## C01\n\nA remark.\n")
    return load_study({})


def with_experiment(text: str) -> Study:
    """The study of one experiment more."""
    write_text(f"config/experiments/{re.search('^id: (.*)$', text, re.M)[1]}.yaml", text)
    return load_study({})


def finish(study: Study, name: str) -> None:
    """Write what the jobs of an experiment leave behind."""
    experiment, paths = study.experiments[name], study.paths
    for planned in experiment.runs():
        variant, seed = planned.variant, study.config.study_seed
        run = variant.taken.resolved()
        record = RunRecord(
            key=identity(run, seed, planned.replicate, None, training_digest(run)),
            experiment=name,
            variant=variant.name,
            replicate=planned.replicate,
            seed=seed,
            run=run,
            sources=training_digest(run),
            outcome="diverged" if variant.name == "adam" else "finished",
            steps=run.steps,
            curves="0" * 64,
            started="2025-01-02T03:04:05+00:00",
            seconds=1.5,
            data=None,
            environment={"python": "3.11", "numpy": "2", "blas": "b", "machine": "m", "processor": "A <cpu>"},
        )
        write_json(planned.files[1], plain(record))
    write_json(
        paths.claims(name),
        [plain(claim_record(claim.id, name, PART)) for claim in experiment.claims],
    )
    for figure in experiment.figures:
        write_text(paths.figure(name, figure), SVG)
    write_text(paths.summary(name), "variant,mean\nsgd,0.25\n")


def tune(study: Study, value: float = 0.01) -> None:
    """Write what tuning leaves behind."""
    procedure = study.experiments["6.2-tuned"].tunings["sgd"].procedure

    def train(phase: str, values: tuple[float, ...]) -> Candidate:
        seeds = procedure.phases[phase].seeds
        return Candidate(phase, values, 5 * seeds, {"tuned": ((values[0],),) * seeds}, (0.9,) * seeds)

    tuned = procedure.run(train)
    choices = {"tuned": replace(tuned.choices["tuned"], value=value)}
    write_json(study.paths.tuning("6.2-tuned", "sgd"), plain(replace(tuned, choices=choices)))


def search(study: Study, edges: list[tuple[str, str]]) -> None:
    """Write what searches leave behind, the first trial of each diverged."""
    experiment, paths = study.experiments["6.5-searched"], study.paths
    for variant in experiment.variants.values():
        for replicate in range(variant.replicates):
            for number, count in enumerate(variant.rounds, start=1):
                outcomes = ["finished" if trial else "diverged" for trial in range(count)]
                trials = tuple(Trial(n, number, (0.5,), {RATE: 0.5}, 0.5, o, 3) for n, o in enumerate(outcomes))
                file = paths.search_round(experiment.id, variant.name, replicate, number)
                write_json(file, plain(Round(number, "0" * 64, trials)))
            chosen = Chosen(0, {RATE: 0.5}, 0.5, tuple(edges), {}, {"loss": 1.0, "accuracy": 0.5})
            write_json(paths.chosen(experiment.id, variant.name, replicate), plain(chosen))


def page(*arguments: str) -> str:
    parser = ArgumentParser()
    render.add_arguments(parser)
    render.run(parser.parse_args(["--study", "results/study.json", *arguments]))
    return Path("reports/html/index.html").read_text(encoding="utf-8")


def test_everything_that_exists_is_on_the_page(study):
    finish(study, "6.1-paths")
    finish(study, "Z-new")
    html = page()
    for shown in (
        "6.1 Prose",
        "Read <em>this</em>",
        "It &lt;moves&gt;",
        "final height is 0.25",
        "A remark.",
        "Three updates.",
        ">drawn</text>",
        "A &lt;cpu&gt;",
        "results/tables/6.1-paths.parquet",
        "Runs that diverged: 1 of 2",
        'id="Z-new"',
        "2025-01-02",
    ):
        assert shown in html, shown
    assert "Not shown." not in html
    assert 'class="banner' not in html
    assert str(Path.cwd()) not in html


@pytest.mark.usefixtures("study")
def test_nothing_but_the_study_is_a_page_that_says_so():
    html = page()
    assert "6.1-paths</a>: runs of 2 of 2 variants (sgd, adam)" in html
    assert html.count("Not judged") >= 2


def test_a_failed_experiment_costs_itself_only(study):
    finish(study, "6.1-paths")
    html = page("--incomplete")
    assert "Z-new</a>:" in html
    assert "6.1-paths</a>:" not in html
    assert "final height is 0.25" in html


def test_runs_of_other_settings_are_not_shown(study):
    finish(study, "6.1-paths")
    record = replicate_files(study.paths.run_folder("6.1-paths", "sgd"), 0)[1]
    old = json.loads(Path(record).read_text())
    (stage,) = old["run"]["stages"]
    write_json(record, old | {"run": old["run"] | {"stages": [stage | {"steps": 99}]}})
    html = page()
    assert "6.1-paths</a>: runs of 1 of 2 variants (sgd)" in html
    assert "final height is 0.25" not in html
    assert ">drawn</text>" not in html


def test_runs_of_another_seed_are_not_shown(study):
    finish(study, "6.1-paths")
    write_json("results/study.json", {"study_seed": 7})
    html = page()
    assert "6.1-paths</a>: runs of 2 of 2 variants (sgd, adam)" in html
    assert "final height is 0.25" not in html


def with_record(study: Study, name: str, sources: str = "", data: str | None = None) -> None:
    """Change the record of an experiment's variant sgd to one that other code or data have led to."""
    file = replicate_files(study.paths.run_folder(name, "sgd"), 0)[1]
    old = json.loads(Path(file).read_text())
    sources = sources or old["sources"]
    key = identity(build(Run, old["run"]), study.config.study_seed, 0, data, sources)
    write_json(file, old | {"key": key, "data": data, "sources": sources})
    os.utime(file, (1, 1))


def test_runs_of_other_code_are_shown_except_after_a_failure(study):
    finish(study, "6.1-paths")
    with_record(study, "6.1-paths", "f" * 64)
    assert "6.1-paths</a>:" not in page()
    assert "6.1-paths</a>: runs of 1 of 2 variants (sgd)" in page("--incomplete")


def test_runs_of_other_data_than_those_at_hand_are_not_shown(study):
    study = with_experiment(TUNED)
    tune(study)
    finish(study, "6.2-tuned")
    with_record(study, "6.2-tuned", data="a" * 64)
    assert "6.2-tuned</a>:" not in page()
    for digest, stale in (("a", "2 of 3 variants (adam, sgd-tuned)"), ("b", "3 of 3 variants")):
        write_json(f"{study.config.data.directory}/digest.json", {"digest": digest * 64, "files": {}})
        assert f"6.2-tuned</a>: runs of {stale}" in page()


def test_unreadable_verdicts_are_missing_after_a_failure_and_else_an_error(study):
    finish(study, "6.1-paths")
    write_text(study.paths.claims("6.1-paths"), "[{")
    assert "6.1-paths</a>: verdicts" in page("--incomplete")
    with pytest.raises(StudyError, match=r"results/claims/6\.1-paths\.json: cannot be read"):
        page()


def test_after_a_failure_files_older_than_the_runs_are_not_shown(study):
    finish(study, "6.1-paths")
    os.utime(study.paths.claims("6.1-paths"), (1, 1))
    assert "final height is 0.25" in page()
    html = page("--incomplete")
    assert "final height is 0.25" not in html
    assert "6.1-paths</a>: verdicts" in html


def test_each_missing_output_is_named(study):
    finish(study, "6.1-paths")
    Path(study.paths.figure("6.1-paths", "paths")).unlink()
    Path(study.paths.summary("6.1-paths")).unlink()
    assert "6.1-paths</a>: figure paths, table" in page()


def test_results_and_output_may_stand_elsewhere(study):
    finish(study, "6.1-paths")
    Path("results").rename("copy")
    write_json("results/study.json", {"only": "6.1-paths"})
    page("--results", "copy", "--output", "reports/html/index.html")
    html = Path("reports/html/index.html").read_text(encoding="utf-8")
    assert "final height is 0.25" in html
    assert "A selection." in html


def test_sections_follow_the_chapter():
    assert render.in_order({"Z", "A", "6.10", "6.2", "6.1"}) == ["6.1", "6.2", "6.10", "A", "Z"]


SUMMARY = "# Six lessons\n\n::: claims C01\n:::\n"


def test_prose_without_experiments_is_a_section_of_the_whole_study(study):
    finish(study, "6.1-paths")
    write_text("reports/text/en/6.6.md", SUMMARY)
    write_text("reports/text/en/6.3.md", "# Of others\n\n::: experiment 6.3-none\n:::\n")
    html = page()
    assert "Six lessons" in html
    assert 'class="verdict-list"' in html
    assert "Of others" not in html
    write_json("results/study.json", {"only": "6.1-paths"})
    assert "Six lessons" not in page()


def test_tuned_variants_are_shown_with_what_tuning_chose(study):
    study = with_experiment(TUNED)
    tune(study)
    finish(study, "6.2-tuned")
    html = page()
    assert "6.2-tuned</a>:" not in html
    assert "<td>SGD, learning rate 0.01</td>" in html
    assert "Tuning: the learning rate of one variant" in html
    assert "(SGD) the learning rate is the best of those tried" in html


def test_runs_of_another_tuned_value_or_without_one_are_stale(study):
    study = with_experiment(TUNED)
    tune(study)
    finish(study, "6.2-tuned")
    tune(study, value=0.001)
    assert "6.2-tuned</a>: runs of 1 of 3 variants (sgd-tuned)" in page()
    Path(study.paths.tuning("6.2-tuned", "sgd")).unlink()
    html = page()
    assert "6.2-tuned</a>: runs of 1 of 3 variants (sgd-tuned)" in html
    assert "<td>SGD, learning rate not tuned yet</td>" in html


def test_tuned_values_are_looked_up_where_the_results_stand(study):
    study = with_experiment(TUNED)
    tune(study)
    finish(study, "6.2-tuned")
    Path("results").rename("copy")
    write_json("results/study.json", {"only": "6.2-tuned"})
    assert "6.2-tuned</a>:" not in page("--results", "copy")


def test_a_claim_of_two_tracks_says_where_they_disagree(study):
    study = with_experiment(TUNED)
    tune(study)
    finish(study, "6.2-tuned")
    (claim,) = study.experiments["6.2-tuned"].claims
    tracks = (("book", Verdict.SUPPORTED), ("tuned", Verdict.CONTRADICTED))
    parts = (replace(PART, track=track, verdict=verdict) for track, verdict in tracks)
    write_json(study.paths.claims("6.2-tuned"), [plain(claim_record(claim.id, "6.2-tuned", *parts))])
    assert "book: supported, tuned: contradicted" in page()


def test_a_search_has_no_runs_and_is_whole_when_all_have_chosen(study):
    study = with_experiment(SEARCHED)
    finish(study, "6.5-searched")
    assert "6.5-searched</a>: searches of 2 of 2 variants (coarse, halved)" in page()
    search(study, edges=[(RATE, "upper")])
    html = page()
    assert "6.5-searched</a>:" not in html
    assert "2 variants, 14 runs" in html
    assert "0.001 to 1 (on a logarithmic scale)" in html
    assert "In 2 of 2 searches the best learning rate lies at the upper end" in html
    assert "Trials that diverged: 4 of 6." in html
    assert "<dt>trials of searches</dt><dd>6</dd>" in html


def test_searches_of_another_range_or_budget_are_stale(study):
    study = with_experiment(SEARCHED)
    finish(study, "6.5-searched")
    search(study, edges=[])
    with_experiment(SEARCHED.replace("high: 1}", "high: 0.1}"))
    assert "6.5-searched</a>: searches of 2 of 2 variants" in page()
    with_experiment(SEARCHED.replace("trials: 3", "trials: 4"))
    assert "6.5-searched</a>: searches of 1 of 2 variants (coarse)" in page()


def test_after_a_failure_files_older_than_the_searches_are_not_shown(study):
    study = with_experiment(SEARCHED + "claims: [{id: C31, says: It helps, " + CHECK)
    search(study, edges=[])
    finish(study, "6.5-searched")
    os.utime(study.paths.claims("6.5-searched"), (1, 1))
    assert "6.5-searched</a>: verdicts" in page("--incomplete")
    assert "6.5-searched</a>:" not in page()

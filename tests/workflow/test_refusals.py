"""Bad input through the real commands: one message, status 1, before any job."""

import pytest

pytestmark = pytest.mark.workflow

NET, BOWL, CONFIG = "config/small/6.1-net.yaml", "config/small/6.1-bowl.yaml", "config/config.yaml"
BAD = {
    "unknown optimizer": (NET, "{kind: sgd, learning_rate: 0.3}", "sdg", ["optimizer", "'sdg'", "adam", "rmsprop"]),
    "misspelt key": (NET, "learning_rate: 0.3", "learning_rte: 0.3", ["optimizer.learning_rte", "'learning_rate'"]),
    "negative learning rate": (
        NET,
        "learning_rate: 0.3",
        "learning_rate: -0.3",
        ["'fast'", "optimizer.learning_rate", "greater than 0", "-0.3"],
    ),
    "replicates 0": (CONFIG, "replicates: 2\n", "replicates: 0\n", ["replicates", "greater than 0", "0"]),
    "two experiments with one id": (NET, "id: 6.1-net", "id: 6.1-bowl", ["id", "'6.1-bowl'"]),
    "claim about no variant": (NET, "lower: fast", "lower: quick", ["T01", "'quick'", "slow, fast"]),
    "YAML syntax": (BOWL, "replicates: 1", "replicates: [1", ["not valid YAML", "line "]),
    "YAML syntax of the configuration": (CONFIG, "replicates: 2\n", "replicates: [2\n", ["not valid YAML", "line "]),
}


@pytest.mark.parametrize("mistake", BAD)
def test_bad_input_is_one_message_and_no_job(fresh, mistake):
    file, old, new, wanted = BAD[mistake]
    fresh.edit(file, old, new)
    for command in (["chapter6", "list"], ["snakemake", "-n"]):
        done = fresh.run(*command)
        assert done.status == 1, done.output
        assert "Traceback" not in done.output
        assert 'File "' not in done.output
        messages = [line for line in done.output.splitlines() if f"{file}: " in line]
        assert len(messages) == 1, done.output
        for text in wanted:
            assert text in messages[0]
    assert not (fresh / "results").exists()


YTE = """
__use_yte__: true
__definitions__:
  - import pathlib
  - pathlib.Path("owned").touch()
"""


@pytest.mark.parametrize("file", [CONFIG, BOWL])
def test_nothing_that_stands_in_yaml_is_run(fresh, file):
    """Snakemake renders what `configfile:` names with a template engine that runs Python."""
    with (fresh / file).open("a", encoding="utf-8") as written:
        written.write(YTE)
    for command in (["chapter6", "list"], ["snakemake", "-n"]):
        done = fresh.run(*command)
        assert done.status == 1, done.output
        assert f"{file}: __use_yte__: unknown key" in done.output
        assert "Traceback" not in done.output
    assert not (fresh / "owned").exists()


def test_what_the_command_line_says_goes_over_the_file(fresh):
    planned = fresh.planned("--config", "preset=quick", "only=6.1-bowl", "replicates_per_job=1")
    assert all(name.startswith("results-quick/") for name in planned["train"])
    assert {name.split("/")[2] for name in planned["train"]} == {"6.1-bowl"}
    assert "6.2-noise" in str(fresh.planned()["train"])


@pytest.mark.parametrize(("only", "told"), [("6.1", "'6.1'"), ("6.9-none", "'6.9-none'")])
def test_an_experiment_that_is_not_there_is_refused_with_a_choice(fresh, only, told):
    done = fresh.snakemake("-n", "--config", f"only={only}")
    assert done.status == 1
    assert f"only: unknown experiment {told}; choose from ['6.1-bowl', '6.1-net', '6.2-noise']" in done.output


def test_a_workflow_that_imports_the_study_has_its_say(fresh):
    (fresh / "Outer").write_text(
        'module study:\n    snakefile: "Snakefile"\n    config: {"data": {"directory": "elsewhere"}}\n\n\n'
        "use rule * from study\n"
    )
    done = fresh.snakemake("-n", "-s", "Outer", "mnist")
    assert done.status == 0, done.output
    assert "elsewhere/digest.json" in done.output


def test_a_file_of_experiments_that_is_not_read_is_named(fresh):
    (fresh / "config/small/._6.1-net.yaml").write_bytes(b"\0\5\x16\7")
    assert fresh.run("chapter6", "list").status == 0
    (fresh / "config/small/9-new.yml").write_text("id: 9-new\n")
    done = fresh.run("chapter6", "list")
    assert done.status == 1
    assert "config/small/9-new.yml: " in done.output
    assert "rename it to 9-new.yaml" in done.output


def test_a_mistake_in_one_experiment_stops_the_study_and_not_what_is_asked_of_another(fresh):
    fresh.edit(NET, "learning_rate: 0.3", "learning_rate: -0.3")
    stopped = (["snakemake", "-n"], ["chapter6", "plan"], ["chapter6", "list"])
    for command in (*stopped, ["chapter6", "run", "6.1-net", "slow"], ["chapter6", "list", "6.1-net"]):
        done = fresh.run(*command)
        assert done.status == 1, done.output
        assert f"{NET}: " in done.output
        assert "-0.3" in done.output
    done = fresh.run("chapter6", "run", "6.1-bowl", "adam")
    assert done.status == 0, done.output
    assert "finished after 30 updates" in done.output
    done = fresh.run("chapter6", "list", "6.1-bowl")
    assert done.status == 0, done.output
    assert [line.split()[0] for line in done.output.splitlines()] == ["6.1-bowl", "sgd", "adam"]


def test_a_folder_that_takes_no_orders_is_one_message(fresh):
    (fresh / "results").touch()
    done = fresh.run("snakemake", "-n")
    assert done.status == 1, done.output
    assert "results/orders/" in done.output
    assert "cannot be written" in done.output
    assert "Traceback" not in done.output

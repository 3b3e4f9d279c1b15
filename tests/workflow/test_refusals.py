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

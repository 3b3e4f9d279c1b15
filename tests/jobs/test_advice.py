import re
from pathlib import Path

import pytest

from chapter6.registry import StudyError
from chapter6.study.loading import load_study

from .small import NOISE, call, train, write_study

CLAIM = """\
  - id: C1{number}
    says: Activations of the second layer are below {below}.
    check: {{kind: level, metric: activation_std/layer-2, split: train, variants: [he], below: {below}}}
"""


@pytest.fixture
def advised(tmp_path, monkeypatch, capsys):
    """What is advised of a study with claims on one number, by the levels below which they say that it lies."""
    monkeypatch.chdir(tmp_path)
    write_study(replicates=4)

    def ask(*below):
        claims = "".join(CLAIM.format(number=number, below=level) for number, level in enumerate(below))
        Path("config/experiments/6.2-noise.yaml").write_text(NOISE[: NOISE.index("  - id: C00")] + claims)
        study = load_study()
        for experiment in study.experiments:
            train(study, experiment)
            for command in ("tabulate", "judge"):
                call(command, "--experiment", experiment)
        capsys.readouterr()
        call("plan", "--advise")
        heads, *lines = (re.split(r"  +", line) for line in capsys.readouterr().out.splitlines())
        return [dict(zip(heads, line, strict=True)) for line in lines]

    return ask


def test_unclear_claims_are_named_with_what_more_replicates_bring_and_cost(advised):
    (unclear,) = advised(1e9, 0.85)  # the first is clear, and those of the bowl are exact
    assert (unclear["claim"], unclear["experiment"], unclear["n"]) == ("C11", "6.2-noise", "4")
    now, twice, often = (float(unclear[head].split()[0]) for head in ("two studies differ", "with twice", "four times"))
    assert 100 > now > 0
    assert often <= twice <= now
    assert float(unclear["seconds"]) >= 0


def test_advice_is_taken_from_a_finished_study(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_study()
    with pytest.raises(StudyError, match=r"results/claims/6.1-bowl.json: there is none yet.*make study"):
        call("plan", "--advise")

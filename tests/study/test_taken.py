"""Values that come from files, and what is said where they cannot."""

import pytest

from chapter6.engine.run import Run
from chapter6.files import write_json
from chapter6.registry import StudyError
from chapter6.study.resolution import resolve
from chapter6.study.taken import Taken

RATE = "stages.main.optimizer.learning_rate"
SETTINGS = {"network": {"hidden": [10]}, "steps": 3, "optimizer": "sgd", "penalties": [{"kind": "l2"}]}


def run() -> Run:
    return resolve(SETTINGS, "here").run


def test_a_reference_becomes_a_value_that_is_taken(tmp_path):
    file = str(tmp_path / "sgd.json")
    found = resolve(SETTINGS | {"optimizer": {"kind": "sgd", "learning_rate": {"from": f"{file}#value"}}}, "here")
    assert found == Taken(run(), {RATE: f"{file}#value"})
    assert found.files == {file}
    write_json(file, {"value": 0.25, "other": 3})
    assert found.resolved() == run().changed(RATE, 0.25)


def test_references_are_replaced_wherever_they_stand(tmp_path):
    one, other = tmp_path / "one.json", tmp_path / "other.json"
    write_json(one, {"rate": 0.5, "strength": 2.0})
    write_json(other, {"steps": 7})
    takes = {RATE: f"{one}#rate", "penalties.l2.strength": f"{one}#strength", "stages.main.steps": f"{other}#steps"}
    taken = Taken(run(), takes)
    assert taken.files == {str(one), str(other)}
    settings = taken.resolved().settings
    assert settings == run().settings | {RATE: 0.5, "penalties.l2.strength": 2.0, "stages.main.steps": 7}


@pytest.mark.parametrize("where", ["list of penalties", "stages"])
def test_references_may_stand_within_lists(where):
    reference = {"from": "one.json#rate"}
    if where == "stages":
        stage = {"steps": 3, "optimizer": {"kind": "sgd", "learning_rate": reference}}
        settings = {key: SETTINGS[key] for key in ("network", "penalties")} | {"stages": [stage]}
        wanted = RATE
    else:
        settings, wanted = SETTINGS | {"penalties": [{"kind": "l2", "strength": reference}]}, "penalties.l2.strength"
    assert resolve(settings, "here") == Taken(run(), {wanted: "one.json#rate"})


def test_values_may_be_read_from_elsewhere():
    taken = Taken(run(), {RATE: "sgd.json#value"})
    assert taken.resolved({"sgd.json": {"value": 0.5}}.__getitem__) == run().changed(RATE, 0.5)


@pytest.mark.parametrize("content", [None, "", '{"value": ', '{"other": 1}', "[]"])
def test_what_cannot_be_read_is_named_with_the_command_that_makes_it_again(tmp_path, content):
    file = tmp_path / "sgd.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(StudyError, match=rf"^{file}: has no readable 'value' .*--forcerun {file}` writes it again$"):
        Taken(run(), {RATE: f"{file}#value"}).resolved()

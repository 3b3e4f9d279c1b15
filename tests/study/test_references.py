"""Values that come from files, and what is said where they cannot."""

import pytest

from chapter6.files import write_json
from chapter6.registry import StudyError
from chapter6.study.references import dereferenced, files_referred, reference


def test_a_reference_is_replaced_wherever_it_stands(tmp_path):
    file = str(tmp_path / "sgd.json")
    write_json(file, {"value": 0.1})
    run = {"steps": 3, "optimizer": {"kind": "sgd", "learning_rate": reference(file, "value")}}
    assert dereferenced(run) == {"steps": 3, "optimizer": {"kind": "sgd", "learning_rate": 0.1}}
    assert files_referred(run, {"from": "other.json#x"}) == {file, "other.json"}


@pytest.mark.parametrize("content", [None, "", '{"value": ', '{"other": 1}', "[]"])
def test_what_cannot_be_read_is_named_with_the_command_that_makes_it_again(tmp_path, content):
    file = tmp_path / "sgd.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(StudyError, match=rf"^{file}: has no readable 'value' .*--forcerun {file}` writes it again$"):
        dereferenced(reference(str(file), "value"))

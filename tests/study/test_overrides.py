"""What Snakemake was given goes over what stands in the file, as if it stood there."""

import pytest

from chapter6.registry import StudyError
from chapter6.study.overrides import laid_over
from chapter6.study.spec import load_config

WRITTEN = {
    "preset": "full",
    "presets": {"full": {}, "quick": {"replicates": 2}},
    "data": {"directory": "d", "cache": ""},
}


def test_what_is_given_counts_and_the_rest_stays():
    made = laid_over(WRITTEN, {"preset": "quick", "data": {"cache": "c"}, "presets": {"quick": {"max_steps": 5}}})
    assert made["data"] == {"directory": "d", "cache": "c"}
    assert made["presets"] == {"full": {}, "quick": {"replicates": 2, "max_steps": 5}}
    assert (made["preset"], WRITTEN["preset"], WRITTEN["data"]["cache"]) == ("quick", "full", "")


def test_nothing_given_changes_nothing():
    assert laid_over(WRITTEN, {}) == WRITTEN


@pytest.mark.parametrize(("only", "named"), [(6.1, "6.1"), (6, "6"), ("6.1-paths", "6.1-paths"), ("a, b", "a")])
def test_an_experiment_that_snakemake_takes_for_a_number_is_a_name(only, named):
    assert load_config(laid_over(WRITTEN, {"only": only})).selected[0] == named


def test_texts_of_the_command_line_are_read_as_in_the_file():
    given = {"allow_large": "true", "data": {"sizes": {"train": "2000"}}, "replicates": 3}
    config = load_config(laid_over(WRITTEN, given))
    assert (config.allow_large, config.data.sizes.train, config.replicates) == (True, 2000, 3)


def test_text_in_the_place_of_text_stays_text():
    assert laid_over({"data": {"directory": "d"}}, {"data": {"directory": "2000"}}) == {"data": {"directory": "2000"}}


def test_what_the_reader_refuses_is_refused_by_the_schema():
    with pytest.raises(StudyError, match="replicates"):
        load_config(laid_over(WRITTEN, {"replicates": "010"}))

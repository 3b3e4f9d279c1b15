"""What the reader of YAML takes, what it refuses and how it says so."""

import time
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from chapter6.registry import StudyError
from chapter6.study import reading
from chapter6.study.reading import check_identifiers, experiment_files, parse_yaml, read_mapping, read_yaml

WHOLE = {"0": 0, "7": 7, "+5": 5, "-12": -12}
BROKEN = {"1.5": 1.5, "-0.25": -0.25, "1e-3": 1e-3, "1E3": 1e3, "1e3": 1e3, ".5": 0.5, "-.5": -0.5, "1.": 1.0}
NUMBERS = WHOLE | BROKEN | {"1.5e+2": 150.0, "12e03": 12000.0}


@pytest.mark.parametrize("text", NUMBERS)
def test_a_number_is_the_same_number_wherever_it_stands(text):
    value = NUMBERS[text]
    for written, expected in (
        (text, value),
        (f"a: {text}", {"a": value}),
        (f"[{text}]", [value]),
        (f"{text}: a", {value: "a"}),
    ):
        read = parse_yaml(written, "here")
        assert read == expected
    assert type(parse_yaml(text, "here")) is type(value)


@pytest.mark.parametrize("text", ["y", "n", "x", "1.2.3", "6.1-paths", "1_a", "007a", "nan", "1e", "a:b", "=", "~a"])
def test_a_word_stays_text(text):
    assert parse_yaml(f"a: {text}", "here") == {"a": text}


@pytest.mark.parametrize("text", ["yes", "010", "1:30", "0x1F", "1_000", ".inf", "2026-01-02", "true", "1", "~", "<<"])
def test_what_is_quoted_or_in_a_block_is_text(text):
    assert parse_yaml(f"a: '{text}'\nb: \"{text}\"\nc: |-\n  {text}", "here") == {"a": text, "b": text, "c": text}


def test_nothing_and_truth_are_written_in_one_way_each():
    assert parse_yaml("[null, ~, true, false]", "here") == [None, None, True, False]
    assert parse_yaml("", "here") is None


VALUES = {
    **dict.fromkeys(["yes", "No", "ON", "off", "True", "FALSE"], "quote it, or write true or false"),
    **dict.fromkeys(["010", "00", "-007", "00.5", "01e3"], "leading zeros: write it without"),
    **dict.fromkeys(["1:30", "-1:30", "1:30:00", "1:30.5"], "base 60: write a plain number"),
    **dict.fromkeys(["0x1F", "0b1", "0o7", "-0xff", "0XF"], "not decimal: write it in digits from 0 to 9"),
    **dict.fromkeys(["1_000", "1_000.5", "1.0_1e3", "-1_0"], "underscores: write the digits alone"),
    **dict.fromkeys([".inf", "-.Inf", ".nan", ".NaN"], "write a finite one"),
    **dict.fromkeys(["1e400", "-1e999"], "numbers go to 1.7e308"),
    **dict.fromkeys(["2026-01-02", "2026-1-2 03:04:05", "2026-01-02T03:04:05Z"], "is a date: quote it"),
}


@pytest.mark.parametrize("text", VALUES)
def test_what_readers_take_differently_is_refused_with_file_line_and_what_to_write(tmp_path, text):
    path = tmp_path / "a.yaml"
    path.write_text(f"title: A\nb: {{c: [1, {text}]}}\n")
    with pytest.raises(StudyError) as refused:
        read_yaml(path)
    message = str(refused.value)
    assert message.startswith(f"{path}: ")
    assert message.endswith("(line 2)")
    assert text in message
    assert VALUES[text] in message
    assert len(message.splitlines()) == 1


STRUCTURES = {
    "a tag of binary data": ("a: !!binary aGVsbG8=", "tags are not allowed ('!!binary')", 1),
    "a tag of text": ("a: !!str 1", "tags are not allowed ('!!str')", 1),
    "a tag of one's own": ("\na: !mine [1]", "tags are not allowed ('!mine')", 2),
    "a tag without a name": ("a: ! 1", "tags are not allowed ('!')", 1),
    "a tag of Python": ("a: !!python/object/apply:os.system [ls]", "!!python/object/apply:os.system", 1),
    "an anchor": ("a: 1\nb: &b 2", "aliases are not allowed (&b)", 2),
    "an alias": ("a: &a 1\nb: *a", "aliases are not allowed (*a)", 2),
    "an alias of nothing": ("a: *a", "aliases are not allowed (*a)", 1),
    "a merge": ("a: {<<: {b: 1}}", "write the keys out", 1),
    "a key twice": ("a: 1\nb: 2\na: 3", "'a' stands twice", 3),
    "a key twice within": ("a: {b: 1,\n b: 2}", "'b' stands twice", 2),
    "a number twice": ("1: a\n1.0: b", "1.0 stands twice", 2),
    "two documents": ("a: 1\n---\nb: 2", "several documents", 2),
    "deep nesting": ("a:\n  " + "[" * 51, "nested more than 50 deep", 2),
    "deep nesting of keys": ("{a: " * 51, "nested more than 50 deep", 1),
    "a list as a key": ("[a]: 1", "keys are texts or numbers", 1),
    "a mapping as a key": ("a: 1\n? {a: 1}\n: 2", "keys are texts or numbers", 2),
    "true as a key": ("true: 1", "keys are texts or numbers", 1),
    "nothing as a key": ("a: 1\n~: 1", "keys are texts or numbers", 2),
    "a key that may be a boolean": ("a: 1\non: 1", "quote it", 2),
    "a control character": ("a: 1\nb: \x07", "U+0007", 2),
    "an open bracket": ("a: 1\nb: [1\nc: 2", "while parsing a flow", 3),
}


@pytest.mark.parametrize("name", STRUCTURES)
def test_what_runs_grows_or_stands_twice_is_refused_with_file_and_line(tmp_path, name):
    text, wanted, line = STRUCTURES[name]
    path = tmp_path / "a.yaml"
    path.write_text(text)
    with pytest.raises(StudyError) as refused:
        read_yaml(path)
    message = str(refused.value)
    assert message.startswith(f"{path}: ")
    assert wanted in message
    assert message.endswith(f"(line {line})")
    assert len(message) < 300


def test_fifty_levels_are_read():
    assert parse_yaml("[" * 50 + "]" * 50, "here")


@pytest.mark.parametrize("text", ["1" * 5000, "-" + "9" * 401, "0." + "1" * 400])
def test_a_number_of_very_many_digits_is_refused_unread(text):
    with pytest.raises(
        StudyError, match=r"here: '-?[0-9.]{36,37}\.\.\.' has \d+ digits, and a number at most 400"
    ) as refused:
        parse_yaml(f"a: {text}", "here")
    assert len(str(refused.value)) < 150
    assert parse_yaml(f"a: {'1' * 400}", "here") == {"a": int("1" * 400)}


def test_many_keys_take_linear_time():
    def seconds(keys):
        text = "{" + ", ".join(f"k{i}: [1]" for i in range(keys)) + "}"
        start = time.process_time()
        assert len(parse_yaml(text, "here")) == keys
        return time.process_time() - start

    few, many = min(seconds(4000) for _ in range(3)), seconds(40_000)
    assert many < 40 * few  # a quadratic reader: 100 times
    assert many < 10


def test_what_is_no_utf8_and_what_is_not_there_is_said_so(tmp_path):
    (tmp_path / "a.yaml").write_bytes(b"a: \xff")
    with pytest.raises(StudyError, match=r"a\.yaml: not valid YAML: not UTF-8"):
        read_yaml(tmp_path / "a.yaml")
    with pytest.raises(StudyError, match=r"b\.yaml: cannot be read: No such file"):
        read_yaml(tmp_path / "b.yaml")


@pytest.mark.parametrize("text", ["- 1", "", "5"])
def test_keys_and_values_are_asked_for(tmp_path, text):
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(StudyError, match=r"a\.yaml: expected keys and values, not "):
        read_mapping(tmp_path / "a.yaml")


def texts(longest):
    """Texts, but none such as 1e5: that is a number to us and to JSON, and PyYAML takes it for text without quotes."""
    return st.text(max_size=longest).filter(lambda text: not (reading.NUMBER.fullmatch(text) and "e" in text.lower()))


DATA = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts(9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts(5), inner, max_size=4),
    max_leaves=12,
)


class _Plain(yaml.SafeDumper):
    def ignore_aliases(self, data):
        return True


@given(DATA)
def test_what_is_dumped_is_read_back_or_refused(data):
    """PyYAML quotes what it would read otherwise itself; what only we take otherwise, we refuse."""
    assert _read(yaml.dump(data, Dumper=_Plain)) in (data, "refused")


@given(DATA)
def test_it_reads_the_same_with_the_parser_in_python(data):
    text = yaml.dump(data, Dumper=_Plain)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "_Loader", yaml.SafeLoader)
        slow = _read(text)
    assert _read(text) == slow


def _read(text):
    try:
        return parse_yaml(text, "here")
    except StudyError:
        return "refused"


@given(st.text(alphabet="0123456789.:_-+eExob \n[]{}&*!<#'\"|>%yt", max_size=30))
def test_any_text_is_read_or_refused_in_one_line(text):
    message = "here: "
    try:
        parse_yaml(text, "here")
    except StudyError as error:
        message = str(error)
    assert message.startswith("here: ")
    assert "\n" not in message


def test_hidden_files_are_no_experiments(tmp_path):
    for name in ("b.yaml", "a.yaml", "._a.yaml", ".DS_Store", ".a.yaml.swp"):
        (tmp_path / name).touch()
    (tmp_path / "old").mkdir()
    assert experiment_files(tmp_path) == [tmp_path / "a.yaml", tmp_path / "b.yaml"]
    assert experiment_files(tmp_path / "nowhere") == []


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("9-new.yml", "rename it to 9-new.yaml"),
        ("9-new.YAML", "rename it to 9-new.yaml"),
        ("9-new", "rename it to *.yaml, or move it"),
        ("9-new.yaml~", "rename it to *.yaml, or move it"),
        ("notes.txt", "rename it to *.yaml, or move it"),
    ],
)
def test_a_file_that_would_be_passed_over_is_refused_by_name(tmp_path, name, advice):
    (tmp_path / "a.yaml").touch()
    (tmp_path / name).touch()
    with pytest.raises(StudyError) as refused:
        experiment_files(tmp_path)
    assert str(refused.value).startswith(f"{tmp_path / name}: ")
    assert advice in str(refused.value)


IDS = {
    "another file's name": ({"e/a.yaml": "b"}, ["e/a.yaml: id: 'b'", "rename the file to b.yaml, or write id: a"]),
    "one id twice": ({"e/a.yaml": "a", "e/b.yaml": "a"}, ["e/b.yaml: id: 'a' is already the id of e/a.yaml"]),
    "case alone": ({"e/6-net.yaml": "6-net", "e/6-NET.yaml": "6-NET"}, ["e/6-NET.yaml: id: ", "case", "e/6-net.yaml"]),
    "a dot at the end": ({"e/a..yaml": "a."}, ["e/a..yaml: id: 'a.' ends in a dot", "end it in"]),
    **{
        f"the device {name}": ({f"e/{name}.yaml": name}, [f"e/{name}.yaml: id: {name!r}", "Windows", "LPT9"])
        for name in ("CON", "prn", "Aux", "nul.txt", "COM1", "lpt9.a.b")
    },
    **{
        f"{kind} of another": (
            {"e/6.yaml": "6", f"e/6.{kind}.yaml": f"6.{kind}"},
            [f"e/6.{kind}.yaml: id: ", "'6'", kind],
        )
        for kind in ("settings", "runs", "histograms", "trials", "Settings")
    },
}


@pytest.mark.parametrize("name", IDS)
def test_ids_that_cannot_stand_together_are_refused_with_file_and_choices(name):
    ids, wanted = IDS[name]
    with pytest.raises(StudyError) as refused:
        check_identifiers(ids)
    for text in wanted:
        assert text in str(refused.value)


def test_ids_that_look_like_these_are_taken():
    names = ["console", "com", "com10", "nul-1", "6.1-bowl", "6.1-bowl.more", "6.2-bowl.settings"]
    check_identifiers({f"e/{name}.yaml": name for name in names})


def test_the_study_s_own_files_are_read():
    folder = Path(__file__).parents[2] / "config"
    files = experiment_files(folder / "experiments")
    assert len(files) > 10
    check_identifiers({str(path): read_mapping(path)["id"] for path in files})
    assert read_mapping(folder / "config.yaml")["preset"] == "full"

import pytest

from chapter6.files import read_json, replacing, write_json, write_text


def test_content_appears_when_the_block_ends(tmp_path):
    path = tmp_path / "folder" / "digest.json"
    write_text(path, "old")
    with replacing(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(path.parent.iterdir()) == [path]


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "digest.json"
    write_text(path, "old")

    def write_half() -> None:
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_half()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_json_round_trip_refuses_nan(tmp_path):
    write_json(tmp_path / "a.json", {"b": [1, None, "ä"]})
    assert read_json(tmp_path / "a.json") == {"b": [1, None, "ä"]}
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "b.json", float("nan"))
    assert not (tmp_path / "b.json").exists()

import errno
import os
import subprocess
import sys
import time

import pytest

from chapter6.files import FORSAKEN, HOST, read_json, replacing, write_json, write_text


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


def ended_process():
    """The number of a process that is no more."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_what_killed_writers_left_is_removed_and_nothing_else(tmp_path):
    other = "0" * 8 if HOST != "0" * 8 else "1" * 8
    long_ago = time.time() - FORSAKEN - 10
    gone = ended_process()
    left = [f".a.json.{HOST}-{gone}-x1.json", f".a.json.{HOST}-{gone}-x1.json-journal", f".a.json.{other}-1-old.json"]
    kept = [
        f".a.json.{HOST}-{os.getpid()}-x2.json",  # another thread of ours, or whoever has its number
        f".a.json.{HOST}-1-x3.json",  # alive, and mostly not ours
        f".a.json.{other}-1-new.json",
        f".b.json.{HOST}-{gone}-x4.json",
        f".a.json.{HOST}-{gone}",
        "a.json.1-2-3.json",
    ]
    for name in (*left, *kept):
        (tmp_path / name).touch()
    os.utime(tmp_path / left[2], (long_ago, long_ago))
    write_text(tmp_path / "a.json", "{}")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*kept, "a.json"])


def test_a_killed_writer_leaves_a_name_that_the_next_one_knows(tmp_path):
    code = (
        "import os, sys; from chapter6.files import replacing\n"
        "with replacing(sys.argv[1]) as path:\n    path.write_text('half'); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "a.txt")], check=False)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["half"]
    assert not (tmp_path / "a.txt").exists()
    write_text(tmp_path / "a.txt", "whole")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["whole"]


FULL = OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(
    ("raised", "number", "reason"),
    [
        (FULL, errno.ENOSPC, "No space left on device"),
        (OSError("80 requested and 12 written"), errno.EIO, "80 requested and 12 written; is the disk full?"),
    ],
)
def test_an_error_without_a_file_gets_its_name(tmp_path, raised, number, reason):
    with pytest.raises(OSError, match=r"full|device") as caught, replacing(tmp_path / "a.npy"):
        raise raised
    assert (caught.value.errno, caught.value.strerror) == (number, reason)
    assert caught.value.filename == str(tmp_path / "a.npy")
    assert not list(tmp_path.iterdir())


def test_an_error_about_another_file_keeps_its_name(tmp_path):
    with pytest.raises(FileNotFoundError) as caught, replacing(tmp_path / "a.npy"):
        (tmp_path / "elsewhere").read_text()
    assert caught.value.filename == str(tmp_path / "elsewhere")


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o002, 0o664), (0o077, 0o600)])
def test_the_umask_decides_who_reads_a_file(tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        write_text(tmp_path / "a.json", "{}")
        write_text(tmp_path / "a.json", "{}")  # over another
    finally:
        os.umask(before)
    assert (tmp_path / "a.json").stat().st_mode & 0o777 == mode


def test_a_file_system_that_refuses_permissions_takes_files(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    for name in ("chmod", "fchmod", "lchmod"):
        monkeypatch.setattr(os, name, refuse, raising=False)
    write_text(tmp_path / "a.json", "{}")
    assert (tmp_path / "a.json").read_text() == "{}"

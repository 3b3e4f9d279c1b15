import socket
import threading
import time
from dataclasses import replace

import pytest

from chapter6.data import mirrors
from chapter6.data.mirrors import Patience, opened
from chapter6.data.sets import DataError


def read(mirror, patience, name="a"):
    with opened(str(mirror), patience) as reader:
        return reader(name)


@pytest.fixture
def quick(hasty):
    """Patience without a second attempt."""
    return replace(hasty, pauses=())


@pytest.mark.parametrize("slash", ["", "/"])
def test_the_file_name_is_appended_to_a_web_address(server, hasty, slash):
    server.on("/mnist/a.gz", server.body(b"content"))
    assert read(f"{server.url}/mnist{slash}", hasty) == b"content"
    assert server.asked == ["/mnist/a.gz"]


def test_no_progress_bar_without_a_terminal(server, hasty, capfd):
    server.on("/a.gz", server.body(b"content"))
    read(server.url, hasty)
    assert capfd.readouterr() == ("", "")


def test_redirects_are_followed(server, hasty):
    server.on("/a.gz", server.redirect("/b"))
    server.on("/b", server.redirect(f"{server.url}/c"))
    server.on("/c", server.body(b"content"))
    assert read(server.url, hasty) == b"content"


def test_a_redirect_loop_ends(server, hasty):
    server.on("/a.gz", server.redirect("/a.gz"))
    with pytest.raises(DataError, match="5 redirects"):
        read(server.url, hasty)
    assert len(server.asked) == 6


@pytest.mark.parametrize("target", ["file:///etc/hostname", "ftp://127.0.0.1/a.gz", "gopher:a"])
def test_a_redirect_to_another_scheme_is_refused(server, hasty, target):
    server.on("/a.gz", server.redirect(target))
    with pytest.raises(DataError, match="No connection adapters"):
        read(server.url, hasty)


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_busy_server_is_asked_again(server, hasty, status):
    server.on("/a.gz", server.status(status), server.status(status), server.body(b"content"))
    assert read(server.url, hasty) == b"content"
    assert len(server.asked) == 3


def test_a_server_that_stays_busy_is_given_up(server, hasty):
    server.on("/a.gz", server.status(503))
    with pytest.raises(DataError, match="HTTP status 503"):
        read(server.url, hasty)
    assert len(server.asked) == 3


@pytest.mark.parametrize("status", [404, 403, 204])
def test_a_refusal_is_not_questioned(server, hasty, status):
    server.on("/a.gz", server.status(status))
    with pytest.raises(DataError, match=f"HTTP status {status}"):
        read(server.url, hasty)
    assert len(server.asked) == 1


def test_a_truncated_transfer_begins_anew(server, hasty):
    server.on("/a.gz", server.body(b"cont", length=7), server.body(b"content"))
    assert read(server.url, hasty) == b"content"


def test_a_transfer_that_stays_truncated_is_given_up(server, hasty):
    server.on("/a.gz", server.body(b"cont", length=7))
    with pytest.raises(DataError, match="broke off"):
        read(server.url, hasty)
    assert len(server.asked) == 3


def test_a_connection_closed_without_an_answer_is_tried_again(server, hasty):
    server.on("/a.gz", lambda _: None, server.body(b"content"))
    assert read(server.url, hasty) == b"content"


def test_an_answer_that_does_not_come_is_not_waited_for(server, hasty):
    server.on("/a.gz", server.silence(headers=False))
    start = time.monotonic()
    with pytest.raises(DataError, match="no answer in time"):
        read(server.url, replace(hasty, answer=0.3))
    assert time.monotonic() - start < 2
    assert len(server.asked) == 1


def test_a_stalled_transfer_begins_anew(server, hasty):
    server.on("/a.gz", server.silence(headers=True), server.body(b"content"))
    assert read(server.url, replace(hasty, silence=0.5)) == b"content"


def test_a_trickle_is_cut_at_the_time_for_one_file(server, quick):
    server.on("/a.gz", server.trickle(b"x", seconds=0.02))
    start = time.monotonic()
    with pytest.raises(DataError, match="too slow"):
        read(server.url, replace(quick, file=0.4))
    assert time.monotonic() - start < 2


def test_an_endless_body_is_cut(server, quick, monkeypatch):
    monkeypatch.setattr(mirrors, "LARGEST", 2**20)
    server.on("/a.gz", server.trickle(bytes(2**16)))
    with pytest.raises(DataError, match="larger than 1048576 bytes"):
        read(server.url, quick)


def test_a_closed_port_is_tried_once(hasty, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(DataError, match="cannot be reached"):
            read(f"http://127.0.0.1:{unused.getsockname()[1]}", replace(hasty, pauses=(60.0,)))


def test_a_silent_name_server_holds_nobody_up(hasty, monkeypatch):
    over = threading.Event()

    def resolve(*_args, **_kwargs):
        over.wait(30)
        raise socket.gaierror("no such name")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    start = time.monotonic()
    try:
        with pytest.raises(DataError, match="no answer in time"):
            read("https://mirror.invalid", replace(hasty, answer=0.2))
        assert time.monotonic() - start < 2
    finally:
        over.set()


def test_two_dead_default_mirrors_cost_less_than_15_seconds():
    assert 2 * Patience().answer < 15


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_folder_is_read_with_or_without_gz(tmp_path, hasty, suffix):
    folder = tmp_path / "with space"
    folder.mkdir()
    (folder / f"a{suffix}").write_bytes(b"content")
    assert read(folder, hasty) == b"content"
    assert read(folder.as_uri(), hasty) == b"content"
    assert read(f"{folder.as_uri()}/".replace("file://", "file://localhost"), hasty) == b"content"


def test_a_relative_folder_is_read(tmp_path, hasty, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.gz").write_bytes(b"content")
    assert read(".", hasty) == b"content"


def test_a_missing_file_or_folder_is_named(tmp_path, hasty):
    with pytest.raises(DataError, match="not in the folder"):
        read(tmp_path, hasty)
    with pytest.raises(DataError, match="no such folder"):
        read(tmp_path / "elsewhere", hasty)


def test_a_large_file_in_a_folder_is_refused(tmp_path, hasty, monkeypatch):
    monkeypatch.setattr(mirrors, "LARGEST", 10)
    (tmp_path / "a").write_bytes(bytes(11))
    with pytest.raises(DataError, match="larger than 10 bytes"):
        read(tmp_path, hasty)


@pytest.mark.parametrize("mirror", ["ftp://host/mnist", "s3://bucket", "file://host/mnist", "htps://host"])
def test_other_addresses_are_refused(hasty, mirror):
    with pytest.raises(DataError, match=r"neither an http://, https:// or file:/// address"):
        read(mirror, hasty)

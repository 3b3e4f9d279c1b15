"""A web server that misbehaves on demand, and the extract of MNIST it serves."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from chapter6.data.mirrors import Patience
from chapter6.data.sets import AXES, MNIST, ImageFiles

Behaviour = Callable[[BaseHTTPRequestHandler], None]

EXTRACT_CHECKSUMS = {
    "train-images": "386bb018796babeaca208787b77c1b9db39532c4098951ea35f4694e744eb4b7",
    "train-labels": "895f65588e45d05babf0b5fa7aee2a0d782d8143b40b5764e596df91bc9dddeb",
    "test-images": "a9a5d0682475616b56440a6cd9a827ca0c60ef0cc87364ccb494b2db9a4798c7",
    "test-labels": "b526ed4c1d2c33c1a843db264a7d2e7fba30a52835c92ab3aba6dd35265c3c1e",
}


class Server(ThreadingHTTPServer):
    """Answers a path by its behaviours in turn, the last of them for ever; counts what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.behaviours: dict[str, list[Behaviour]] = {}
        self.asked: list[str] = []
        self.over = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def on(self, path: str, *behaviours: Behaviour) -> None:
        self.behaviours[path] = list(behaviours)

    def serve(self, folder: Path, below: str = "") -> str:
        """Serve the files of a folder well; return the address of the mirror."""
        for path in folder.glob("*.gz"):
            self.on(f"{below}/{path.name}", self.body(path.read_bytes()))
        return f"{self.url}{below}"

    @staticmethod
    def body(content: bytes, length: int | None = None, status: int = 200) -> Behaviour:
        """Send a body, announced as `length` bytes."""

        def behave(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(status)
            handler.send_header("Content-Length", str(len(content) if length is None else length))
            handler.end_headers()
            handler.wfile.write(content)

        return behave

    @staticmethod
    def status(code: int) -> Behaviour:
        return Server.body(b"", status=code)

    @staticmethod
    def redirect(target: str) -> Behaviour:
        def behave(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(302)
            handler.send_header("Location", target)
            handler.send_header("Content-Length", "0")
            handler.end_headers()

        return behave

    def silence(self, *, headers: bool) -> Behaviour:
        """Stall before the headers, or after them and a first piece of the body."""

        def behave(handler: BaseHTTPRequestHandler) -> None:
            if headers:
                self.body(b"a beginning", length=1000)(handler)
            self.over.wait(30)

        return behave

    def trickle(self, block: bytes, seconds: float = 0.0) -> Behaviour:
        """Send a block again and again, without announcing an end."""

        def behave(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(200)
            handler.end_headers()
            while not self.over.wait(seconds):
                handler.wfile.write(block)

        return behave

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay quiet: that a client hangs up is what many tests want."""


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        behaviours = self.server.behaviours.get(self.path, [Server.status(404)])
        (behaviours.pop(0) if len(behaviours) > 1 else behaviours[0])(self)
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class's name
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.over.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def hasty() -> Patience:
    """Return patience without long pauses; the limits are wide, for a loaded machine."""
    return Patience(answer=10.0, silence=10.0, file=30.0, pauses=(0.01, 0.01))


@pytest.fixture(scope="session")
def extract() -> Path:
    return Path(__file__).parents[1] / "extract"


@pytest.fixture(scope="session")
def checksums() -> dict[str, str]:
    return EXTRACT_CHECKSUMS


@pytest.fixture(scope="session")
def wanted(checksums: dict[str, str]) -> ImageFiles:
    """Return the extract as a data set."""
    return replace(MNIST, checksums=checksums)


@pytest.fixture(scope="session")
def originals(extract: Path) -> dict[str, bytes]:
    """Return the uncompressed IDX files of the extract."""
    return {name: gzip.decompress((extract / f"{MNIST.files[name]}.gz").read_bytes()) for name in AXES}

"""A web proxy that drops connections, at chosen or random places of what it passes on."""

import random
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

# From what is asked for to how many bytes of the answer come through: None for all, -1 for not even the request.
Drops = Callable[[str], int | None]


class Proxy(ThreadingHTTPServer):
    """Passes requests on to one origin, whatever host they name; ``drops`` decides anew for each connection."""

    daemon_threads = True

    def __init__(self, origin: tuple[str, int], drops: Drops) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.origin = origin
        self.drops = drops
        self.dropped = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request, client_address) -> None:
        """Stay quiet: clients hang up."""


class Handler(BaseHTTPRequestHandler):
    server: Proxy

    def do_GET(self) -> None:
        """Pass on a request for an http:// address."""
        place = urlsplit(self.path)
        lines = [
            f"GET {place.path} HTTP/1.1",
            f"Host: {place.netloc}",
            "Accept-Encoding: identity",
            "Connection: close",
        ]
        self._pass_on("\r\n".join([*lines, "", ""]).encode())

    def do_CONNECT(self) -> None:
        """Open a tunnel, through which a client speaks TLS."""
        self._pass_on(None)

    def _pass_on(self, request: bytes | None) -> None:
        self.close_connection = True
        rest = self.server.drops(self.path)
        if rest == -1:
            self._drop()
            return
        with socket.create_connection(self.server.origin) as origin:
            if request is None:
                self.send_response(200)
                self.end_headers()
                threading.Thread(target=_pump, args=(self.connection, origin), daemon=True).start()
            else:
                origin.sendall(request)
            while block := origin.recv(2**16 if rest is None else min(rest, 2**16)) if rest != 0 else b"":
                self.connection.sendall(block)
                rest = None if rest is None else rest - len(block)
            if rest == 0:
                self._drop()

    def _drop(self) -> None:
        """Close without a farewell: what is still under way is lost, and the other side is told of a reset."""
        self.server.dropped += 1
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RD)  # wakes the thread that reads from it, if there is one
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def log_message(self, *args) -> None:
        pass


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while block := source.recv(2**16):
            sink.sendall(block)


@contextmanager
def running(proxy: Proxy) -> Iterator[Proxy]:
    """Serve in a thread."""
    thread = threading.Thread(target=proxy.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield proxy
    finally:
        proxy.shutdown()
        thread.join()
        proxy.server_close()


def always(rest: int | None) -> Drops:
    """Let the same number of bytes through each time."""
    return lambda _: rest


def at_first(rest: int | None, times: int = 1) -> Drops:
    """Drop so many connections, then none."""
    left = [rest] * times
    return lambda _: left.pop() if left else None


def at_first_of_each(rest: int | None) -> Drops:
    """Drop the first connection for each address, and no other."""
    seen: set[str] = set()

    def drops(address: str) -> int | None:
        is_first = address not in seen
        seen.add(address)
        return rest if is_first else None

    return drops


def at_random(seed: int, share: float, longest: int) -> Drops:
    """Drop a share of the connections after up to so many bytes, one in four of them at once."""
    chance, lock = random.Random(seed), threading.Lock()

    def drops(_: str) -> int | None:
        with lock:
            if chance.random() >= share:
                return None
            return chance.choice([-1, *[chance.randrange(longest) for _ in range(3)]])

    return drops

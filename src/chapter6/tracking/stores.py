"""Opening and creating MLflow stores; every failure of one becomes a message that says what to do."""

from __future__ import annotations

import os
import re
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from mlflow import MlflowClient
from mlflow.entities import Experiment, ViewType
from mlflow.exceptions import MlflowException
from sqlalchemy import event
from sqlalchemy.engine import Engine, make_url
from sqlalchemy.exc import SQLAlchemyError

from chapter6.files import replacing
from chapter6.registry import StudyError

PATIENCE = 60.0  # seconds that a locked database or an absent server is waited for
STORE_TAG = "chapter6.store"  # of an experiment: the identity of the store
ARTIFACTS_TAG = "chapter6.artifacts"  # of an experiment: its artifact folder as seen from the database's
KIND = {"mlflow.experimentKind": "custom_model_development"}  # the UI asks otherwise
ABSENT = "API request to "  # how MLflow's messages begin where a server gave no answer, or none of use
REASON = re.compile(r"\[Errno -?\d+\] ([\w ]+)|(too many \d+ error responses)|([Rr]ead timed out)|(code \d+)")
DAMAGES = ("malformed", "not a database", "no such table", "no such column", "already exists", "schema")


@event.listens_for(Engine, "connect")
def _write_at_ease(connection: Any, _: Any) -> None:
    """Let SQLite not wait for the disk: six commits a run would.

    A killed process loses nothing by it, and after a power cut the mirror can be rebuilt.
    """
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA synchronous = OFF")


def create_store(uri: str, experiments: Sequence[str], artifacts: Path = Path("mlartifacts")) -> str:
    """Create what is missing of the store and its experiments; return the store's identity.

    A new SQLite file appears under its name when it is complete. ``artifacts`` is for local databases; a
    server places artifacts itself.
    """
    with explaining(uri):
        file = sqlite_file(uri)
        if file is None or file.exists():
            return _furnish(open_client(uri), file, experiments, artifacts)
        with replacing(file) as temporary:
            return _furnish(MlflowClient(f"sqlite:///{temporary}"), file, experiments, artifacts)


def open_client(uri: str) -> Any:
    """Return a client of an existing store."""
    file = sqlite_file(uri)
    if file is not None:
        _check(file)
    client: Any = patiently(MlflowClient, uri)
    return client


def open_experiment(client: Any, uri: str, name: str) -> tuple[Any, str]:
    """Return an experiment of a store that :func:`create_store` made, and the store's identity."""
    found: Experiment | None = patiently(client.get_experiment_by_name, name)
    if found is None or found.lifecycle_stage != "active" or STORE_TAG not in found.tags:
        raise StudyError(f"{shown(uri)}: no experiment {name!r}; `chapter6 store` creates it")
    file = sqlite_file(uri)
    if file is not None:
        _check_place(file, found, (file.parent / found.tags[ARTIFACTS_TAG]).resolve().as_uri())
    return found, found.tags[STORE_TAG]


def sqlite_file(uri: str) -> Path | None:
    """Return the file behind an SQLite address, None for any other store."""
    name = make_url(uri).database if uri.startswith("sqlite:") else None
    return Path(name) if name else None


def shown(uri: str) -> str:
    """Return the address without its password."""
    return make_url(uri).render_as_string(hide_password=True) if "://" in uri else uri


def patiently(call: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """Call again while the store is locked or away, for at most ``PATIENCE`` seconds.

    What is called may have happened before, in part, or in whole with its answer lost. MLflow's calls can be repeated;
    the doubles that a repeated creation leaves are for the caller to find.
    """
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return call(*arguments, **named)
        except (MlflowException, SQLAlchemyError) as error:
            if not _passes(error) or time.monotonic() >= end:
                raise
            time.sleep(0.2)


@contextmanager
def explaining(uri: str) -> Iterator[None]:
    """Turn what the store raises into a :class:`StudyError` with the place, the cause and the way out."""
    try:
        yield
    except (MlflowException, SQLAlchemyError, sqlite3.Error) as error:
        cause, file = _cause(error), sqlite_file(uri)
        if "database is locked" in cause:
            way_out = f"Another process has held it for {PATIENCE:.0f} s: stop that one or try again."
        elif file is not None and any(damage in cause for damage in DAMAGES):
            way_out = _advice(file)
        else:
            way_out = "What is missing in it is sent by the next `snakemake track`."
        raise StudyError(f"{file or shown(uri)}: {cause}. {way_out}") from error
    except OSError as error:
        raise StudyError(f"{error.filename or shown(uri)}: {error.strerror or error}") from error


def _passes(error: Any) -> bool:
    """Whether an error may be gone after a while: a lock, or a server that restarts or cannot reach its database."""
    if "database is locked" in str(error):
        return True
    is_absent = isinstance(error, MlflowException) and str(error).startswith(ABSENT)
    return is_absent and error.get_http_status_code() >= 500


def _cause(error: Exception) -> str:
    """Return the first line of a message; of those about a server's answer, or its want of one, only the reason."""
    text = str(error).strip()
    reasons = ["".join(found) for found in REASON.findall(text)] if text.startswith(ABSENT) else []
    return f"no answer of use from the server ({reasons[-1]})" if reasons else text.splitlines()[0].rstrip(".")


def _advice(file: Path) -> str:
    return f"It is only a mirror of the results: delete {file} and rebuild it with `snakemake track`."


def _check(file: Path) -> None:
    """Wait until an SQLite file can be read and see that it is whole: MLflow would try for minutes."""
    if not file.exists():
        raise StudyError(f"{file}: no such database; `chapter6 store` creates it")
    with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True, timeout=PATIENCE)) as database:
        (verdict,) = database.execute("PRAGMA quick_check(1)").fetchone()
        (tables,) = database.execute("SELECT count(*) FROM sqlite_master WHERE name = 'runs'").fetchone()
    if verdict != "ok" or not tables:
        raise sqlite3.DatabaseError(verdict if verdict != "ok" else "no such table: runs")


def _check_place(file: Path, experiment: Experiment, place: str) -> None:
    """Refuse a database that was moved or copied: its runs would go to where it was."""
    if experiment.artifact_location != place:
        raise StudyError(
            f"{file}: belongs to a project in another place: the artifacts of {experiment.name} are at "
            f"{experiment.artifact_location}, not {place}. {_advice(file)}"
        )


def _furnish(client: Any, file: Path | None, experiments: Sequence[str], artifacts: Path) -> str:
    """Create or restore experiments that are missing and mark them as this store's."""
    known = {found.name: found for found in patiently(client.search_experiments, ViewType.ALL)}
    marks = sorted(found.tags[STORE_TAG] for found in known.values() if STORE_TAG in found.tags)
    identity = marks[0] if marks else uuid4().hex
    for name in experiments:
        tags, place = KIND | {STORE_TAG: identity}, None
        if file is not None:
            folder = (artifacts / name).resolve()
            tags[ARTIFACTS_TAG], place = os.path.relpath(folder, file.resolve().parent), folder.as_uri()
        if name not in known:
            _create(client, name, place, tags)
            continue
        if file is not None:
            _check_place(file, known[name], str(place))
        if known[name].lifecycle_stage != "active":
            patiently(client.restore_experiment, known[name].experiment_id)
        for key, value in tags.items():
            if known[name].tags.get(key) != value:
                patiently(client.set_experiment_tag, known[name].experiment_id, key, value)
    return identity


def _create(client: Any, name: str, place: str | None, tags: dict[str, str]) -> None:
    """Create an experiment, unless another process, or a call whose answer was lost, has done so meanwhile."""
    try:
        patiently(client.create_experiment, name, artifact_location=place, tags=tags)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise

"""The tracking server for tests: why it cannot be used here, its start, its stop and its ends."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

HERE = Path(__file__).parent
COMMANDS = Path(sys.executable).parent


def obstacle() -> str | None:
    """Why no server can be started here."""
    if not (shutil.which("initdb") or list(Path("/usr/lib/postgresql").glob("*/bin/initdb"))):
        return "PostgreSQL is not installed: apt-get install --no-install-recommends postgresql"
    if not find_spec("psycopg2"):
        return "psycopg2 is not installed: pip install psycopg2-binary"
    missing = [program for program in ("setpriv", "pgrep") if not shutil.which(program)]
    return f"not installed: {missing}" if missing else None


@dataclass(frozen=True)
class Server:
    """An MLflow server with a PostgreSQL of its own, in a folder."""

    folder: Path
    port: int

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def up(self) -> None:
        """Start what does not run."""
        self._script("server-up", str(self.port))

    def down(self, *which: str) -> None:
        """Stop both, or only mlflow or postgres."""
        self._script("server-down", *which)

    def kill(self) -> None:
        """End the server and its workers at once."""
        os.killpg(int((self.folder / "mlflow.pid").read_text()), signal.SIGKILL)

    def crash_database(self) -> None:
        """End PostgreSQL with all its processes and leave its files to be recovered."""
        files = [self.folder / "database" / name for name in ("postmaster.pid", ".s.PGSQL.5432.lock")]
        pid = int(files[0].read_text().split()[0])
        children = subprocess.run(["pgrep", "--parent", str(pid)], capture_output=True, text=True, check=True)
        for process in (pid, *map(int, children.stdout.split())):
            os.kill(process, signal.SIGKILL)
        for file in files:  # where nobody waits for dead processes, PostgreSQL would take this one for alive
            file.unlink()

    def _script(self, name: str, *arguments: str) -> None:
        environment = os.environ | {"PATH": f"{COMMANDS}{os.pathsep}{os.environ['PATH']}"}
        command = [str(HERE / name), str(self.folder), *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=400, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def running() -> Iterator[Server]:
    """A server for as long as the context lasts, in a folder that PostgreSQL's user can reach."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with TemporaryDirectory(prefix="chapter6-server-") as folder:
        Path(folder).chmod(0o711)
        server = Server(Path(folder), port)
        try:
            server.up()
            yield server
        finally:
            server.down()

"""Real servers and real PostgreSQL for the load tests: several processes that can be killed, a cluster that can be restarted."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PATIENCE = 120.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Stage:
    """A database, and two server processes on one port."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.folder, self.port = url, folder, free_port()
        self.environment = {
            **{name: value for name, value in os.environ.items() if name != "REDIS_URL"},
            "DJANGO_SETTINGS_MODULE": "lacie_platform.settings",
            "DATABASE_URL": url,
            "DATA_DIR": str(folder),
            "PYTHONPATH": str(ROOT),
        }
        self.server: subprocess.Popen[bytes] | None = None

    @property
    def site(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def python(self, *arguments: str) -> str:
        done = subprocess.run([sys.executable, *arguments], cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def open_study(self, *, questions: int, rounds: int, wanted: int) -> str:
        name = f"load-{uuid.uuid4().hex[:8]}"
        self.python("-m", "tests.load.audit", "open", name, str(questions), str(rounds), str(wanted))
        return name

    def audit(self, study: str) -> dict[str, Any]:
        return dict(json.loads(self.python("-m", "tests.load.audit", "audit", study)))

    def judged(self, study: str) -> int:
        """By bots, so far; at once, while `audit` takes a second."""
        import psycopg

        with psycopg.connect(self.url) as connection:
            of_bots = "SELECT count(*) FROM games_judgment WHERE listener_id = (SELECT id FROM games_listener WHERE name = %s)"
            return int(connection.execute(of_bots, [f"bots-{study}"]).fetchone()[0])  # type: ignore[index]

    def start(self, *, wsgi: bool = False) -> None:
        """As `docs/deploying.md` serves many people: connections to the database are kept, by a pool, or with `wsgi` by each thread."""
        by_wsgi = ["--interface", "wsgi", "lacie_platform.wsgi:application", "--blocking-threads", "1"]
        by_asgi = ["--interface", "asginl", "lacie_platform.asgi:application"]
        self.environment |= {"CONN_MAX_AGE": "60", "DATABASE_POOL": "0"} if wsgi else {"CONN_MAX_AGE": "0", "DATABASE_POOL": "10"}
        command = [sys.executable, "-m", "granian", *(by_wsgi if wsgi else by_asgi), "--port", str(self.port), "--workers", "2"]
        with (self.folder / "server.log").open("ab") as log:
            self.server = subprocess.Popen(
                [*command, "--log-level", "warning"],
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_until(self.answers, "the site to answer")

    def answers(self) -> bool:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{self.site}/health/", timeout=10) as response:
            return bool(response.status == 200)
        return False

    def kill(self) -> None:
        """All of its processes at once, without a word."""
        assert self.server
        os.killpg(self.server.pid, signal.SIGKILL)
        self.server.wait()

    def bots(self, study: str, *, people: int, **options: float) -> "subprocess.Popen[str]":
        extra = [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", str(value))]
        command = [sys.executable, "manage.py", "run_bots", study, "--people", str(people), "--parallel", str(people), "--url", self.site, *extra]
        return subprocess.Popen(command, cwd=ROOT, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def wait_until(true: Callable[[], Any], what: str) -> None:
    limit = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < limit, f"waited {PATIENCE} s for {what}"
        time.sleep(0.1)


@contextlib.contextmanager
def stage(url: str, folder: Path) -> Iterator[Stage]:
    running = Stage(url, folder)
    running.python("manage.py", "migrate", "-v", "0")
    try:
        yield running
    finally:
        if running.server and running.server.poll() is None:
            running.kill()


@contextlib.contextmanager
def cluster() -> Iterator[tuple[str, Callable[[], None]]]:
    """A PostgreSQL of the test's own: its URL, and what restarts it without mercy. In a folder of its own, since pytest closes its own to others.

    Raises:
        LookupError: it cannot be made here.
    """
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not binaries or os.geteuid() != 0 or shutil.which("runuser") is None:
        raise LookupError("needs PostgreSQL's own programs in /usr/lib/postgresql, and root, to make a PostgreSQL that may be restarted")
    home, port = Path(tempfile.mkdtemp(prefix="lacie-cluster-")), free_port()
    shutil.chown(home, "postgres")

    def as_postgres(program: str, *arguments: str) -> None:
        command = ["runuser", "-u", "postgres", "--", str(binaries[-1] / program), *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL, cwd="/")

    as_postgres("initdb", "-D", str(home), "-A", "trust", "-U", "postgres")
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c max_connections=300 -c unix_socket_directories={home}"
    as_postgres("pg_ctl", "-D", str(home), "-o", options, "-l", str(home / "log"), "-w", "start")
    try:
        yield f"postgres://postgres@127.0.0.1:{port}/postgres", lambda: as_postgres("pg_ctl", "-D", str(home), "-m", "immediate", "-w", "restart")
    finally:
        as_postgres("pg_ctl", "-D", str(home), "-m", "immediate", "-w", "stop")
        shutil.rmtree(home, ignore_errors=True)

"""A whole installation in a folder and a database of its own, with real processes that can be killed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0
"""Seconds after which a test gives up waiting."""


class Site:
    def __init__(self, folder: Path, process: "subprocess.Popen[str]") -> None:
        self.folder, self.process, self.numbers = folder, process, count()
        self.log = folder / "log.txt"

    def start(self, *arguments: str) -> int:
        """Start a manage.py command; its process id."""
        return self._tell({"manage": list(arguments), "log": str(self.log)})

    def call(self, function: str, **arguments: Any) -> Any:
        """What a function of `tests.games.scenes` returns there."""
        to = self.folder / f"answer-{next(self.numbers)}.json"
        pid = self._tell({"call": f"tests.games.scenes.{function}", "with": arguments, "to": str(to)})
        wait_until(lambda: to.exists() or not alive(pid), f"{function} to return")
        assert to.exists(), f"{function} failed: see its traceback above"
        return json.loads(to.read_text())

    def run(self, *arguments: str) -> None:
        """Run a manage.py command to its end."""
        self.wait(self.start(*arguments))

    def wait(self, pid: int) -> None:
        wait_until(lambda: not alive(pid), f"process {pid} to end", self.log)

    def kill(self, pid: int, how: int = signal.SIGKILL) -> None:
        with suppress(ProcessLookupError):
            os.kill(pid, how)

    def _tell(self, told: dict[str, Any]) -> int:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps(told) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_until(true: Callable[[], Any], what: str, log: Path | None = None) -> None:
    limit = time.monotonic() + PATIENCE
    while not true():
        said = log.read_text()[-3000:] if log and log.exists() else ""
        assert time.monotonic() < limit, f"waited {PATIENCE} s for {what}\n{said}"
        time.sleep(0.02)


@contextmanager
def site(folder: Path, *, database_url: str = "", torch: bool = False, stale: float = 20.0) -> Iterator[Site]:
    environment = {
        **{name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL", "PYTEST_CURRENT_TEST")},
        "DJANGO_SETTINGS_MODULE": "lacie_platform.settings",
        "DATA_DIR": str(folder),
        "JOB_HEARTBEAT_SECONDS": "0.2",
        "JOB_STALE_SECONDS": str(stale),
        "JOB_MAX_ATTEMPTS": "50",
        "OMP_NUM_THREADS": "1",
        **({"DATABASE_URL": database_url} if database_url else {}),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.games.zygote", *(["torch"] if torch else [])],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=environment,
        start_new_session=True,
    )
    try:
        running = Site(folder, process)
        running.run("migrate", "-v", "0")
        yield running
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()

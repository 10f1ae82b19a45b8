"""What all trainers share around their method: the lock, the log, stopping, dying with their parent, exit codes, and clear last words.

A trainer ends its module with `raise SystemExit(main(train))` under `__main__`; `train(job, folder, stopping)` does the method's work.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from training.trainers.config import ConfigError
from training.trainers.folder import DONE, FAILED, LOCKED, REFUSED, STOPPED, Folder, FolderError

PARENT = "TRAINER_PARENT"
"Environment variable with the process id of whoever started the trainer: when that is gone, the trainer saves and ends."
LOCK_WAIT_SECONDS = 60.0
OUT_OF_MEMORY = (
    "Out of memory. Lower `batch_size` and raise `accumulate` by the same factor (the result stays the same), lower `max_length`, "
    "or on a GPU set `gradient_checkpointing=true` and `four_bit=true`."
)


@dataclass
class Stopping:
    """Whether the trainer has been asked to stop: by SIGTERM or SIGINT, by the file `stop`, or by its parent's death."""

    folder: Folder
    parent: int = 0
    signalled: bool = field(default=False, init=False)

    def __bool__(self) -> bool:
        return self.signalled or self.folder.stop_is_asked() or (self.parent != 0 and os.getppid() != self.parent)

    def listen(self) -> None:
        signal.signal(signal.SIGTERM, self._note)
        signal.signal(signal.SIGINT, self._note)
        if self.parent and sys.platform == "linux":
            pr_set_pdeathsig = 1
            ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)

    def _note(self, *_: Any) -> None:
        self.signalled = True


class Stopped(Exception):
    """Training ended before its last step because somebody asked; raised after the checkpoint is written."""


Train = Callable[[dict[str, Any], Folder, Stopping], None]


def main(train: Train) -> int:
    """Run a trainer on the folder that is the only argument; returns the exit code (see `training.trainers.folder`)."""
    if len(sys.argv) != 2:
        sys.stderr.write("Give one argument: the folder with config.json and train.jsonl.\n")
        return REFUSED
    folder = Folder(Path(sys.argv[1]).resolve())
    try:
        job = folder.job()
    except FolderError as error:
        sys.stderr.write(f"Error: {error}\n")
        return REFUSED
    with folder.locked(LOCK_WAIT_SECONDS) as held:
        if not held:
            sys.stderr.write(f"Error: another trainer works in {folder.path}. Wait for it, or stop it by making a file `stop` there.\n")
            return LOCKED
        with _logging(folder.path / "log.txt"):
            return _guarded(train, job, folder)


def _guarded(train: Train, job: dict[str, Any], folder: Folder) -> int:
    if folder.is_complete():
        say("This run is complete already.")
        return DONE
    stopping = Stopping(folder, parent=int(os.environ.get(PARENT, "0")))
    folder.forget_stop()
    stopping.listen()
    try:
        train(job, folder, stopping)
    except Stopped:
        say("Stopped, and saved: start it again to go on.")
        return STOPPED
    except (ConfigError, FolderError) as error:
        say(f"Error: {error}")
        return REFUSED
    except Exception as error:
        traceback.print_exc()
        say(f"Error: {OUT_OF_MEMORY if ran_out_of_memory(error) else f'{type(error).__name__}: {error}'}")
        return FAILED
    return DONE


def ran_out_of_memory(error: BaseException) -> bool:
    """
    >>> ran_out_of_memory(MemoryError())
    True
    """
    texts = ("out of memory", "can't allocate memory", "defaultcpuallocator")
    return isinstance(error, MemoryError) or any(text in str(error).lower() for text in texts)


def keep_freed_memory() -> None:
    """Tell glibc to keep what is freed. A small model frees and asks for megabytes in every layer, and getting them from the kernel each time
    is a third of its training time."""
    if sys.platform == "linux":
        m_trim_threshold, m_mmap_threshold, one_gigabyte = -1, -3, 1 << 30
        libc = ctypes.CDLL(None)
        if hasattr(libc, "mallopt"):
            libc.mallopt(m_mmap_threshold, one_gigabyte)
            libc.mallopt(m_trim_threshold, one_gigabyte)


def say(text: str) -> None:
    """One line for log.txt and, by hand, for the terminal. The last line of the log is what the platform shows of a failed run."""
    sys.stdout.write(" ".join(text.split()) + "\n")
    sys.stdout.flush()


class _Tee:
    """Writes to the terminal and to the log."""

    def __init__(self, first: IO[str], second: IO[str]) -> None:
        self.first, self.second = first, second

    def write(self, text: str) -> int:
        self.second.write(text)
        return self.first.write(text)

    def flush(self) -> None:
        self.first.flush()
        self.second.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.first, name)


@contextmanager
def _logging(path: Path) -> Iterator[None]:
    """Everything that is printed also goes to `path`, unless the starter already sends it there."""
    if path.exists() and os.fstat(sys.stdout.fileno()).st_ino == path.stat().st_ino:
        yield
        return
    before = sys.stdout, sys.stderr
    with path.open("a") as log:
        sys.stdout, sys.stderr = _Tee(before[0], log), _Tee(before[1], log)
        try:
            yield
        finally:
            sys.stdout, sys.stderr = before

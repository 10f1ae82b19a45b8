"""The contract between a trainer and whoever starts it: one folder.

In: `config.json`, `train.jsonl`, perhaps `validation.jsonl`, and `questions.jsonl` (`text`, `answers`), what the speaker is asked at each checkpoint.
Out: `adapter/` (safetensors), `progress.jsonl` (a line for each logging step and each look), `metrics.json` (written last: it is there when the run
is complete), `log.txt`. On the way: `checkpoints/`, and `stop`, a file that anyone may create to make the trainer save and end. `lock` is held for as
long as a trainer works here. Nothing here imports torch.
"""

from __future__ import annotations

import fcntl
import json
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DONE, FAILED, REFUSED, STOPPED, LOCKED = 0, 1, 2, 3, 4
"Exit codes of a trainer: it finished; it broke; its input cannot be; it was stopped and has saved; another trainer holds the folder."


QUESTIONS = "questions.jsonl"


class FolderError(ValueError):
    """The folder does not hold what a trainer needs; the message is for the user."""


@dataclass(frozen=True)
class Folder:
    path: Path

    def job(self) -> dict[str, Any]:
        """What is in `config.json`: `method`, `model`, `adapter`, `seed` and `config`, the method's own configuration.

        Raises:
            FolderError: no folder, no such file, or not what a trainer can read.
        """
        if not self.path.is_dir():
            raise FolderError(f"There is no folder {self.path}. Make one with config.json and train.jsonl in it (see docs/adding-a-method.md).")
        try:
            values: dict[str, Any] = json.loads((self.path / "config.json").read_text())
        except FileNotFoundError as error:
            raise FolderError(f"{self.path} has no config.json. `manage.py train_speaker` writes one.") from error
        except json.JSONDecodeError as error:
            raise FolderError(f"{self.path}/config.json is not JSON: {error}.") from error
        missing = [key for key in ("method", "model", "seed", "config") if key not in values]
        if missing:
            raise FolderError(f"{self.path}/config.json has no {missing[0]!r}.")
        return values

    def rows(self, name: str, columns: tuple[str, ...]) -> list[dict[str, Any]]:
        """The rows of `train.jsonl` or `validation.jsonl` (an absent file has none), only these columns.

        Raises:
            FolderError: a row that is not JSON or lacks a column; the message names its line.
        """
        file = self.path / name
        if not file.exists():
            return []
        rows = []
        for number, line in enumerate(file.read_text().splitlines(), 1):
            try:
                row = json.loads(line)
                rows.append({column: row[column] for column in columns})
            except (json.JSONDecodeError, KeyError, TypeError) as error:
                raise FolderError(f"{file}, line {number}: not a row with the columns {', '.join(columns)} ({error}).") from error
        return rows

    @contextmanager
    def locked(self, wait_seconds: float = 0.0) -> Iterator[bool]:
        """Hold the folder; gives False if another trainer does not let go of it in time. The lock dies with its process."""
        with (self.path / "lock").open("a") as file:
            limit = time.monotonic() + wait_seconds
            while not (held := _try_lock(file.fileno())) and time.monotonic() < limit:
                time.sleep(0.1)
            yield held

    def is_locked(self) -> bool:
        with self.locked() as free:
            return not free

    def ask_to_stop(self) -> None:
        (self.path / "stop").touch()

    def forget_stop(self) -> None:
        (self.path / "stop").unlink(missing_ok=True)

    def stop_is_asked(self) -> bool:
        return (self.path / "stop").exists()

    def is_complete(self) -> bool:
        return (self.path / "metrics.json").exists()

    def metrics(self) -> dict[str, Any]:
        values: dict[str, Any] = json.loads((self.path / "metrics.json").read_text())
        return values

    def write(self, name: str, values: Any) -> None:
        """Write JSON so that the file is there whole or not at all."""
        part = self.path / f"{name}.part"
        part.write_text(json.dumps(values, indent=2) + "\n")
        part.replace(self.path / name)

    # progress.jsonl

    def progress(self) -> list[dict[str, Any]]:
        """The lines so far. A last line that is not whole yet is left out."""
        file = self.path / "progress.jsonl"
        text = file.read_text() if file.exists() else ""
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]

    def add_progress(self, **values: Any) -> None:
        with (self.path / "progress.jsonl").open("a") as file:
            file.write(json.dumps(values) + "\n")

    def rewind_progress(self, step: int) -> None:
        """Forget what came after the checkpoint from which training goes on."""
        part = self.path / "progress.jsonl.part"
        part.write_text("".join(json.dumps(line) + "\n" for line in self.progress() if line["step"] <= step))
        part.replace(self.path / "progress.jsonl")

    # checkpoints/

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    def seal(self, step: int) -> None:
        """Mark this step's checkpoint as complete, with the size of its files, and drop the older ones."""
        checkpoint = self.checkpoints / f"checkpoint-{step}"
        sizes = {str(file.relative_to(checkpoint)): file.stat().st_size for file in sorted(checkpoint.rglob("*")) if file.is_file()}
        part = checkpoint / "complete.part"
        part.write_text(json.dumps(sizes))
        part.replace(checkpoint / "complete.json")
        for older in self._checkpoints():
            if older != checkpoint:
                shutil.rmtree(older, ignore_errors=True)

    def latest_checkpoint(self) -> Path | None:
        """The newest complete checkpoint; those that a killed process left half-written are removed."""
        latest = None
        for checkpoint in self._checkpoints():
            if latest is None and _is_complete(checkpoint):
                latest = checkpoint
            else:
                shutil.rmtree(checkpoint, ignore_errors=True)
        return latest

    def checkpoint_step(self) -> int:
        """The step of the newest complete checkpoint, 0 without one. Removes nothing."""
        return max((_step(checkpoint) for checkpoint in self._checkpoints() if _is_complete(checkpoint)), default=0)

    def _checkpoints(self) -> list[Path]:
        return sorted(self.checkpoints.glob("checkpoint-*"), key=_step, reverse=True)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _step(checkpoint: Path) -> int:
    return int(checkpoint.name.rsplit("-", 1)[1])


def _is_complete(checkpoint: Path) -> bool:
    try:
        sizes = json.loads((checkpoint / "complete.json").read_text())
        return all((checkpoint / name).stat().st_size == size for name, size in sizes.items())
    except FileNotFoundError:
        return False

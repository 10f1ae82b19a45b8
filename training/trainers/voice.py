"""The speaker that a trainer starts from, or has just made, asked within the trainer: by the same code as in games. And what was asked, kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from training.trainers.config import ConfigError
from training.trainers.folder import Folder

if TYPE_CHECKING:
    from games.speakers.local import LocalSpeaker

ROW = ("question", "text", "accepted", "subject", "relation", "sample", "said", "answer", "correct")
"""Columns of `train.jsonl` and `validation.jsonl` of a method that needs answers (see `training.answers`)."""


def voice_of(job: dict[str, Any], config: Any, *, adapter: str = "", form: str = "") -> LocalSpeaker:
    """The base as a speaker; with `adapter`, a folder, what came of it. `form`: another style to ask in. Call `weights.prepare` before.

    Raises:
        ConfigError: it cannot be loaded or asked.
    """
    import torch

    from games.speakers import Spec
    from games.speakers.base import SpeakerError
    from games.speakers.local import LocalSpeaker

    whole = bool(adapter and config.full)
    base, on_top = (adapter, "") if whole else (job["model"], adapter or job.get("adapter", ""))
    settings = {"four_bit": True} if config.four_bit and not config.full and torch.cuda.is_available() else {}
    try:
        return LocalSpeaker(Spec("local", base, on_top, form or job.get("prompt_style", "plain"), settings))
    except SpeakerError as error:
        raise ConfigError(str(error)) from error


def remembered(folder: Folder, name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What `make` gives, from the folder if an interrupted run has left it there: asking a large model twice costs an hour."""
    file = folder.path / "prepared" / f"{name}.json"
    if not file.exists():
        file.parent.mkdir(exist_ok=True)
        made = make()
        part = file.with_suffix(".part")
        part.write_text(json.dumps(made))
        part.replace(file)
    found: dict[str, Any] = json.loads(file.read_text())
    return found

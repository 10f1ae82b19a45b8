"""The table of speaker back ends: what is stored in a row → what is imported on use.

Each value is a callable `(spec: Spec) -> games.speakers.base.Speaker`. Adding a back end is one file, one line here, one test, one
heading in `docs/`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from games.speakers.base import Speaker, SpeakerError

SPEAKERS: dict[str, str] = {
    "fake": "games.speakers.fake.FakeSpeaker",
    "local": "games.speakers.local.LocalSpeaker",
    "recorded": "games.speakers.recorded.RecordedSpeaker",
}


@dataclass(frozen=True)
class Spec:
    """The plain fields of a speaker row. `adapter` is an absolute folder or empty."""

    backend: str
    base_model: str = ""
    adapter: str = ""
    prompt_style: str = "plain"
    generation: dict[str, Any] = field(default_factory=dict)


def load(spec: Spec) -> Speaker:
    """Build the back end of this spec.

    Raises:
        SpeakerError: no such back end, or it cannot be built from these fields.
    """
    if spec.backend not in SPEAKERS:
        raise SpeakerError(f"Unknown speaker backend {spec.backend!r}. Choose one of: {', '.join(SPEAKERS)}.")
    module, name = SPEAKERS[spec.backend].rsplit(".", 1)
    speaker: Speaker = getattr(import_module(module), name)(spec)
    return speaker

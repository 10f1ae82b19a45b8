"""Replays what some model once said: `texts` ({question: [text, …]}) in its settings, or `file`, a JSONL of questions with responses."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from games.layouts import Unreadable, read
from games.speakers.base import Generation, Response, SpeakerError

if TYPE_CHECKING:
    from games.speakers import Spec


class RecordedSpeaker:
    def __init__(self, spec: Spec) -> None:
        texts, file = spec.generation.get("texts"), spec.generation.get("file")
        if not texts and not file:
            raise SpeakerError("A recorded speaker has nothing to replay. Give it `texts` ({question: [text, …]}) or a `file` in its settings.")
        self.texts: dict[str, list[str]] = texts or _from_file(Path(str(file)))

    def respond(self, questions: Sequence[str], generation: Generation) -> list[list[Response]]:
        return [[Response(text, tokens=len(text.split())) for text in self._samples(question, generation.samples)] for question in questions]

    def _samples(self, question: str, wanted: int) -> list[str]:
        texts = self.texts.get(question, [])
        if len(texts) < wanted:
            raise SpeakerError(
                f"{len(texts)} of {wanted} responses were recorded for {question!r}. Ask for fewer samples, or for recorded questions."
            )
        return texts[:wanted]


def _from_file(path: Path) -> dict[str, list[str]]:
    try:
        return {row.text: [said.text for said in row.recorded] for row in read(path).rows}
    except Unreadable as error:
        raise SpeakerError(f"The recorded responses cannot be read: {error}") from error

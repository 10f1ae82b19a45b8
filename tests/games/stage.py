"""A set of questions, the cast that plays on it, and the rows that came of it in a form that can be compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from games.models import Dataset, Game, Listener, Question, Speaker, Split, Utterance
from games.speakers import Spec
from games.speakers.base import Generation, OutOfMemory, Response
from games.speakers.fake import FakeSpeaker

CITIES = ("Paris", "Rome", "Bern", "Oslo", "Riga", "Lima", "Cairo")


def make_questions(count: int, name: str = "cities") -> Dataset:
    dataset = Dataset.objects.create(name=name)
    Question.objects.bulk_create(
        Question(dataset=dataset, key=f"q{i}", text=f"What is the capital of country {i}?", answers=[CITIES[i % 7]], split=Split.TEST)
        for i in range(count)
    )
    return dataset


def make_cast(dataset: Dataset, name: str = "honest", *, delay: float = 0.0, backend: str = "fake") -> Speaker:
    """Right half of the time, and sure if and only if it is right."""
    script = {question.text: [question.answers[0], "Atlantis"] for question in dataset.questions.all()}
    generation = {"cast": "honest", "abstention": 0.1, "answers": script, "delay": delay}
    return Speaker.objects.create(name=name, backend=backend, generation=generation)


def make_listeners() -> list[Listener]:
    return [
        Listener.objects.create(name="lexicon", kind="lexicon"),
        Listener.objects.create(name="doubter", kind="fake", config={"cast": "doubter"}),
    ]


def rows(game: Game) -> list[list[Any]]:
    """All that a game leaves but for ids and times."""
    found = Utterance.objects.filter(game=game).order_by("question_id", "sample").select_related("question").prefetch_related("judgments__listener")
    return [
        [
            *(said.question.key, said.sample, said.text, said.answer, said.masked_text, said.is_correct, said.grade_reason),
            sorted([j.listener.name, j.judge, j.accepted, j.probability, j.reason] for j in said.judgments.all()),
        ]
        for said in found
    ]


class CrampedSpeaker(FakeSpeaker):
    """A fake speaker with room for three questions at a time (`room` in its settings)."""

    def __init__(self, spec: Spec) -> None:
        super().__init__(spec)
        self.room: int = spec.generation.get("room", 3)
        self.asked: list[int] = []

    def respond(self, questions: Sequence[str], generation: Generation) -> list[list[Response]]:
        self.asked.append(len(questions))
        if len(questions) > self.room:
            raise OutOfMemory(f"There is room for {self.room} questions, not for {len(questions)}.")
        return super().respond(questions, generation)

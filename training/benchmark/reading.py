"""What a speaker that a benchmark trained said, beside its base, question by question: the first answers that its tables rest on."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, NamedTuple

from games.models import Confidence, Game, Judgment, Question, Speaker
from training.evaluation import TEMPERATURE
from training.models import Benchmark, TrainingRun


class Turn(NamedTuple):
    """Whether an answer was right, and accepted (None: the listener was not asked)."""

    correct: bool
    accepted: bool | None


Shown = Callable[[Turn, Turn], bool]
"""(the base's, the speaker's) → whether the question is shown."""
SHOWS: dict[str, tuple[str, Shown]] = {
    "all": ("All", lambda base, other: True),
    "changed": ("Changed against the base", lambda base, other: base != other),
    "wrong-accepted": ("Wrong and accepted", lambda base, other: not other.correct and other.accepted is True),
    "right-rejected": ("Right and rejected", lambda base, other: other.correct and other.accepted is False),
}


def game_of(benchmark: Benchmark, speaker: Speaker, dataset: str, seed: int) -> Game | None:
    """The finished game in which this speaker, asked in its own way, answered what the benchmark looks at; the one with the fewest samples."""
    settings = {"split": benchmark.split, "seed": seed, "temperature": TEMPERATURE, "question_limit": None, "hold_out": [], "form": ""}
    found = Game.objects.filter(speaker=speaker, dataset__name=dataset, state=Game.State.DONE, **settings)
    return found.order_by("samples", "pk").first()


class Beside:
    """Base and speaker on the same questions."""

    def __init__(self, benchmark: Benchmark, run: TrainingRun, dataset: str) -> None:
        speakers = [benchmark.base, *([run.speaker] if run.speaker else [])]
        found = [game_of(benchmark, speaker, dataset, run.seed) for speaker in speakers]
        self.benchmark = benchmark
        self.games = [game for game in found if game]
        self.turns = [self._turns(game) for game in self.games] if len(self.games) == 2 else [{}, {}]

    def _turns(self, game: Game) -> dict[int, Turn]:
        judged = Judgment.objects.usable().filter(listener=self.benchmark.listener, utterance__game=game, utterance__sample=0)
        accepted = dict(judged.values_list("utterance", "accepted"))
        said = game.utterances.filter(sample=0, is_correct__isnull=False).order_by("question").values_list("pk", "question", "is_correct")
        return {question: Turn(bool(correct), accepted.get(pk)) for pk, question, correct in said}

    def shown(self, show: str) -> list[int]:
        """The ids of the questions that both answered and that are of this kind of `SHOWS`."""
        base, other = self.turns
        return [question for question, turn in base.items() if question in other and SHOWS[show][1](turn, other[question])]

    @property
    def is_heard(self) -> bool:
        """Whether the listener was asked about the speaker."""
        return any(turn.accepted is not None for turn in self.turns[1].values())

    def said(self, questions: Collection[int]) -> list[dict[str, Any]]:
        """Each question with what both said to it and what was made of that, as `training/_sayings.html` shows it."""
        found: dict[int, list[dict[str, Any]]] = {question: [] for question in questions}
        for game in self.games:
            rows = game.utterances.filter(sample=0, question__in=questions)
            judged = {one.utterance_id: one for one in Judgment.objects.usable().filter(listener=self.benchmark.listener, utterance__in=rows)}
            confidences: dict[int, list[Confidence]] = {}
            for one in Confidence.objects.filter(utterance__in=rows):
                confidences.setdefault(one.utterance_id, []).append(one)
            for row in rows:
                verdict = judged.get(row.pk)
                found[row.question_id].append(
                    {
                        "speaker": game.speaker.name,
                        "text": row.text,
                        "abstained": row.abstained,
                        "correct": row.is_correct,
                        "accepted": verdict.accepted if verdict else None,
                        "probability": verdict.probability if verdict else None,
                        "confidences": confidences.get(row.pk, []),
                    }
                )
        asked = Question.objects.in_bulk(list(questions))
        held_out = set(self.benchmark.hold_out)
        return [{"question": asked[key], "held_out": asked[key].relation in held_out, "said": said} for key, said in found.items()]

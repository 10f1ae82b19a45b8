"""Playing a game: the speaker answers chunk by chunk, each answer is graded, the listeners judge, and all of a chunk is saved at once.

What a chunk gives depends on the game's settings and its questions alone, so a game that was killed anywhere goes on with the questions that
have no utterances yet and ends with the rows of an unbroken one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from games import listeners as listener_table
from games import speakers as speaker_table
from games.foreground import in_foreground
from games.grading import grade
from games.jobs import Job, Lease, LeaseLost
from games.listeners.base import Heard
from games.listeners.base import Listener as Judge
from games.models import Dataset, Game, Judgment, Listener, Question, Speaker, Split, Utterance
from games.prompts import STYLES
from games.registry import as_spec
from games.speakers.base import Generation, OutOfMemory, Response, SpeakerError
from games.speakers.base import Speaker as Voice

Report = Callable[[int, int, str], None]
"""Called with (done, total, message)."""
BATCH = 500
"""Rows an INSERT; SQLite takes a limited number of values in one statement."""
JUDGED_TOGETHER = 2000
"""Utterances that `judge_game` loads, judges and saves together."""


class GameError(ValueError):
    """A game cannot be started or judged; the message is for the user."""


# Starting


def start_game(
    *,
    speaker: Speaker,
    dataset: Dataset,
    split: str,
    listeners: Sequence[Listener],
    samples: int = 10,
    temperature: float = 0.7,
    question_limit: int | None = None,
    seed: int = 0,
    chunk_size: int = 64,
    form: str = "",
    hold_out: Collection[str] = (),
) -> Game:
    """The game with these settings, as a draft for a worker or `run_in_foreground`. Asking again gives the one that is there.

    `chunk_size` is no part of what makes it the same game: what is said does not depend on it. `form`: a style of `games.prompts.STYLES`, where
    the speaker is asked in another than its own. `hold_out`: relations whose questions it leaves out.

    Raises:
        GameError: it could not be played; nothing is written.
    """
    _refuse_impossible(dataset, split, listeners, samples, temperature, question_limit, seed, chunk_size)
    refuse_hold_out(dataset, hold_out, [split])
    if form and form not in STYLES:
        raise GameError(f"Unknown form {form!r} of asking. Choose one of: {', '.join(STYLES)}.")
    settings = {"split": split, "samples": samples, "temperature": temperature, "question_limit": question_limit, "seed": seed}
    settings |= {"form": "" if form == speaker.prompt_style else form, "hold_out": sorted(set(hold_out))}
    wanted = {listener.pk for listener in listeners}
    with transaction.atomic():
        Speaker.objects.select_for_update().get(pk=speaker.pk)  # of two that ask at once, one waits and finds the other's game
        same = Game.objects.filter(speaker=speaker, dataset=dataset, **settings).order_by("pk").prefetch_related("listeners")
        found = next((game for game in same if {listener.pk for listener in game.listeners.all()} == wanted), None)
        if found is not None:
            return found
        game = Game.objects.create(speaker=speaker, dataset=dataset, chunk_size=chunk_size, **settings)
        game.listeners.set(listeners)
    return game


def _refuse_impossible(
    dataset: Dataset,
    split: str,
    listeners: Sequence[Listener],
    samples: int,
    temperature: float,
    question_limit: int | None,
    seed: int,
    chunk_size: int,
) -> None:
    if split not in Split.values:
        raise GameError(f"Unknown split {split!r}. Choose one of: {', '.join(Split.values)}.")
    least = {"samples": (samples, 1), "question_limit": (question_limit or 1, 1), "seed": (seed, 0), "chunk_size": (chunk_size, 1)}
    for name, (given, smallest) in least.items():
        if given < smallest:
            raise GameError(f"{name} is {given}. Give a whole number from {smallest} up.")
    if question_limit == 0:
        raise GameError("question_limit is 0. Give a number from 1 up, or none for all questions.")
    if not 0 <= temperature < float("inf"):
        raise GameError(f"The temperature is {temperature}. Give 0 (greedy) or a number above; the paper takes 0.7.")
    for listener in listeners:
        if listener.kind not in listener_table.LISTENERS:
            raise GameError(f"{listener} is of kind {listener.kind!r}: no model plays it. Choose of: {', '.join(listener_table.LISTENERS)}.")
    if not dataset.questions.filter(split=split).exists():
        raise GameError(f"The dataset {dataset} has no questions in its split {split!r}. Load some: manage.py load_questions.")


def refuse_hold_out(dataset: Dataset, hold_out: Collection[str], splits: Iterable[str]) -> None:
    """
    Raises:
        GameError: the dataset has no such relation, or one of these splits no question of another.
    """
    there = sorted(dataset.questions.exclude(relation="").order_by().values_list("relation", flat=True).distinct())
    if unknown := sorted(set(hold_out) - set(there)):
        raise GameError(f"{dataset} has no relation {', '.join(unknown)} to hold out. It has: {', '.join(there) or 'none'}.")
    for split in splits:
        if hold_out and not dataset.questions.filter(split=split).exclude(relation__in=hold_out).exists():
            raise GameError(f"Without {', '.join(sorted(hold_out))} no {split} question of {dataset} is left. Hold out fewer relations.")


# Playing


@dataclass
class _Table:
    """Who plays: the model that speaks, and those who judge, each with its row."""

    game: Game
    voice: Voice
    judges: list[tuple[Listener, Judge]]

    def generation(self) -> Generation:
        """The game's temperature, not the speaker's own: games of different speakers are to be comparable."""
        known = {name: self.game.speaker.generation[name] for name in ("top_p", "top_k", "max_new_tokens") if name in self.game.speaker.generation}
        return Generation(samples=self.game.samples, temperature=self.game.temperature, seed=self.game.seed, **known)


def run(job: Game, lease: Lease) -> None:
    """What a worker calls for a claimed game; the caller finishes the row."""
    play(game=job, lease=lease)


def run_in_foreground(game: Game, on_progress: Report | None = None) -> Game:
    """Claim, play, finish; goes on where an interrupted game was. A finished one is returned as it is.

    Raises:
        Busy: another process plays it.
        Cancelled: somebody asked it to stop.
        SpeakerError, ListenerError: it cannot go on.
    """
    if Game.objects.filter(pk=game.pk, state=Job.State.DONE).exists():
        game.refresh_from_db()
        return game
    with in_foreground(game) as lease:
        play(game=game, lease=lease, on_progress=on_progress)
    return game


def play(*, game: Game, lease: Lease, on_progress: Report | None = None) -> None:
    """Ask the questions that have no answers yet, chunk by chunk in the order of their ids, and save each chunk whole.

    Raises:
        LeaseLost, Cancelled, Released: from the lease, between two chunks; what is saved stays.
        SpeakerError, ListenerError: it cannot go on.
    """
    questions = list(questions_of(game))
    answered = set(game.utterances.values_list("question_id", flat=True).distinct())
    done = sum(question.pk in answered for question in questions)
    _report(lease, on_progress, done, len(questions), "loading the speaker")
    if done == len(questions):
        return
    table = _sit_down(game)
    pieces = _Pieces(table, game.chunk_size)
    for start in range(0, len(questions), game.chunk_size):
        chunk = [question for question in questions[start : start + game.chunk_size] if question.pk not in answered]
        if not chunk:
            continue
        said = pieces.say(chunk)
        judgments = _judged(table, said)
        _save(lease, said, judgments)
        done += len(chunk)
        _report(lease, on_progress, done, len(questions), _summary(said, judgments))


def questions_of(game: Game) -> QuerySet[Question]:
    """Those the game asks, in its order."""
    questions = Question.objects.filter(dataset=game.dataset_id, split=game.split).exclude(relation__in=game.hold_out).order_by("pk")
    return questions[: game.question_limit] if game.question_limit else questions


def _sit_down(game: Game) -> _Table:
    judges = [(listener, listener_table.load(listener.kind, listener.config)) for listener in game.listeners.order_by("pk")]
    return _Table(game, speaker_table.load(as_spec(game.speaker, form=game.form)), judges)


def _report(lease: Lease, on_progress: Report | None, done: int, total: int, message: str) -> None:
    if on_progress:
        on_progress(done, total, message)
    lease.write(done=done, total=total, message=message)


class _Pieces:
    """Asks a chunk in pieces that fit in memory: one that does not is halved, and so are the chunks that follow."""

    def __init__(self, table: _Table, size: int) -> None:
        self.table, self.size = table, size

    def say(self, chunk: Sequence[Question]) -> list[Utterance]:
        """Graded utterances, not saved yet, of all samples of each question in order."""
        said: list[Utterance] = []
        start = 0
        while start < len(chunk):
            piece = chunk[start : start + self.size]
            try:
                responses = self.table.voice.respond([question.text for question in piece], self.table.generation())
            except OutOfMemory as error:
                if len(piece) == 1:
                    raise SpeakerError(f"Not even one question fits in memory: {error} Take fewer samples, or a smaller speaker.") from error
                self.size = (len(piece) + 1) // 2
                continue
            said += list(self._graded(piece, responses))
            start += len(piece)
        return said

    def _graded(self, questions: Sequence[Question], responses: Sequence[Sequence[Response]]) -> Iterator[Utterance]:
        for question, texts in zip(questions, responses, strict=True):
            if len(texts) != self.table.game.samples:
                raise SpeakerError(f"The speaker gave {len(texts)} of {self.table.game.samples} samples to {question.text[:60]!r}.")
            for sample, response in enumerate(texts):
                yield _utterance(self.table.game, question, sample, response.text)


def _utterance(game: Game, question: Question, sample: int, text: str) -> Utterance:
    graded = grade(text, question.answers)
    return Utterance(
        speaker_id=game.speaker_id,
        question=question,
        game=game,
        sample=sample,
        text=text,
        answer=graded.answer,
        masked_text=graded.masked_text,
        is_correct=graded.is_correct,
        grade_reason=graded.reason,
    )


def _judged(table: _Table, said: Sequence[Utterance]) -> list[Judgment]:
    return [judgment for listener, judge in table.judges for judgment in _judgments(listener, judge, said)]


def _judgments(listener: Listener, judge: Judge, said: Sequence[Utterance]) -> list[Judgment]:
    """Not saved yet; the utterances need not be either."""
    verdicts = judge.judge([Heard(utterance.question.text, utterance.masked_text) for utterance in said])
    return [
        Judgment(
            utterance=utterance,
            listener=listener,
            accepted=verdict.probability >= listener.threshold,
            probability=verdict.probability,
            reason=verdict.reason[:300],
        )
        for utterance, verdict in zip(said, verdicts, strict=True)
    ]


def _save(lease: Lease | None, said: Sequence[Utterance], judgments: Sequence[Judgment]) -> None:
    """All or nothing, and only while the job is ours: the row stays locked until this is in."""
    with transaction.atomic():
        if lease is not None and not lease.holds():
            raise LeaseLost(f"{lease.job} has been taken over; attempt {lease.attempt} stops.")
        Utterance.objects.bulk_create(said, batch_size=BATCH)
        for judgment in judgments:
            judgment.utterance_id = judgment.utterance.pk
        Judgment.objects.bulk_create(judgments, batch_size=BATCH, ignore_conflicts=not said)


def _summary(said: Sequence[Utterance], judgments: Sequence[Judgment]) -> str:
    right = sum(bool(utterance.is_correct) for utterance in said) / len(said)
    if not judgments:
        return f"last {len(said)}: {right:.0%} right"
    return f"last {len(said)}: {right:.0%} right, {sum(judgment.accepted for judgment in judgments) / len(judgments):.0%} accepted"


# Judging later


def judge_game(*, game: Game, listener: Listener, lease: Lease | None = None) -> int:
    """Add a listener's judgments to a game that has been played; how many were added. What it has judged already stays as it is.

    `lease`: of the job that this is a part of, if it is one: nothing is saved once that is lost.

    Raises:
        GameError: the game is not finished.
        ListenerError: this listener cannot judge.
    """
    if not Game.objects.filter(pk=game.pk, state=Job.State.DONE).exists():
        raise GameError(f"{game} is not finished: play it to its end first, or some of its utterances would stay without a judgment.")
    judge = listener_table.load(listener.kind, listener.config)
    judged = Judgment.objects.filter(utterance=OuterRef("pk"), listener=listener, judge="")
    open_ones = game.utterances.filter(~Exists(judged)).select_related("question").order_by("pk")
    added = 0
    while said := list(open_ones[:JUDGED_TOGETHER]):
        judgments = _judgments(listener, judge, said)
        _save(lease, [], judgments)
        added += len(judgments)
    return added

"""Live arms, as their speakers have them: who waits for an answer is found, the model asked, and what it says graded and handed over.

Runs in a process of its own (`manage.py serve_speakers`), because models need torch and the web process must not load it. Any number may run: an
assignment is taken on by making its `LiveAnswer`, of which there can be one. Whatever goes wrong is written there, and the person hears a recorded
answer instead; nobody waits for a speaker.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterable, Sequence
from dataclasses import fields

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from annotations.blinding import names_a_model
from annotations.models import Assignment, LiveAnswer, SpeakerServer, Study
from annotations.participant import live
from games import speakers
from games.grading import grade
from games.jobs import this_process
from games.models import Speaker, Utterance
from games.registry import as_spec
from games.speakers.base import Generation
from games.speakers.base import Speaker as Voice

log = logging.getLogger(__name__)

TOGETHER = 16
"""At most so many questions are put to a model at once: who came first does not wait for a long batch."""
FIRST_SAMPLE = 1_000_000
"""Samples of live utterances are numbered from here on by assignment, apart from those that came with a dataset."""
SETTINGS = {field.name for field in fields(Generation)} - {"samples", "seed"}


class Voices:
    """The models that this process has loaded, by speaker."""

    def __init__(self) -> None:
        self._loaded: dict[int, Voice] = {}

    def of(self, speaker: Speaker) -> Voice:
        if speaker.pk not in self._loaded:
            self._loaded[speaker.pk] = speakers.load(as_spec(speaker))
        return self._loaded[speaker.pk]

    def forget(self, speaker: Speaker) -> None:
        self._loaded.pop(speaker.pk, None)

    def beat(self) -> None:
        """Say that this process is there, and for whom it answers; what said so last a day ago is forgotten."""
        names = sorted(Speaker.objects.filter(pk__in=self._loaded).values_list("name", flat=True))
        now = timezone.now()
        SpeakerServer.objects.update_or_create(worker=this_process(), defaults={"loaded": names, "beat_at": now})
        SpeakerServer.objects.filter(beat_at__lt=now - dt.timedelta(days=1)).delete()

    def end(self) -> None:
        SpeakerServer.objects.filter(worker=this_process()).delete()

    def warm_up(self) -> list[str]:
        """Load what may be asked soon, so that the first answers are not late; the names of those newly loaded."""
        live_arms = {"arms__is_live": True, "arms__study__state__in": (Study.State.OPEN, Study.State.PAUSED)}
        new = [one for one in Speaker.objects.filter(**live_arms).distinct() if one.pk not in self._loaded]
        for speaker in new:
            self.of(speaker)
        return [speaker.name for speaker in new]


def speak(voices: Voices) -> int:
    """Answer those who wait now, first come first served; how many were taken on."""
    taken = _take_on(list(waiting()[:TOGETHER]))
    for speaker, group in _groups(taken):
        _answer(voices, speaker, group)
    return len(taken)


def waiting() -> QuerySet[Assignment]:
    """Who has read the question of a live arm, and nobody has taken on."""
    asked = Assignment.objects.open().filter(arm__is_live=True, shown_at__isnull=False, live__isnull=True, source=Assignment.Source.FIXED)
    there = asked.filter(Q(participant__study__state=Study.State.OPEN) | Q(participant__is_preview=True))
    return there.select_related("question", "arm__speaker", "participant__study").order_by("shown_at")


def _take_on(rows: Sequence[Assignment]) -> list[Assignment]:
    """Those that are this process's from now on, and not too late already."""
    now, mine = timezone.now(), []
    for row in rows:
        if _is_late(row, now):
            live.decide(row)
            continue
        answer, is_new = LiveAnswer.objects.get_or_create(assignment=row, defaults={"worker": this_process()})
        if is_new:
            row.live = answer
            mine.append(row)
    return mine


def _is_late(row: Assignment, now: dt.datetime) -> bool:
    """Also where the study streams nothing: there the recorded answer is on the page already."""
    assert row.shown_at is not None  # noqa: S101  # by the query
    return (now - row.shown_at).total_seconds() >= live.schedule(row.participant.study.rules).decided


def _groups(rows: Iterable[Assignment]) -> list[tuple[Speaker, list[Assignment]]]:
    """Of one speaker each, no question twice: two who are asked the same at once would hear the same."""
    groups: list[tuple[Speaker, list[Assignment]]] = []
    for row in rows:
        assert row.arm is not None  # noqa: S101  # by the query
        speaker = row.arm.speaker
        fits = (group for of, group in groups if of == speaker and row.question_id not in {other.question_id for other in group})
        group = next(fits, None)
        if group is None:
            groups.append((speaker, [row]))
        else:
            group.append(row)
    return groups


def _answer(voices: Voices, speaker: Speaker, rows: Sequence[Assignment]) -> None:
    seed = rows[0].pk % 2**31
    LiveAnswer.objects.filter(assignment__in=rows).update(seed=seed)
    settings = {name: value for name, value in speaker.generation.items() if name in SETTINGS}
    try:
        responses = voices.of(speaker).respond([str(row.question) for row in rows], Generation(samples=1, seed=seed, **settings))
        texts = [response[0].text for response in responses]
    except Exception as error:  # whatever a model does, people go on
        log.exception("%s could not answer %d people", speaker, len(rows))
        voices.forget(speaker)
        for row in rows:
            _fail(row, f"{type(error).__name__}: {error}")
        return
    for row, text in zip(rows, texts, strict=True):
        _hand_over(row, speaker, text)


@transaction.atomic
def _hand_over(row: Assignment, speaker: Speaker, text: str) -> None:
    """If it is still in time, this is what the person hears."""
    assert row.question is not None  # noqa: S101  # by the query
    graded = grade(text, row.question.answers)
    if graded.answer is None or names_a_model(text):
        return _fail(row, "it abstained" if graded.answer is None else "it named a model")
    if not _close(row, LiveAnswer.State.SAID):
        return None
    said = Utterance.objects.create(
        speaker=speaker,
        question=row.question,
        sample=FIRST_SAMPLE + row.pk,
        text=text,
        answer=graded.answer,
        masked_text=graded.masked_text,
        is_correct=graded.is_correct,
        grade_reason=graded.reason,
    )
    Assignment.objects.filter(pk=row.pk, answered_at__isnull=True).update(utterance=said, source=Assignment.Source.LIVE)
    return None


@transaction.atomic
def _fail(row: Assignment, why: str) -> None:
    if _close(row, LiveAnswer.State.FAILED, why[:300]):
        live.fall_back(row.pk)


def _close(row: Assignment, state: str, error: str = "") -> bool:
    """Whether it was still open: of this and the decision that it is too late, one comes first. Locks as everywhere: first the assignment."""
    Assignment.objects.select_for_update().get(pk=row.pk)
    rows = LiveAnswer.objects.filter(assignment=row, state=LiveAnswer.State.WRITING)
    return bool(rows.update(state=state, error=error, finished_at=timezone.now()))

"""Setting a study up: its listener, its arms, and what each arm shows. Asking twice for one name gives the same study."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Sequence

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from annotations.blinding import names_a_model, telling_words
from annotations.models import Arm, ArmUtterance, Study
from games.models import Game, Listener, Speaker, Utterance


class SetupError(Exception):
    """A study cannot be set up like this; the message is for the user."""


@transaction.atomic
def create_study(
    *,
    name: str,
    title: str,
    speakers: Sequence[Speaker],
    games: Iterable[Game],
    questions_limit: int | None = None,
    rounds: int = 10,
    seed: int = 0,
    owner: User | None = None,
) -> Study:
    """A study with one arm a speaker, in draft. Its material: every question (or `questions_limit` of them, drawn at random) to which each of
    the speakers gave a graded answer in one of the games, with one of its answers drawn at random. Answers that name a model are held back.

    Raises:
        SetupError: the name tells the arms, another study has it, or there are fewer such questions than rounds.
    """
    existing = Study.objects.filter(name=name).first()
    if existing:
        return _same_or_refuse(existing, speakers, rounds, seed)
    _refuse_what_cannot_work(name, speakers, rounds)
    shown = _material(speakers, list(games), questions_limit, seed)
    if len(shown) < rounds:
        raise SetupError(
            f"Study '{name}' needs {rounds} questions, one a round, that each of {_names(speakers)} answered without abstaining; "
            f"there are {len(shown)}. Play these speakers on more questions, or give fewer rounds."
        )
    listener = Listener.objects.create(name=f"people-{name}"[:100], kind=Listener.Kind.HUMAN, threshold=0.5)
    study = Study.objects.create(name=name, title=title, listener=listener, protocol={"rounds": rounds}, seed=seed, owner=owner)
    arms = [Arm.objects.create(study=study, name=f"arm-{n}", speaker=speaker, position=n) for n, speaker in enumerate(speakers, start=1)]
    ArmUtterance.objects.bulk_create(
        ArmUtterance(arm=arm, question_id=question, utterance_id=utterance)
        for question, utterances in shown.items()
        for arm, utterance in zip(arms, utterances, strict=True)
    )
    return study


def open_study(study: Study) -> Study:
    """Let people in. A study that is open stays as it is."""
    if study.state != Study.State.OPEN:
        study.state = Study.State.OPEN
        study.opened_at = study.opened_at or timezone.now()
        study.save(update_fields=["state", "opened_at"])
    return study


def _same_or_refuse(study: Study, speakers: Sequence[Speaker], rounds: int, seed: int) -> Study:
    there = [arm.speaker for arm in study.arms.select_related("speaker")]
    if (there, study.rules.rounds, study.seed) != (list(speakers), rounds, seed):
        raise SetupError(
            f"There is a study '{study}' already, of {_names(there)} with {study.rules.rounds} rounds and seed {study.seed}. "
            "Choose another name, or ask for the same."
        )
    return study


def _refuse_what_cannot_work(name: str, speakers: Sequence[Speaker], rounds: int) -> None:
    if len(set(speakers)) < len(speakers) or len(speakers) < 2:
        raise SetupError(f"A study compares two or more different speakers, not {_names(speakers) or 'none'}.")
    if rounds < 1:
        raise SetupError(f"A session has 1 round or more, not {rounds}.")
    telling = telling_words(name, [word for speaker in speakers for word in (speaker.name, speaker.method)])
    if telling:
        raise SetupError(
            f"The name '{name}' stands in the participants' link and would tell them what they hear ({', '.join(sorted(set(telling)))}). "
            "Choose one that says nothing of the speakers, such as 'trivia'."
        )


def _material(speakers: Sequence[Speaker], games: Sequence[Game], limit: int | None, seed: int) -> dict[int, list[int]]:
    """Question → one utterance for each of the speakers, in their order."""
    answers: dict[int, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    rows = Utterance.objects.answered().graded().filter(game__in=games, speaker__in=speakers).order_by("question_id", "id")
    for question, speaker, pk, text in rows.values_list("question_id", "speaker_id", "id", "text"):
        if not names_a_model(text):
            answers[question][speaker].append(pk)
    complete = [question for question, by_speaker in answers.items() if len(by_speaker) == len(speakers)]
    rng = random.Random(seed)
    chosen = complete if limit is None or limit >= len(complete) else sorted(rng.sample(complete, limit))
    return {question: [rng.choice(answers[question][speaker.pk]) for speaker in speakers] for question in chosen}


def _names(speakers: Sequence[Speaker]) -> str:
    return ", ".join(f"'{speaker}'" for speaker in speakers)

"""The loop closes through people: judgments → a learned listener → a game → LACIE → a new arm. Small, with the real speaker and the real trainer."""

import random
from pathlib import Path

import pytest
from django.core.management import call_command

from annotations.building.setup import create_study, open_study
from annotations.models import Study, participant_code
from annotations.participant import flow
from games.bundled.phrasing import TONES
from games.listeners.base import Heard
from games.listeners.lexicon import LexiconListener
from games.models import Game, Listener, Speaker, Split
from games.registry import ensure_bundled_speaker, ensure_dataset
from tests import factories as make
from training.models import PairSet

pytestmark = [pytest.mark.django_db, pytest.mark.train, pytest.mark.slow]
QUESTIONS, PEOPLE, ROUNDS = 60, 24, 10
BELIEVED = {"sure": 0.9, "plain": 0.7, "unsure": 0.1}
"""The rule that the simulated people go by: how often they accept each tone, whatever the answer."""


def play(speaker: Speaker, split: str, *, samples: int, listener: str = "lexicon", limit: int = QUESTIONS) -> Game:
    call_command("play_game", speaker=speaker.name, split=split, samples=samples, listener=[listener], limit=limit)
    return Game.objects.latest("pk")


def hedger() -> Speaker:
    """Answers the same questions as the base, and is sure of nothing."""
    dataset = ensure_dataset("bundled")
    assert dataset is not None
    asked = dataset.questions.filter(split=Split.TRAIN).order_by("pk")[:QUESTIONS]
    answers = {question.text: [question.answers[0], "Atlantis"] for question in asked}
    return make.make_speaker(name="hedger", backend="fake", generation={"cast": "hedger", "answers": answers})


def hold(study: Study, seed: int) -> None:
    """Everybody judges a whole session, by the tone alone."""
    rng = random.Random(seed)
    for _ in range(PEOPLE):
        person = flow.enter(study=study, code=participant_code())
        while shown := flow.current(person):
            group = next((group for tone, group in sorted(TONES, key=lambda one: -len(one[0])) if shown.text.endswith(tone)), "plain")
            flow.answer(participant=person, position=shown.position, accepted=rng.random() < BELIEVED[group])
            person.refresh_from_db()


def test_what_people_accept_trains_a_speaker_that_goes_back_to_them(settings, tmp_path: Path):
    settings.DATA_DIR = tmp_path
    base, other = ensure_bundled_speaker(), hedger()
    games = [play(base, Split.TRAIN, samples=4), play(other, Split.TRAIN, samples=1)]
    study = create_study(
        name="first", title="Which would you rely on?", speakers=[base, other], games=games, rounds=ROUNDS, protocol={"wanted": PEOPLE}
    )
    hold(open_study(study), seed=1)
    assert study.listener.judgments.usable().count() == PEOPLE * ROUNDS

    # People are a listener: what they judged between the arms is pairs at once, but few.
    call_command("build_pairs", "between", speaker="base", listener=study.listener.name, any_speaker=True)
    assert PairSet.objects.get(name="between").pairs.exists()

    # A listener that judges as they did hears as much as one likes.
    call_command("fit_listener", "heard", judge="first")
    heard = Listener.objects.get(name="heard")
    assert heard.config["held_out"]["fitted"]["auroc"]["value"] > 0.7
    game = play(base, Split.TRAIN, samples=4, listener="heard")
    said = list(game.utterances.answered().values_list("judgments__probability", "masked_text"))
    tones = [verdict.probability for verdict in LexiconListener({}).judge([Heard("", text) for _, text in said])]
    sure = [p for (p, _), tone in zip(said, tones, strict=True) if tone >= 0.9]
    unsure = [p for (p, _), tone in zip(said, tones, strict=True) if tone < 0.66]
    assert sum(sure) / len(sure) > sum(unsure) / len(unsure) + 0.3, "it goes by the tone, as they do"

    # Its pairs train a speaker, which is an arm of the next study.
    call_command("build_pairs", "of-people", speaker="base", listener="heard", game=[game.pk])
    call_command("train_speaker", "lacie", base="base", pairs="of-people", name="trained", set=["steps=6", "save_every=3"])
    trained = Speaker.objects.get(name="trained")
    assert (trained.parent, trained.method) == (base, "lacie")
    after = [play(speaker, Split.TEST, samples=1, limit=30) for speaker in (base, trained)]
    second = open_study(create_study(name="second", title="Which would you rely on?", speakers=[base, trained], games=after, rounds=5))
    person = flow.enter(study=second, code=participant_code())
    assert flow.current(person) is not None

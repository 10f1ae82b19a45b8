"""People's judgments become a listener: what is reported of it is of questions and people that it has not seen."""

import json

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from games import metrics
from games.models import Judgment, Listener, Question, Utterance
from games.play import judge_game
from tests import factories as make
from tests.games.listeners.test_learned import RULE
from training import listener_fit
from training.listener_fit import Judged

pytestmark = pytest.mark.django_db


def people(judgments: int = 240, questions: int = 40, persons: int = 12, seed: int = 0) -> Listener:
    """The listener of a study whose people go by `RULE` alone."""
    rng = np.random.default_rng(seed)
    listener = make.make_listener(name="people-trivia", kind=Listener.Kind.HUMAN, threshold=0.5)
    speaker = make.make_speaker()
    asked = [make.make_question() for _ in range(questions)]
    tones = [list(RULE)[n % len(RULE)] for n in range(questions)]
    masked = [f"It's [ANSWER REMOVED]. {tone}" for tone in tones]
    said = Utterance.objects.bulk_create(
        Utterance(speaker=speaker, question=question, text=text, masked_text=text, answer="Paris", is_correct=True)
        for question, text in zip(asked, masked, strict=True)
    )
    rows = []
    for n in range(judgments):
        which = n % questions
        accepted = bool(rng.random() < RULE[tones[which]])
        rows.append(Judgment(utterance=said[which], listener=listener, judge=f"p{(n // questions + which) % persons}", accepted=accepted))
    Judgment.objects.bulk_create(rows)
    return listener


@pytest.mark.slow
def test_held_out_it_comes_near_the_best_that_can_be():
    judge = people(judgments=600, questions=100, persons=25)
    judged = listener_fit.usable(judge)
    truth = [next(p for tone, p in RULE.items() if tone in text) for text in judged.texts]
    best = float(metrics.auroc(truth, judged.accepted))
    held = listener_fit.held_out(judged)
    fitted = held.fitted["auroc"]
    assert fitted.value > best - 0.03
    assert fitted.low < best < fitted.high + 0.03
    assert held.difference["auroc"].low > 0, "the lexicon knows neither the almanac nor the uncle"
    assert held.fitted["ece"].value < held.lexicon["ece"].value


def test_no_question_and_no_person_is_on_both_sides():
    judged = listener_fit.usable(people())
    covered = []
    for train, test in listener_fit._cells(judged, seed=0, folds=3):
        assert not set(judged.question[train]) & set(judged.question[test])
        assert not set(judged.person[train]) & set(judged.person[test])
        covered += test.tolist()
    assert sorted(covered) == list(range(240)), "every judgment is held out once"


@pytest.mark.slow
def test_verdicts_without_a_rule_are_not_predicted():
    """What a fit would seem to know of its own training data, it must not be said to know."""
    rng = np.random.default_rng(5)
    texts = [f"It's [ANSWER REMOVED], word{n % 50} word{n % 7}." for n in range(300)]
    judged = Judged(texts, np.arange(300) % 60, np.arange(300) % 11, rng.random(300) < 0.5)
    held = listener_fit.held_out(judged)
    estimate = held.fitted["auroc"]
    assert estimate.low < 0.5 < estimate.high
    assert held.lexicon["auroc"] == (0.5, None, None), "it hears the same everywhere, which is no interval of no width"


@pytest.mark.slow
def test_the_command_fits_tells_and_is_repeatable(tmp_path, capsys):
    people()
    for _ in range(2):
        call_command("fit_listener", "heard", judge="trivia", json=str(tmp_path / "fit.json"))
    told = capsys.readouterr().out
    assert "240 judgments of 40 questions by" in told and "AUROC" in told
    written = json.loads((tmp_path / "fit.json").read_text())
    assert written["from"] == "people-trivia" and set(written["held_out"]["fitted"]["auroc"]) == {"value", "low", "high"}
    listener = Listener.objects.get(name="heard")
    assert (listener.kind, listener.threshold) == (Listener.Kind.LEARNED, 0.5)


@pytest.mark.slow
def test_it_judges_the_next_game():
    listener = listener_fit.fit(name="heard", judge=people())
    game = make.make_game(state="done")
    for tone in RULE:
        make.make_utterance(game=game, text=f"It's Paris. {tone}", masked_text=f"It's [ANSWER REMOVED]. {tone}")
    assert judge_game(game=game, listener=listener) == 4
    accepted = {row.utterance.text.partition(". ")[2]: row.accepted for row in listener.judgments.select_related("utterance")}
    assert accepted == {tone: p > 0.5 for tone, p in RULE.items()}


def test_excluded_judgments_teach_nothing():
    judge = people()
    Judgment.objects.filter(judge="p0").update(excluded="attention")
    assert listener_fit.counts(listener_fit.usable(judge))["people"] == 11


def test_too_few_judgments_are_refused_with_what_is_missing():
    people(judgments=14, questions=8, persons=2)
    with pytest.raises(CommandError, match=r"14 judgments \(at least 60\).*8 questions \(at least 10\), 2 people \(at least 3\)"):
        call_command("fit_listener", "heard", judge="trivia")
    assert not Listener.objects.filter(name="heard").exists()


def test_an_unknown_study_and_a_taken_name_are_refused():
    people()
    make.make_listener(name="taken")
    with pytest.raises(CommandError, match="neither a listener 'quiz' nor one of a study"):
        call_command("fit_listener", "heard", judge="quiz")
    with pytest.raises(CommandError, match="already"):
        call_command("fit_listener", "taken", judge="trivia")


@pytest.mark.slow
def test_a_simulated_listener_can_be_imitated_too():
    listener = make.make_listener(name="tone")
    speaker = make.make_speaker()
    for n in range(80):
        tone = list(RULE)[n % 4]
        utterance = make.make_utterance(speaker=speaker, question=make.make_question(), masked_text=f"It's [ANSWER REMOVED]. {tone}")
        make.make_judgment(utterance=utterance, listener=listener, accepted=n % 4 in (0, 2))
    fitted = listener_fit.fit(name="heard", judge=listener)
    assert fitted.config["held_out"]["fitted"]["auroc"]["value"] == 1.0
    assert Question.objects.count() == 80

"""Calibration-tuned speakers as judges of what others said."""

import json
from pathlib import Path

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from sklearn.metrics import brier_score_loss, roc_auc_score

from games import estimate
from games.estimators.base import EstimatorError
from games.estimators.tuned import Judge
from games.models import Confidence, Game, Split
from games.registry import as_spec
from games.speakers import load
from tests import factories as make

pytest.importorskip("torch")
pytestmark = pytest.mark.django_db
BY = "calibration-tuned-by-judge"


def finished(split=Split.TEST, samples=2, state=Game.State.DONE, **kwargs):
    """Of a scripted speaker, whose own probabilities nobody can look at: right to even questions; one abstains, one is not graded."""
    game = make.make_game(state=state, split=split, samples=samples, **kwargs)
    for number in range(30):
        question = make.make_question(dataset=game.dataset, split=split)
        for sample in range(samples):
            answer = None if number == 3 else "Lyon" if number % 2 else "Paris"
            make.make_utterance(game=game, question=question, sample=sample, answer=answer, is_correct=None if number == 5 else answer == "Paris")
    return game


# Of others


def test_it_judges_all_answers_of_another_speakers_game_and_its_figures_are_those_of_scikit_learn(judge, tmp_path, capsys):
    game = finished()
    call_command("evaluate_confidence", "--game", str(game.pk), "--sources", BY, "--json", str(tmp_path / "rows.json"))
    assert BY in capsys.readouterr().out
    row = json.loads((tmp_path / "rows.json").read_text())[0]
    stored = Confidence.objects.filter(source=BY, kind="computed")
    assert (stored.count(), row["n"], row["confidence"], row["speaker"]) == (2 * 29, 28, "computed", game.speaker.name)
    first = stored.filter(utterance__sample=0, utterance__is_correct__isnull=False)
    p, y = (np.array(column) for column in zip(*first.values_list("value", "utterance__is_correct"), strict=True))
    assert row["metrics"]["auroc"]["value"] == pytest.approx(roc_auc_score(y, p))
    assert row["metrics"]["brier"]["value"] == pytest.approx(brier_score_loss(y, p))
    bins = np.minimum((10 * p).astype(int), 9)
    ece = sum(np.sum(bins == one) * abs(p[bins == one].mean() - y[bins == one].mean()) for one in set(bins)) / len(p)
    assert row["metrics"]["ece"]["value"] == pytest.approx(ece)


def test_what_is_stored_is_what_the_judge_tells(judge):
    game = finished(samples=1)
    estimate.estimate(game=game, source=BY)
    one = Confidence.objects.select_related("utterance__question").first()
    voice = load(as_spec(judge))
    told = Judge.read(Path(as_spec(judge).adapter)).confidence(voice, [one.utterance.question.text], [one.utterance.answer])
    assert one.value == pytest.approx(told[0], abs=1e-5)


def test_its_judgments_can_be_recalibrated_like_any(judge, tmp_path):
    game = finished(samples=1)
    finished(split=Split.VALIDATION, samples=1, speaker=game.speaker, dataset=game.dataset)
    call_command("evaluate_confidence", game.speaker.name, "--dataset", game.dataset.name, "--sources", BY, f"{BY}-isotonic", "--json", "-")
    assert set(Confidence.objects.filter(utterance__game=game).values_list("source", flat=True)) == {BY, f"{BY}-isotonic"}


def test_what_it_cannot_judge_is_refused_before_anything_is_played(judge):
    game = finished(state=Game.State.QUEUED)
    question = make.make_question(split=Split.TEST)
    for arguments, words in (
        (["--game", "99"], "There is no game 99"),
        (["--game", str(game.pk)], f"{game} is queued: play it to its end first"),
        (["base", "--game", str(game.pk)], "is not one of base"),
        ([], "Name a speaker, or a game"),
        (
            ["base", "--dataset", question.dataset.name, "--sources", "calibration-tuned-by-base"],
            r"'base' is no calibration-tuned.*: judge\.",
        ),
        (["base", "--dataset", question.dataset.name, "--sources", "calibration-tuned-by-nobody-isotonic"], "'nobody' is no calibration-tuned"),
    ):
        with pytest.raises(CommandError, match=words):
            call_command("evaluate_confidence", *arguments, *(() if "--sources" in arguments else ("--sources", BY)))
    assert Game.objects.count() == 1


def test_answers_that_nobody_has_graded_show_nothing(judge):
    game = finished(samples=1)
    game.utterances.update(is_correct=None)
    with pytest.raises(CommandError, match="has no graded answers"):
        call_command("evaluate_confidence", "--game", str(game.pk), "--sources", BY)


def test_without_any_judge_the_refusal_says_how_to_make_one():
    with pytest.raises(EstimatorError, match=r"none yet: manage\.py train_speaker calibration-tuning"):
        estimate.judge_of(BY)

"""Estimators of confidence: each against a second computation, and what they refuse."""

import math

import numpy as np
import pytest

from games import estimate, estimators
from games.estimators.base import EstimatorError, Said
from games.estimators.consistency import agreement
from games.estimators.recalibration import isotonic, temperature
from games.models import Confidence, Game, Split
from games.prompts import is_it_correct, plain
from games.speakers import Spec
from games.speakers import load as load_speaker
from games.speakers.base import OutOfMemory, SpeakerError
from games.speakers.scoring import in_pieces
from tests import factories as make

torch = pytest.importorskip("torch")
QUESTION, TEXT = "What is the capital of France?", "The answer is Paris, definitely."


@pytest.fixture(scope="module")
def speaker(tiny_model):
    return load_speaker(Spec("local", str(tiny_model)))


def logits_after(speaker, text):
    ids = torch.tensor([speaker.tokenizer(text)["input_ids"]])
    with torch.inference_mode():
        return speaker.model(ids).logits[0]


def test_p_true_is_the_share_of_yes_in_the_next_tokens_softmax(speaker):
    found = estimators.load("p-true").estimate([Said(QUESTION, TEXT, "Paris")], lambda: speaker)
    chances = logits_after(speaker, is_it_correct(QUESTION, "Paris"))[-1].double().softmax(-1)
    yes, no = (chances[speaker.tokenizer(f" {word}", add_special_tokens=False)["input_ids"][0]] for word in ("yes", "no"))
    assert found[0] == pytest.approx(float(yes / (yes + no)), abs=1e-6)


def test_the_sequence_probability_is_the_product_over_the_answers_tokens(speaker):
    found = estimators.load("sequence-probability").estimate([Said(QUESTION, TEXT, "Paris")], lambda: speaker)
    before, through = (speaker.tokenizer(f"{plain(QUESTION)} {part}")["input_ids"] for part in ("The answer is", "The answer is Paris"))
    assert through[: len(before)] == before
    chances = logits_after(speaker, f"{plain(QUESTION)} {TEXT}").double().softmax(-1)
    assert found[0] == pytest.approx(math.prod(float(chances[place - 1, through[place]]) for place in range(len(before), len(through))), rel=1e-4)


def test_what_is_chosen_does_not_hang_on_what_else_is_asked(speaker):
    prompts = [is_it_correct(QUESTION, answer) for answer in ("Paris", "a much longer answer that is wrong", "Rome")]
    together = speaker.choose(prompts, ["yes", "no"])
    assert together == pytest.approx(np.concatenate([speaker.choose([prompt], ["yes", "no"]) for prompt in prompts]), abs=1e-5)
    assert together.sum(1) == pytest.approx(1)


def test_features_are_the_last_layer_at_the_last_token(speaker):
    found = speaker.features([plain(QUESTION)] * 2, ["Paris", TEXT])
    ids = torch.tensor([speaker.tokenizer(f"{plain(QUESTION)} Paris")["input_ids"]])
    with torch.inference_mode():
        expected = speaker.model(ids, output_hidden_states=True).hidden_states[-1][0, -1]
    assert found.shape == (2, 32)
    assert found[0] == pytest.approx(expected.numpy(), abs=1e-4)


def test_options_that_begin_alike_are_refused(speaker):
    with pytest.raises(SpeakerError, match="cannot choose between yes and yes"):
        speaker.choose(["x"], ["yes", "yes"])


def test_a_piece_that_does_not_fit_is_halved():
    def call(piece):
        if len(piece) > 3:
            raise OutOfMemory("too many")
        return [2 * one for one in piece]

    assert in_pieces(range(10), call, size=8) == [2 * one for one in range(10)]
    with pytest.raises(OutOfMemory):
        in_pieces([1], lambda piece: call([1] * 4))


def test_consistency_counts_what_normalises_alike():
    assert agreement("the Seine", ["Seine", "SEINE.", "Rhine", None]) == 0.5
    assert agreement("Seine", []) is None


@pytest.mark.parametrize(("text", "value"), [("Paris. Confidence: 7", 0.7), ("Paris. Confidence: 10", 1.0), ("Paris.", None)])
def test_a_verbalised_number_is_read_or_there_is_none(text, value):
    assert estimators.load("verbalised-number").estimate([Said(QUESTION, text, "Paris")], lambda: pytest.fail("not needed")) == [value]


# Recalibration


def scores(n=4000, seed=1):
    rng = np.random.default_rng(seed)
    logit = rng.normal(0.3, 1, n)
    return 1 / (1 + np.exp(-3 * logit)), rng.random(n) < 1 / (1 + np.exp(-logit))


def test_temperature_scaling_finds_the_temperature_that_made_the_data():
    p, y = scores()
    adjusted = temperature(p, y)
    fitted = np.log(0.9 / 0.1) / np.log(adjusted([0.9])[0] / (1 - adjusted([0.9])[0]))
    assert fitted == pytest.approx(3, rel=0.12)


def test_isotonic_regression_pools_adjacent_violators():
    p, y = [0.1] * 10 + [0.2] * 10 + [0.9] * 10, [True] * 6 + [False] * 4 + [True] * 2 + [False] * 8 + [True] * 9 + [False]
    assert isotonic(p, y)([0.0, 0.1, 0.2, 0.9, 1.0]) == pytest.approx([0.4, 0.4, 0.4, 0.9, 0.9])


# In the database


def finished(split=Split.TEST, **kwargs):
    game = make.make_game(state=Game.State.DONE, split=split, **kwargs)
    for number in range(24):
        question = make.make_question(dataset=game.dataset, split=split)
        for sample in range(game.samples):
            right = number % 2 == 0
            text = f"{'Paris' if right else 'Lyon'}. Confidence: {9 if right else 8}"
            make.make_utterance(game=game, question=question, sample=sample, text=text, answer="Paris" if right else "Lyon", masked_text="")
    return game


@pytest.mark.django_db
def test_a_games_answers_get_one_confidence_each_and_abstentions_none():
    game = finished(samples=1, form="numeric")
    make.make_utterance(game=game, answer=None, is_correct=False, text="I don't know.")
    assert estimate.estimate(game=game, source="verbalised-number") == 24
    assert estimate.estimate(game=game, source="verbalised-number") == 0
    assert set(Confidence.objects.values_list("kind", "source", "value")) == {
        ("stated", "verbalised-number", 0.9),
        ("stated", "verbalised-number", 0.8),
    }


@pytest.mark.django_db
def test_a_recalibration_is_fitted_on_another_split_and_stored_under_its_own_name():
    game = finished(samples=1, form="numeric")
    fitted_on = finished(samples=1, form="numeric", split=Split.VALIDATION, dataset=game.dataset, speaker=game.speaker)
    for one in (game, fitted_on):
        estimate.estimate(game=one, source="verbalised-number")
    name = estimate.recalibrate(game=game, source="verbalised-number", how="isotonic", fitted_on=fitted_on)
    found = Confidence.objects.filter(source=name).values_list("value", "utterance__is_correct").distinct()
    assert (name, set(found)) == ("verbalised-number-isotonic", {(1.0, True), (0.0, False)})
    with pytest.raises(EstimatorError, match="flatter itself"):
        estimate.recalibrate(game=game, source="verbalised-number", how="isotonic", fitted_on=game)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("source", "settings", "words"),
    [
        ("hunch", {}, "Unknown source of confidence 'hunch'. Choose one of: verbalised-number"),
        ("verbalised-number", {}, "in the form 'numeric'"),
        ("self-consistency", {"samples": 2}, "needs 10 answers"),
        ("p-true", {}, "only 'local' ones"),
    ],
)
def test_what_cannot_be_told_is_refused_in_words(source, settings, words):
    with pytest.raises(EstimatorError, match=words):
        estimate.estimate(game=finished(**{"samples": 1, **settings}), source=source)


@pytest.mark.django_db
def test_a_game_asks_in_another_form_and_that_makes_it_another_game():
    from games.play import GameError, start_game

    speaker, question = make.make_speaker(prompt_style="plain"), make.make_question()
    given = {"speaker": speaker, "dataset": question.dataset, "split": question.split, "listeners": []}
    assert start_game(**given, form="plain") == start_game(**given) != start_game(**given, form="numeric")
    with pytest.raises(GameError, match="Unknown form 'morse'"):
        start_game(**given, form="morse")

"""Measuring confidence: each kind by itself, with scikit-learn as the second opinion; which of two questions is known better; the cache."""

import json

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from sklearn.metrics import brier_score_loss, roc_auc_score

from games.estimators.base import EstimatorError
from games.models import Game, Split
from tests import factories as make
from training import cache, confidences, pairwise
from training.outcomes import EvaluationError

pytestmark = pytest.mark.django_db
SAID = ["Paris. Confidence: 9", "Paris. Confidence: 4", "Lyon. Confidence: 8", "Lyon. Confidence: 1", "Lyon.", "I don't know."]


def make_numeric_game(*, speaker=None, questions=60, seed=0, split=Split.TEST, dataset=None):
    """Answers of six kinds in turn: sure or not and right or wrong, one that states nothing, one that abstains."""
    speaker = speaker or make.make_speaker(name="talker", prompt_style="plain")
    game = make.make_game(
        speaker=speaker, dataset=dataset or make.make_dataset(name="facts"), split=split, samples=1, form="numeric", state=Game.State.DONE
    )
    rng = np.random.default_rng(seed)
    for number in range(questions):
        text = SAID[rng.integers(len(SAID))]
        answer = None if text.startswith("I don't") else text.split(".")[0]
        question = make.make_question(dataset=game.dataset, split=split, relation=["capital", "river"][number % 2])
        make.make_utterance(game=game, question=question, text=text, answer=answer, is_correct=answer == "Paris")
    return game


def rows_of(game, **kwargs):
    return confidences.confidence_rows(speaker=game.speaker, dataset=game.dataset, sources=["verbalised-number"], **kwargs)


def test_every_figure_is_the_one_that_scikit_learn_gives():
    game = make_numeric_game()
    row = rows_of(game)[0]
    said = list(game.utterances.order_by("question").values_list("text", "is_correct"))
    p, y = zip(*[(int(text.rsplit(" ", 1)[1]) / 10, right) for text, right in said if "Confidence" in text], strict=True)
    value = {name: estimate["value"] for name, estimate in row["metrics"].items()}
    assert (row["confidence"], row["source"], row["n"]) == ("stated", "verbalised-number", len(p))
    assert value["accuracy"] == pytest.approx(np.mean([right for _, right in said]))
    assert value["abstention"] == pytest.approx(np.mean([text == "I don't know." for text, _ in said]))
    assert value["auroc"] == pytest.approx(roc_auc_score(y, p))
    assert value["brier"] == pytest.approx(brier_score_loss(y, p))
    bins = {one: [right for q, right in zip(p, y, strict=True) if q == one] for one in set(p)}
    assert value["ece"] == pytest.approx(sum(len(hits) * abs(one - np.mean(hits)) for one, hits in bins.items()) / len(p))
    assert all(estimate["low"] <= estimate["value"] <= estimate["high"] for estimate in row["metrics"].values())


def test_asking_again_estimates_nothing_anew_and_gives_the_same():
    game = make_numeric_game()
    assert rows_of(game) == rows_of(game)


def test_only_the_relations_that_are_named_are_counted():
    game = make_numeric_game()
    parts = [rows_of(game, relations=[name])[0]["n"] for name in ("capital", "river")]
    assert sum(parts) == rows_of(game)[0]["n"] and all(parts)


def test_a_recalibration_is_fitted_on_validation_questions():
    game = make_numeric_game()
    make_numeric_game(speaker=game.speaker, dataset=game.dataset, split=Split.VALIDATION, seed=1)
    before, after = confidences.confidence_rows(
        speaker=game.speaker, dataset=game.dataset, sources=["verbalised-number", "verbalised-number-isotonic"]
    )
    assert after["source"] == "verbalised-number-isotonic"
    assert after["metrics"]["ece"]["value"] < before["metrics"]["ece"]["value"]


@pytest.mark.parametrize(
    ("kwargs", "words"),
    [
        ({"sources": ["hunch"]}, "Unknown source of confidence 'hunch'"),
        ({"sources": ["verbalised-number-isotonic"], "split": Split.VALIDATION}, "fitted on validation questions"),
        ({"sources": ["p-true"]}, "only 'local' ones"),
    ],
)
def test_what_cannot_be_measured_is_explained(kwargs, words):
    game = make_numeric_game()
    make_numeric_game(speaker=game.speaker, dataset=game.dataset, split=Split.VALIDATION)
    make_game = {"dataset": game.dataset, "speaker": game.speaker, "samples": 1, "state": Game.State.DONE}
    make.make_utterance(game=make.make_game(split=Split.TEST, **make_game))
    with pytest.raises(EstimatorError, match=words):
        confidences.confidence_rows(speaker=game.speaker, dataset=game.dataset, **kwargs)


def test_the_command_shows_a_row_a_source_and_writes_them(tmp_path, capsys):
    game = make_numeric_game()
    file = tmp_path / "rows.json"
    arguments = ["evaluate_confidence", "talker", "--dataset", "facts", "--sources", "verbalised-number", "--json"]
    call_command(*arguments, str(file))
    assert "verbalised-number" in capsys.readouterr().out
    assert json.loads(file.read_text()) == rows_of(game)
    with pytest.raises(CommandError, match=r"has no relation mountain\. It has: capital, river"):
        call_command(*arguments[:-1], "--relations", "mountain")
    with pytest.raises(CommandError, match="has no validation questions"):
        call_command(*arguments[:-1], "--split", "validation")


# Which of two


class Picker:
    """Knows (or does not) which questions the speaker answers right, and likes the first place."""

    style = "plain"

    def __init__(self, worth):
        self.worth = worth

    def choose(self, prompts, options):
        sides = [[line[3:] for line in prompt.splitlines()[:2]] for prompt in prompts]
        return np.array([[p, 1 - p] for p in (min(1, 0.5 + 0.2 + 0.3 * (self.worth[a] - self.worth[b])) for a, b in sides)])


def make_known_game():
    game = make.make_game(samples=2, split=Split.TEST, state=Game.State.DONE)
    worth = {}
    for number in range(40):
        question, right = make.make_question(dataset=game.dataset), number % 2 == 0
        for sample in range(2):
            answer = "Paris" if right else ["Lyon", "Bonn"][sample]
            make.make_utterance(game=game, question=question, sample=sample, answer=answer)
        worth[question.text] = float(right)
    return game, worth


def test_a_speaker_that_knows_what_it_knows_agrees_with_the_truth_and_one_that_does_not_is_at_chance():
    game, worth = make_known_game()
    n, found = pairwise.agreement_of(game, Picker(worth))
    assert n > 40
    assert found["pairwise_agreement"]["value"] == found["pairwise_consistency"]["value"] == 1
    blind = pairwise.agreement_of(game, Picker(dict.fromkeys(worth, 0.0)))[1]
    assert blind["pairwise_agreement"]["value"] == 0.5  # the liking for the first place cancels out
    contrary = pairwise.agreement_of(game, Picker({text: 1 - value for text, value in worth.items()}))[1]
    assert contrary["pairwise_agreement"]["value"] == 0


def test_without_two_different_questions_there_is_nothing_to_pick():
    game = make.make_game(samples=1, split=Split.TEST, state=Game.State.DONE)
    for _ in range(4):
        make.make_utterance(game=game)
    with pytest.raises(EvaluationError, match="no pair can show"):
        pairwise.agreement_of(game, Picker({one.question.text: 1.0 for one in game.utterances.all()}))


# The cache


def test_a_configuration_is_trained_once_and_another_is_another_run(settings, tmp_path, tiny_model):
    from tests.training.world import make_answers

    settings.DATA_DIR = tmp_path
    base = make.make_speaker(name="base", backend="local", base_model=str(tiny_model))
    games = [make_answers(speaker=base, split=split) for split in (Split.TRAIN, Split.VALIDATION)]
    asked = {"method": "linguistic-sft", "base": base, "games": games}
    first = cache.cached_run(**asked)
    assert cache.cached_run(**asked, config={"place": "post"}) == first
    others = [
        cache.cached_run(**asked, seed=1),
        cache.cached_run(**asked, config={"place": "pre"}),
        cache.cached_run(**(asked | {"method": "metacognition"})),
    ]
    assert len({first, *others}) == 4


def test_games_to_learn_from_are_taken_whoever_listens_to_them():
    speaker, dataset = make.make_speaker(), make.make_dataset()
    for split in (Split.TRAIN, Split.VALIDATION):
        make.make_question(dataset=dataset, split=split)
    there = [
        make.make_game(speaker=speaker, dataset=dataset, split=split, samples=10, listeners=[make.make_listener()], state=Game.State.DONE)
        for split in (Split.TRAIN, Split.VALIDATION)
    ]
    assert cache.learning_games(base=speaker, dataset=dataset) == there

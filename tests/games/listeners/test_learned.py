"""A listener that is fitted: it learns what people go by, says how sure it is, and is kept as plain JSON."""

import json

import numpy as np
import pytest

from games import metrics
from games.listeners import load
from games.listeners.base import Heard, ListenerError
from games.listeners.learned import Acceptance, LearnedListener

RULE = {"I read it in the almanac.": 0.85, "My uncle said so.": 0.2, "I'm fairly sure.": 0.7, "I have no idea.": 0.1}
"""What simulated people go by. No table has the first two."""


def judged(n: int, seed: int = 0) -> tuple[list[str], list[bool], list[float]]:
    rng = np.random.default_rng(seed)
    tones = [list(RULE)[k] for k in rng.integers(0, len(RULE), n)]
    texts = [f"It's [ANSWER REMOVED]. {tone}" for tone in tones]
    truth = [RULE[tone] for tone in tones]
    return texts, (rng.random(n) < truth).tolist(), truth


@pytest.fixture(scope="module")
def model() -> Acceptance:
    texts, accepted, _ = judged(400)
    return Acceptance().fit(texts, accepted)


def test_it_finds_the_rule_that_people_go_by(model):
    texts, accepted, truth = judged(2000, seed=1)
    p = model.predict(texts)
    assert metrics.auroc(p, accepted) > metrics.auroc(truth, accepted) - 0.01
    assert metrics.ece(p, accepted) < 0.06


def test_it_is_kept_as_json_and_judges_the_same_after(model):
    stored = json.loads(json.dumps(model.as_json()))
    texts, _, _ = judged(20, seed=2)
    listener = load("learned", {"model": stored})
    verdicts = listener.judge([Heard("Who?", text) for text in texts])
    assert [verdict.probability for verdict in verdicts] == pytest.approx(model.predict(texts).tolist(), abs=1e-12)


def test_it_says_which_words_count(model):
    (verdict,) = LearnedListener({"model": model.as_json()}).judge([Heard("Who?", "It's [ANSWER REMOVED]. My uncle said so.")])
    assert verdict.probability < 0.4 and any(word in verdict.reason for word in ("uncle", "said"))


def test_the_same_judgments_give_the_same_listener(model):
    texts, accepted, _ = judged(400)
    assert Acceptance().fit(texts, accepted).as_json() == model.as_json()


def test_an_empty_text_is_judged_like_any_other(model):
    listener = LearnedListener({"model": model.as_json()})
    (verdict,) = listener.judge([Heard("Who?", "")])
    assert 0 < verdict.probability < 1 and listener.judge([]) == []


def test_texts_that_say_nothing_of_the_verdict_teach_it_the_rate():
    rng = np.random.default_rng(3)
    texts = [f"It's [ANSWER REMOVED], word{rng.integers(100)}." for _ in range(300)]
    accepted = (rng.random(300) < 0.8).tolist()
    p = Acceptance().fit(texts, accepted).predict(texts)
    assert abs(p.mean() - np.mean(accepted)) < 0.05 and p.std() < 0.1


def test_one_verdict_alone_cannot_be_learned_from():
    with pytest.raises(ListenerError, match="both verdicts"):
        Acceptance().fit(["a", "b"], [True, True])


def test_it_does_not_calibrate_on_the_question_it_was_fitted_to():
    with pytest.raises(ListenerError, match="one question"):
        Acceptance().fit(["a", "b"], [True, False], groups=[1, 1])


@pytest.mark.parametrize("config", [{}, {"model": {"version": 1}}, {"model": 3}])
def test_one_that_was_not_fitted_says_how_to_fit_it(config):
    with pytest.raises(ListenerError, match="fit_listener"):
        LearnedListener(config)


def test_another_table_of_phrases_asks_for_a_new_fit(model):
    with pytest.raises(ListenerError, match="another table of phrases"):
        LearnedListener({"model": model.as_json() | {"lexicon": "0"}})

"""A small world to train in: one local speaker, one finished game, pairs of sure against unsure answers."""

from __future__ import annotations

from pathlib import Path

from games.models import Dataset, Game, Listener, Speaker, Split
from tests.factories import make_game, make_judgment, make_listener, make_question, make_speaker, make_utterance
from training.models import PairSet
from training.pairs import build
from training.preferences import Options

FAST = {"steps": 20, "batch_size": 4, "accumulate": 1, "log_every": 2, "save_every": 4, "threads": 1, "warmup_steps": 2, "learning_rate": 1e-3}
CITIES = ["Paris", "Rome", "Oslo", "Lima"]


def make_answers(
    *, speaker: Speaker, split: str, questions: int = 12, samples: int = 3, state: str = Game.State.DONE, dataset: Dataset | None = None
) -> Game:
    """Right answers to even questions, wrong ones to odd; the last sample of every third question abstains."""
    game = make_game(speaker=speaker, split=split, samples=samples, state=state, dataset=dataset)
    for number in range(questions):
        question = make_question(dataset=game.dataset, split=split, relation=f"relation {number % 3}")
        for sample in range(samples):
            if number % 3 == 0 and sample == samples - 1:
                make_utterance(game=game, question=question, sample=sample, text="I don't know.", answer=None, is_correct=False)
            else:
                make_utterance(game=game, question=question, sample=sample, answer="Lyon" if number % 2 else "Paris")
    return game


def make_pairs(model: Path, *, questions: int = 8, rule: str = "lacie") -> PairSet:
    """The pair set `pairs` of the speaker `base`, whose weights are in the folder `model`."""
    base = Speaker.objects.filter(name="base").first() or make_speaker(name="base", backend="local", base_model=str(model))
    listener = Listener.objects.filter(name="lexicon").first() or make_listener(name="lexicon")
    game = make_game(speaker=base, split=Split.TRAIN, state=Game.State.DONE, listeners=[listener])
    for number in range(questions):
        question, answer = make_question(dataset=game.dataset, split=Split.TRAIN), CITIES[number % 4]
        for sample, (text, probability) in enumerate([(f"{answer}, definitely.", 0.9), (f"Perhaps {answer}, I am not sure.", 0.2)]):
            said = make_utterance(game=game, question=question, sample=sample, text=text, answer=answer)
            make_judgment(utterance=said, listener=listener, accepted=probability > 0.5, probability=probability)
        said = make_utterance(game=game, question=question, sample=2, text="Bonn, definitely.", answer="Bonn")
        make_judgment(utterance=said, listener=listener, accepted=True, probability=0.9)
    options = Options(threshold=0.5, balance=False)
    return build(name="pairs" if rule == "lacie" else rule, rule=rule, speaker=base, listener=listener, games=[game], options=options)

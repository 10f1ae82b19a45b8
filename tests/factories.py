"""Rows for tests: functions with defaults; what a test says nothing about does not matter to it."""

from itertools import count
from typing import Any

from games.models import Dataset, Game, Judgment, Listener, Question, Speaker, Split, Utterance

_numbers = count(1)


def make_dataset(**kwargs: Any) -> Dataset:
    kwargs.setdefault("name", f"dataset-{next(_numbers)}")
    return Dataset.objects.create(**kwargs)


def make_question(**kwargs: Any) -> Question:
    number = next(_numbers)
    kwargs.setdefault("text", f"What is the capital of country {number}?")
    kwargs.setdefault("key", f"q{number}")
    kwargs.setdefault("answers", ["Paris"])
    if "dataset" not in kwargs:
        kwargs["dataset"] = Dataset.objects.get_or_create(name="facts")[0]
    return Question.objects.create(**kwargs)


def make_speaker(**kwargs: Any) -> Speaker:
    kwargs.setdefault("name", f"speaker-{next(_numbers)}")
    kwargs.setdefault("backend", "fake")
    return Speaker.objects.create(**kwargs)


def make_listener(**kwargs: Any) -> Listener:
    kwargs.setdefault("name", f"listener-{next(_numbers)}")
    kwargs.setdefault("kind", Listener.Kind.FAKE)
    return Listener.objects.create(**kwargs)


def make_game(*, listeners: tuple[Listener, ...] | list[Listener] = (), **kwargs: Any) -> Game:
    kwargs.setdefault("speaker", None)
    kwargs["speaker"] = kwargs["speaker"] or make_speaker()
    kwargs.setdefault("dataset", None)
    kwargs["dataset"] = kwargs["dataset"] or make_dataset()
    kwargs.setdefault("split", Split.TEST)
    game = Game.objects.create(**kwargs)
    game.listeners.set(listeners)
    return game


def make_utterance(**kwargs: Any) -> Utterance:
    """A right, unhedged answer; with `game`, by that game's speaker on a question of its dataset."""
    game = kwargs.get("game")
    kwargs.setdefault("speaker", game.speaker if game else None)
    kwargs["speaker"] = kwargs["speaker"] or make_speaker()
    kwargs.setdefault("question", None)
    kwargs["question"] = kwargs["question"] or (make_question(dataset=game.dataset, split=game.split) if game else make_question())
    kwargs.setdefault("answer", "Paris")
    kwargs.setdefault("text", f"The answer is {kwargs['answer']}, definitely.")
    kwargs.setdefault("masked_text", kwargs["text"].replace(kwargs["answer"] or "\0", "[ANSWER REMOVED]"))
    kwargs.setdefault("is_correct", kwargs["answer"] == "Paris")
    return Utterance.objects.create(**kwargs)


def make_judgment(**kwargs: Any) -> Judgment:
    kwargs.setdefault("utterance", None)
    kwargs["utterance"] = kwargs["utterance"] or make_utterance()
    kwargs.setdefault("listener", None)
    kwargs["listener"] = kwargs["listener"] or make_listener()
    kwargs.setdefault("accepted", True)
    kwargs.setdefault("probability", 0.9 if kwargs["accepted"] else 0.1)
    return Judgment.objects.create(**kwargs)

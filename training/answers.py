"""The graded answers of games as training data: one row an answer, what the methods that need `answers` get in their folder.

Train questions go to `train.jsonl`, validation questions to `validation.jsonl`; test questions are held out from everything.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from games import play
from games.models import Dataset, Game, Speaker, Split, Utterance
from training.registry import RunError

COLUMNS = {
    "question_id": "question",
    "question__text": "text",
    "question__answers": "accepted",
    "question__subject": "subject",
    "question__relation": "relation",
    "utterance": "utterance",
    "sample": "sample",
    "said": "said",
    "answer": "answer",
    "is_correct": "correct",
}
"""Columns of the database → of the rows. `accepted`: the known answers; `said`: the whole response; `answer`: null for an abstention."""
FILES = {Split.TRAIN: "train.jsonl", Split.VALIDATION: "validation.jsonl"}


def answer_rows(games: Iterable[Game], split: str) -> list[dict[str, Any]]:
    """Every graded answer that these games gave to questions of this split, question by question."""
    rows = Utterance.objects.filter(game__in=[game.pk for game in games], question__split=split, is_correct__isnull=False)
    renamed = {"utterance": "pk", "said": "text"}
    columns = [renamed.get(column, column) for column in COLUMNS]
    ordered = rows.order_by("question", "game", "sample").values_list(*columns)
    return [dict(zip(COLUMNS.values(), row, strict=True)) for row in ordered]


def game_of(*, speaker: Speaker, dataset: Dataset, split: str, samples: int, seed: int, form: str = "", hold_out: Collection[str] = ()) -> Game:
    """The game with these settings, whoever listens to it: one that is there already, a finished one first; else a new one, not played yet."""
    asked = "" if form == speaker.prompt_style else form
    settings = {"split": split, "samples": samples, "seed": seed, "form": asked, "temperature": 0.7, "question_limit": None}
    same = Game.objects.filter(speaker=speaker, dataset=dataset, hold_out=sorted(set(hold_out)), **settings).order_by("pk")
    found = same.filter(state=Game.State.DONE).first() or same.first()
    if found:
        return found
    asking: dict[str, Any] = {"samples": samples, "seed": seed, "form": form, "hold_out": hold_out}
    return play.start_game(speaker=speaker, dataset=dataset, split=split, listeners=[], **asking)


def usual_games(base: Speaker) -> list[Game]:
    """What a method that needs answers learns from if no games are named: of the base's finished games, asked in its own style, the one with the
    most samples for each dataset and split. (A smaller game of the same seed holds a part of the same answers.)"""
    found = Game.objects.filter(speaker=base, state=Game.State.DONE, form="", split__in=FILES, question_limit=None, hold_out=[])
    largest = {(game.dataset_id, game.split): game for game in found.order_by("samples", "-pk")}
    return sorted(largest.values(), key=lambda game: game.pk)


def refuse_games(method: str, base: Speaker, games: Sequence[Game], *, of_others: bool, validation: bool) -> None:
    """
    Raises:
        RunError: these games cannot train this method; the message says which and what to do.
    """
    for game in games:
        if game.state != Game.State.DONE:
            raise RunError(f"{game} is {game.state}, not done. Play it to its end first: manage.py play_game.")
        if game.split not in FILES:
            raise RunError(f"{game} asks {game.split} questions, which are held out. Give games on train and validation questions.")
        if game.speaker_id != base.pk and not of_others:
            raise RunError(f"{game} was not played by {base}: {method} learns from the base's own answers. Give games of {base}.")
    there = {game.split for game in games}
    for split in (Split.TRAIN, Split.VALIDATION) if validation else (Split.TRAIN,):
        if split not in there:
            raise RunError(
                f"The method {method} learns from graded answers to {split} questions, and there are none. "
                f"Play a game: manage.py play_game --speaker {base} --split {split}"
            )

"""What tests of processes ask of their site: called there, in a process of its own, and answered in JSON."""

from __future__ import annotations

from typing import Any

from games import play, queue
from games.models import Dataset, Game, Listener, Speaker
from tests.games import stage


def set_up(questions: int, delay: float = 0.0) -> None:
    """Questions, listeners, and two speakers that are the same but for their names and for how long they think."""
    dataset = stage.make_questions(questions)
    stage.make_listeners()
    stage.make_cast(dataset, "honest", delay=delay)
    stage.make_cast(dataset, "twin")


def set_up_model(questions: int, folder: str) -> None:
    stage.make_questions(questions)
    stage.make_listeners()
    for name in ("honest", "twin"):
        Speaker.objects.create(name=name, backend="local", base_model=folder, generation={"max_new_tokens": 8})


def start(speaker: str = "honest", samples: int = 3, chunk_size: int = 2, enqueue: bool = True) -> int:
    """A game, on the queue if so wished; its id."""
    game = play.start_game(
        speaker=Speaker.objects.get(name=speaker),
        dataset=Dataset.objects.get(),
        split="test",
        listeners=list(Listener.objects.all()),
        samples=samples,
        chunk_size=chunk_size,
    )
    if enqueue:
        queue.enqueue(game)
    return game.pk


def unbroken_rows(**settings: Any) -> list[Any]:
    """The rows of the twin's game, which nobody interrupts."""
    game = Game.objects.get(pk=start("twin", enqueue=False, **settings))
    return stage.rows(play.run_in_foreground(game))


def rows(pk: int) -> list[Any]:
    return stage.rows(Game.objects.get(pk=pk))


def row(pk: int) -> dict[str, Any]:
    """How the game stands."""
    names = ("state", "attempt", "worker", "done", "total", "message", "error")
    return Game.objects.values(*names).get(pk=pk)


def saved(pk: int) -> int:
    return Game.objects.get(pk=pk).utterances.count()

"""LACIE in rounds: play, pair, train, and play again with the speaker that came of it; then all rounds side by side on held-out questions.

The paper trains once, on what the base said. A speaker that has changed says other things, and its listeners' verdicts on those are news. Every
step asks for what may be there already (game, pairs, run, comparison), so that an interrupted series goes on where it was.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

from games import play
from games.models import Dataset, Listener, Speaker, Split
from training import evaluation, pairs, runner
from training.models import Comparison

Report = Callable[[int, int, str], None]
"""Called with (done, total, message)."""


class Round(NamedTuple):
    number: int
    speaker: Speaker
    "That came of it."
    pairs: int


def train_rounds(
    *,
    name: str,
    base: Speaker,
    dataset: Dataset,
    listeners: list[Listener],
    rounds: int,
    samples: int = 10,
    limit: int | None = None,
    seed: int = 0,
    config: dict[str, Any] | None = None,
    tell: Callable[[str], Any],
) -> list[Round]:
    """Train the speakers `NAME-1` to `NAME-ROUNDS`, each from the one before.

    limit: only the first so many training questions. tell: a context manager that gives a `Report` for a step's title.

    Raises:
        GameError, PairError, RunError, ConfigError, SpeakerError, Busy, Cancelled: from its steps; what is done is kept.
    """
    first, *others = listeners
    asked: dict[str, Any] = {"dataset": dataset, "split": Split.TRAIN, "listeners": listeners, "samples": samples, "question_limit": limit}
    found = []
    for number in range(1, rounds + 1):
        title = f"round {number} of {rounds}"
        game = play.start_game(speaker=base, seed=seed + number - 1, **asked)
        with tell(f"{title}: {base} answers") as report:
            game = play.run_in_foreground(game, on_progress=report)
        options = replace(pairs.recipe(base, "lacie"), seed=seed)
        made = pairs.build(name=f"{name}-{number}", rule="lacie", speaker=base, listener=first, others=others, games=[game], options=options)
        run = runner.start_run(method="lacie", base=base, pair_set=made, config=config or {}, seed=seed, name=f"{name}-{number}")
        with tell(f"{title}: training") as report:
            run = runner.run_in_foreground(run, on_progress=report)
        run.refresh_from_db()
        assert run.speaker, f"{run} is done and has no speaker"  # noqa: S101  # a finished run is a published one
        base = run.speaker
        found.append(Round(number, base, made.pairs.count()))
    return found


def compare_rounds(
    *, name: str, base: Speaker, found: list[Round], dataset: Dataset, listener: Listener, seed: int, tell: Callable[[str], Any]
) -> Comparison:
    """The base and every round's speaker on the held-out questions."""
    speakers = [base, *(one.speaker for one in found)]
    comparison = evaluation.start_comparison(name=name, speakers=speakers, dataset=dataset, split=Split.TEST, listener=listener, seed=seed)
    with tell("held-out questions") as report:
        return evaluation.run_in_foreground(comparison, on_progress=report)

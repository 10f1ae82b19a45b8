"""Training a method once for each configuration: what a benchmark asks for, and gets at once when it is there.

The name of a run made here ends in a digest of all that its weights hang on: base, whole configuration, seed, and the data it learns from.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from games.models import Dataset, Game, Listener, Speaker, Split
from training.answers import game_of
from training.evaluation import play_out
from training.models import PairSet, TrainingRun
from training.registry import RunError
from training.runner import run_in_foreground, start_run
from training.trainers import needs
from training.trainers.presets import config as whole_config
from training.trainers.presets import default_preset

Report = Callable[[int, int, str], None]
SAMPLES = 10
"""Answers to a question that methods learn from."""


def cached_run(
    *,
    method: str,
    base: Speaker,
    config: Mapping[str, Any] | None = None,
    seed: int = 0,
    pair_set: PairSet | None = None,
    games: Sequence[Game] = (),
    listener: Listener | None = None,
) -> TrainingRun:
    """The run with these settings, whoever asked for it first; a draft for a worker or the foreground if nobody has.

    Raises:
        RunError, ConfigError: it could not be trained.
    """
    if not pair_set and not games:
        raise RunError(f"Name what {method} learns from: a pair set or games. A run is found again by its data.")
    whole = whole_config(default_preset(base.base_model, method), method, config or {})
    data = [pair_set.digest] if pair_set else [*sorted(_facts(game) for game in games), *([listener.name] if listener else [])]
    told = json.dumps([base.digest or base.name, whole, seed, data], sort_keys=True)
    name = f"{method}-{seed}-{hashlib.sha256(told.encode()).hexdigest()[:10]}"
    return start_run(method=method, base=base, config=whole, seed=seed, name=name, pair_set=pair_set, games=games, listener=listener)


def _facts(game: Game) -> str:
    """What a game's answers hang on."""
    facts = [game.speaker.digest or game.speaker.name, game.dataset.name, game.split, game.samples, game.temperature, game.form, game.seed]
    return json.dumps([*facts, game.question_limit, *([game.hold_out] if game.hold_out else [])])


def learning_games(*, base: Speaker, dataset: Dataset, seed: int = 0, samples: int = SAMPLES, on_progress: Report | None = None) -> list[Game]:
    """The base's finished games on training and (where the dataset has some) validation questions; played now if they are not there."""
    there = set(dataset.questions.order_by().values_list("split", flat=True).distinct())
    games = [
        game_of(speaker=base, dataset=dataset, split=split, samples=samples, seed=seed) for split in (Split.TRAIN, Split.VALIDATION) if split in there
    ]
    for game in games:
        play_out(game, on_progress)
    return games


def trained(
    *,
    method: str,
    base: Speaker,
    dataset: Dataset,
    config: Mapping[str, Any] | None = None,
    seed: int = 0,
    pair_set: PairSet | None = None,
    on_progress: Report | None = None,
) -> Speaker:
    """The speaker that this training makes. What is missing (games, the run) is done here and now; what is there is taken.

    `pair_set` for methods that learn from pairs; the others learn from `learning_games` of the same seed.

    Raises:
        RunError, ConfigError, SpeakerError: it cannot be trained. Busy, Cancelled: from the run.
    """
    games = learning_games(base=base, dataset=dataset, seed=seed, on_progress=on_progress) if needs(method).kind == "answers" else []
    run = run_in_foreground(cached_run(method=method, base=base, config=config, seed=seed, pair_set=pair_set, games=games), on_progress)
    run.refresh_from_db()
    assert run.speaker, f"{run} is done and has no speaker"  # noqa: S101  # a finished run is a published one
    return run.speaker

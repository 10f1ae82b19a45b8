"""One turn of the loop with the bundled world, step by step: what `make demo` does. Each step keeps what is there and goes on from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from http.client import HTTPException

from django.core.management.base import CommandError

from annotations.bots import walking
from annotations.bots.own_site import NotServed, site
from annotations.bots.walking import Plan
from annotations.building import setup
from annotations.models import Study
from games import play, registry
from games.models import Dataset, Game, Listener, Speaker, Split
from games.progress import bar
from training import evaluation, pairs, runner
from training.models import Comparison, PairSet, TrainingRun

Say = Callable[[str], None]

COMPARED = ("base", "truthful", "lacie")
SAMPLES = 10
"""Samples a training question, as in the paper."""
TRAINED = ("truthful", "lacie")


def refuse_other_seed(seed: int) -> None:
    """A data folder holds the demo of one seed: its speakers are called `truthful` and `lacie`.

    Raises:
        CommandError: the folder holds the demo of another seed.
    """
    other = TrainingRun.objects.filter(name__in=TRAINED).exclude(seed=seed).first()
    if other:
        raise CommandError(
            f"This data folder holds the demo with seed {other.seed}; seed {seed} cannot be played into it. "
            f"Name another folder: DATA_DIR=data-{seed} make demo SEED={seed}"
        )


def turn(*, seed: int, say: Say) -> Comparison:
    """Play, judge, pair, train, publish, compare."""
    dataset = _questions(say)
    base, listener = registry.ensure_bundled_speaker(), registry.ensure_listener("lexicon")
    game = _game(base, dataset, listener, seed, say)
    for method in TRAINED:
        _train(method, base, _pairs(method, base, listener, game, say), seed, say)
    return _compare(dataset, listener, seed)


def _questions(say: Say) -> Dataset:
    dataset = registry.ensure_dataset("bundled")
    if dataset is None:
        raise CommandError("The bundled questions are missing: games/bundled/facts is not in this checkout.")
    held_out = dataset.questions.filter(split=Split.TEST).count()
    say(f"Questions: {dataset.questions.count()}, of which {held_out} about held-out subjects are for the comparison.")
    return dataset


def _game(base: Speaker, dataset: Dataset, listener: Listener, seed: int, say: Say) -> Game:
    game = play.start_game(speaker=base, dataset=dataset, split=Split.TRAIN, listeners=[listener], samples=SAMPLES, seed=seed)
    with bar("base answers") as report:
        play.run_in_foreground(game, on_progress=report)
    say(f"Game: {game.utterances.count()} utterances of 'base', judged by the simulated listener '{listener}'.")
    return game


def _pairs(method: str, base: Speaker, listener: Listener, game: Game, say: Say) -> PairSet:
    options = pairs.recipe(base, method)
    pair_set = pairs.build(name=method, rule=method, speaker=base, listener=listener, games=[game], options=options)
    say(f"Pairs for '{method}': {pair_set.pairs.count()}.")
    return pair_set


def _train(method: str, base: Speaker, pair_set: PairSet, seed: int, say: Say) -> None:
    run = runner.start_run(method=method, base=base, pair_set=pair_set, config={}, seed=seed, name=method)
    with bar(f"training {method}") as report:
        run = runner.run_in_foreground(run, on_progress=report)
    say(f"Speaker '{run.speaker}' is published.")


def _compare(dataset: Dataset, listener: Listener, seed: int) -> Comparison:
    speakers = [evaluation.find_speaker(name) for name in COMPARED]
    comparison = evaluation.start_comparison(name="demo", speakers=speakers, dataset=dataset, split=Split.TEST, listener=listener, seed=seed)
    with bar("held-out subjects") as report:
        return evaluation.run_in_foreground(comparison, on_progress=report)


def open_study(comparison: Comparison) -> Study:
    """A blind study of base and LACIE on the held-out questions, open to participants. Its name and link tell nothing of that."""
    arms = [evaluation.find_speaker(name) for name in ("base", "lacie")]
    games = [each.game for each in comparison.evaluations.select_related("game")]
    title = "Trivia: which answers would you trust?"
    study = setup.create_study(name="trivia", title=title, speakers=arms, games=games, rounds=10, seed=comparison.seed)
    return study if study.closed_at else setup.open_study(study)  # somebody may have closed it since the first turn


BOTS = Plan(people=40, parallel=8, kinds=("honest", "gullible", "honest", "random", "careless"), drop_outs=0.1)


def fill_study(study: Study, say: Say) -> None:
    """Bots take part by the site's own pages, so that there is something to look at. Once: the study is for people after that.

    Raises:
        CommandError: the site could not be served for them.
    """
    if study.state != Study.State.OPEN or study.participants.filter(is_bot=True).exists():
        return
    try:
        with site("") as url, bar("bots in the study") as report:
            walks = walking.run(study=study, url=url, plan=replace(BOTS, seed=study.seed), report=report)
    except (NotServed, walking.BotError, OSError, HTTPException) as error:
        raise CommandError(f"The study is open, but bots could not take part: {error}") from error
    judged = sum(walk.judged for walk in walks)
    say(f"Study '{study}': {len(walks)} bots gave {judged} verdicts by its pages. They are no people: results leave them out unless asked for.")

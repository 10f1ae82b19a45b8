"""manage.py train_speaker: train a speaker, here or on the queue, and publish it."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from games.jobs import Busy, Cancelled, LeaseLost
from games.models import Game, Listener
from games.progress import bar
from training.models import PairSet, TrainingRun
from training.registry import RunError, base_speaker
from training.runner import run_in_foreground, start_run
from training.trainers import METHODS, needs
from training.trainers.config import ConfigError
from training.trainers.presets import config, default_preset, parse


class Command(BaseCommand):
    help = "Train a speaker on preference pairs or graded answers. Interrupted, the same command goes on where it was."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("method", help=f"One of: {', '.join(METHODS)}.")
        parser.add_argument(
            "--base", required=True, help="A speaker's name, 'bundled', a local folder or a hub name such as mistralai/Mistral-7B-v0.1."
        )
        parser.add_argument("--pairs", help="A pair set's name, for methods that learn from pairs.")
        parser.add_argument(
            "--game",
            type=int,
            nargs="+",
            default=[],
            metavar="ID",
            help="Games whose graded answers it learns from, for the other methods. Default: the base's largest on train and on validation.",
        )
        parser.add_argument("--listener", help="Whose single judgments it learns from, for lacie-kto; --game then limits them to these games.")
        parser.add_argument(
            "--preset", help="bundled, or the paper's numbers by their name. Default: bundled for the bundled model, else the paper's."
        )
        parser.add_argument("--set", nargs="+", action="extend", default=[], metavar="KEY=VALUE", help="Settings that differ from the preset.")
        parser.add_argument("--seed", type=int, default=0, help="Default: %(default)s.")
        parser.add_argument("--name", help="Of the run and the speaker that comes of it. Default: METHOD-PAIRS-SEED, or METHOD-BASE-SEED.")
        parser.add_argument("--queue", action="store_true", help="Leave it to a worker. Default: train here and now.")

    def handle(self, *args: Any, **given: Any) -> None:
        try:
            run = _start(given)
            if given["queue"]:
                from games.queue import enqueue

                enqueue(run)
                self.stdout.write(f"{run} is on the queue: manage.py worker trains it, manage.py runs shows it.")
                return
            with bar(f"training {run}") as report:
                run = run_in_foreground(run, on_progress=report)
        except (RunError, ConfigError, Busy, LeaseLost) as error:
            raise CommandError(str(error)) from error
        except (Cancelled, KeyboardInterrupt) as error:
            raise CommandError("Stopped, and saved. The same command goes on from there.", returncode=3) from error
        self.stdout.write(f"Speaker {run.speaker} is published ({run.speaker.digest[:12] if run.speaker else ''}).")


def _start(given: dict[str, Any]) -> TrainingRun:
    """Everything that can be wrong is found here, before any long work."""
    method = given["method"]
    kind = needs(method).kind
    if kind == "pairs" and not given["pairs"]:
        raise RunError(f"The method {method} learns from pairs: name some with --pairs (manage.py build_pairs makes them).")
    pair_set = PairSet.objects.filter(name=given["pairs"]).first()
    if given["pairs"] and pair_set is None:
        raise RunError(f"There is no pair set {given['pairs']!r}. Build one: manage.py build_pairs.")
    games = Game.objects.in_bulk(given["game"])
    if unknown := [str(pk) for pk in given["game"] if pk not in games]:
        raise RunError(f"There is no game {' and no game '.join(unknown)}. Play one: manage.py play_game.")
    listener = Listener.objects.filter(name=given["listener"]).first()
    if given["listener"] and listener is None:
        names = ", ".join(Listener.objects.values_list("name", flat=True)[:10]) or "none yet"
        raise RunError(f"There is no listener {given['listener']!r}. There are: {names}.")
    overrides = parse(method, given["set"])
    if kind == "judgments" and listener and listener.kind == Listener.Kind.HUMAN:
        overrides = {"threshold": "verdict", **overrides}  # people's own decisions are taken as they are
    config(given["preset"] or "bundled", method, overrides)  # a wrong setting is refused before a row for the base is made
    base = base_speaker(given["base"])
    whole = config(given["preset"] or default_preset(base.base_model, method), method, overrides)
    name = given["name"] or f"{method}-{pair_set or base}-{given['seed']}"
    learns: dict[str, Any] = {"pair_set": pair_set, "games": list(games.values()), "listener": listener}
    return start_run(method=method, base=base, config=whole, seed=given["seed"], name=name, **learns)

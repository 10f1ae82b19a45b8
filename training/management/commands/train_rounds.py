"""manage.py train_rounds: LACIE several times over, each round from the speaker of the one before, reported round by round."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from games.jobs import Busy, Cancelled, LeaseLost
from games.listeners.base import ListenerError
from games.models import Dataset
from games.play import GameError
from games.progress import bar
from games.registry import ensure_listener
from games.speakers.base import SpeakerError
from training.evaluation import EvaluationError, find
from training.management.commands.compare_speakers import refuse_unwritable, show
from training.preferences import PairError
from training.registry import RunError, base_speaker
from training.rounds import compare_rounds, train_rounds
from training.trainers.config import ConfigError
from training.trainers.presets import parse


class Command(BaseCommand):
    help = "Play, pair, train, and again with the new speaker. What is there is kept; interrupted, the same command goes on."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="Of the series: its speakers are NAME-1, NAME-2 …")
        parser.add_argument("--base", default="bundled", help="As for train_speaker. Default: %(default)s.")
        parser.add_argument("--rounds", type=int, default=3, help="Default: %(default)s.")
        parser.add_argument("--dataset", default="bundled", help="Default: %(default)s.")
        parser.add_argument("--listener", nargs="+", default=["lexicon"], metavar="NAME", help="Simulated; several are averaged. Default: lexicon.")
        parser.add_argument("--samples", type=int, default=10, help="Answers to each training question. Default: %(default)s.")
        parser.add_argument("--limit", type=int, help="Only the first so many training questions. Default: all.")
        parser.add_argument(
            "--set", nargs="+", action="extend", default=[], metavar="KEY=VALUE", help="Settings of lacie that differ from the preset."
        )
        parser.add_argument("--seed", type=int, default=0, help="Default: %(default)s.")
        parser.add_argument("--json", metavar="FILE", help="Write the comparison of the rounds as JSON; - for standard output.")

    def handle(self, *args: Any, **given: Any) -> None:
        if given["rounds"] < 1:
            raise CommandError(f"{given['rounds']} rounds are none. Give at least 1.")
        refuse_unwritable(given["json"])
        try:
            dataset = find(Dataset, given["dataset"])
            listeners = [ensure_listener(name) for name in dict.fromkeys(given["listener"])]
            base = base_speaker(given["base"])
            settings = {"name": given["name"], "dataset": dataset, "seed": given["seed"], "tell": bar}
            found = train_rounds(
                base=base,
                listeners=listeners,
                rounds=given["rounds"],
                samples=given["samples"],
                limit=given["limit"],
                config=parse("lacie", given["set"]),
                **settings,
            )
            for one in found:
                self.stdout.write(f"Round {one.number}: {one.pairs} pairs, speaker {one.speaker}.")
            settings["name"] = f"{given['name']}-{given['rounds']}-rounds"
            comparison = compare_rounds(base=base, found=found, listener=listeners[0], **settings)
        except (EvaluationError, GameError, PairError, RunError, ConfigError, ListenerError, SpeakerError, Busy, LeaseLost) as error:
            raise CommandError(str(error)) from error
        except (Cancelled, KeyboardInterrupt) as error:
            raise CommandError("Stopped, and saved. The same command goes on from there.", returncode=3) from error
        comparison.refresh_from_db()
        show(self, comparison.result, given["json"])

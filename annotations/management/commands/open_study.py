"""`open_study`: a blind comparison of speakers by people, ready to be joined."""

from __future__ import annotations

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from annotations import setup
from annotations.models import Study
from games.models import Dataset, Game, Speaker, Split


class Command(BaseCommand):
    help = "Set up a study in which people judge answers of these speakers blind, and open it. Asked again for the same, it changes nothing."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("name", help="stands in the participants' link, so it must not tell the speakers, for example 'trivia'")
        parser.add_argument(
            "--speakers", nargs="+", metavar="SPEAKER", help="two or more, one arm each; leave out to open a study that is there already"
        )
        parser.add_argument("--dataset", default="bundled", help="whose questions they answered (default: %(default)s)")
        parser.add_argument("--split", default=Split.TEST, choices=Split.values, help="(default: %(default)s)")
        parser.add_argument("--title", default="Trivia: which answers would you trust?", help="what participants read (default: %(default)s)")
        parser.add_argument("--rounds", type=int, default=10, help="questions for one person (default: %(default)s)")
        parser.add_argument("--questions", type=int, help="draw this many questions for the study (default: all that every speaker answered)")
        parser.add_argument("--seed", type=int, default=0, help="of the draw of questions, answers and assignments (default: %(default)s)")

    def handle(self, *args: Any, **options: Any) -> None:
        study = setup.open_study(_create(options) if options["speakers"] else _existing(options["name"]))
        self.stdout.write(
            f"Study '{study}' is open: participants enter at {study.get_absolute_url()}, results are at {study.get_absolute_url()}results/."
        )


def _existing(name: str) -> Study:
    study = Study.objects.filter(name=name).first()
    if study is None:
        raise CommandError(f"There is no study '{name}' yet. To set it up, name the speakers that people are to hear: --speakers base lacie")
    return study


def _create(options: dict[str, Any]) -> Study:
    speakers = [_speaker(name) for name in options["speakers"]]
    try:
        return setup.create_study(
            name=options["name"],
            title=options["title"],
            speakers=speakers,
            games=[_game(speaker, options["dataset"], options["split"]) for speaker in speakers],
            questions_limit=options["questions"],
            rounds=options["rounds"],
            seed=options["seed"],
        )
    except setup.SetupError as error:
        raise CommandError(str(error)) from None


def _speaker(name: str) -> Speaker:
    speaker = Speaker.objects.filter(name=name).first()
    if speaker is None:
        there = ", ".join(Speaker.objects.values_list("name", flat=True)) or "none yet"
        raise CommandError(f"There is no speaker '{name}'. Choose from: {there}.")
    return speaker


def _game(speaker: Speaker, dataset: str, split: str) -> Game:
    """The newest finished game of this speaker on these questions."""
    if not Dataset.objects.filter(name=dataset).exists():
        raise CommandError(f"There is no dataset '{dataset}'. Load it with: manage.py load_questions {dataset}")
    game = Game.objects.filter(speaker=speaker, dataset__name=dataset, split=split, state=Game.State.DONE).order_by("-pk").first()
    if game is None:
        raise CommandError(
            f"Speaker '{speaker}' has finished no game on {dataset}, split {split}. "
            f"Play one with: manage.py play_game --speaker {speaker} --dataset {dataset} --split {split}"
        )
    return game

"""`open_study`: a blind comparison of speakers by people, ready to be joined."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError

from annotations.building import setup
from annotations.models import Study
from annotations.protocol import ProtocolError, merged, nested
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
        parser.add_argument("--rounds", type=int, help="questions for one person (default: 10)")
        parser.add_argument("--questions", type=int, help="draw this many questions for the study (default: all that every speaker answered)")
        parser.add_argument("--protocol", type=Path, metavar="FILE.json", help="settings of the study, as docs/studies.md has them")
        parser.add_argument(
            "--set", action="append", default=[], metavar="SETTING=VALUE", help="one setting, for example measures.confidence=slider; may be repeated"
        )
        parser.add_argument(
            "--held-back",
            choices=["show", "drop"],
            help="what becomes of answers that name their model (default: stop and list them)",
        )
        parser.add_argument("--owner", metavar="USER", help="the user who manages it (default: administrators alone)")
        parser.add_argument("--draft", action="store_true", help="set it up and do not open it: the console goes on from there")
        parser.add_argument("--seed", type=int, default=0, help="of the draw of questions, answers and assignments (default: %(default)s)")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            study = _create(options) if options["speakers"] else _existing(options["name"])
            if options["held_back"] and study.state == Study.State.DRAFT:
                for shown in setup.held_back(study):
                    setup.decide(study=study, shown=shown, decision=options["held_back"])
            if not options["draft"]:
                setup.open_study(study)
        except (setup.SetupError, ProtocolError) as error:
            raise CommandError(_with_held_back(str(error), options["name"])) from None
        if options["draft"]:
            self.stdout.write(f"Study '{study}' is a {study.state}: go on at /studies/{study}/.")
            return
        self.stdout.write(
            f"Study '{study}' is open: participants enter at {study.get_absolute_url()}, results are at {study.get_absolute_url()}results/."
        )


def _with_held_back(message: str, name: str) -> str:
    """The refusal, with the answers that a decision is asked about."""
    study = Study.objects.filter(name=name).first()
    held = list(setup.held_back(study)) if study else []
    lines = [f"\n  {shown.arm.speaker}: {shown.question} {shown.utterance}" for shown in held]
    return message + "".join(lines) + ("\nDecide in the console, or with --held-back show or --held-back drop." if held else "")


def _existing(name: str) -> Study:
    study = Study.objects.filter(name=name).first()
    if study is None:
        raise CommandError(f"There is no study '{name}' yet. To set it up, name the speakers that people are to hear: --speakers base lacie")
    return study


def _create(options: dict[str, Any]) -> Study:
    speakers = [_speaker(name) for name in options["speakers"]]
    return setup.create_study(
        name=options["name"],
        title=options["title"],
        speakers=speakers,
        games=[_game(speaker, options["dataset"], options["split"]) for speaker in speakers],
        questions_limit=options["questions"],
        rounds=options["rounds"],
        protocol=_protocol(options["protocol"], options["set"]),
        seed=options["seed"],
        owner=_owner(options["owner"]),
    )


def _protocol(file: Path | None, settings: list[str]) -> dict[str, Any]:
    """The settings of the file, with those of the command line over them."""
    try:
        values = json.loads(file.read_text()) if file else {}
    except (OSError, ValueError) as error:
        raise CommandError(f"{file} cannot be read as JSON: {error}") from None
    if not isinstance(values, dict):
        raise CommandError(f'{file} must hold one JSON object, for example {{"rounds": 20}}.')
    return merged(values, nested(dict(_setting(one) for one in settings)))


def _setting(text: str) -> tuple[str, Any]:
    """`rounds=20` is a number, `languages=["en", "de"]` a list, `measures.confidence=slider` a word."""
    place, equals, value = text.partition("=")
    if not equals:
        raise CommandError(f"--set {text}: write SETTING=VALUE, for example measures.confidence=slider.")
    try:
        return place, json.loads(value)
    except ValueError:
        return place, value


def _owner(name: str | None) -> User | None:
    owner = User.objects.filter(username=name).first()
    if name and owner is None:
        raise CommandError(f"There is no user '{name}'. Make one with: manage.py createsuperuser")
    return owner


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

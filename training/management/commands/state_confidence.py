"""manage.py state_confidence: a calibration-tuned speaker's probability becomes what it says of itself."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from games.speakers.stating import STATES
from training.evaluation import EvaluationError, find_speaker
from training.registry import RunError, stating


class Command(BaseCommand):
    help = "Make a speaker that tells how sure its calibration-tuned judge is, as a number or a phrase. Nothing is trained; asked again, it is there."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("speaker", help="A calibration-tuned speaker's name. It stays as it is, and keeps its probability for selection.")
        parser.add_argument("state", choices=[state for state in STATES if state != "off"], help="How it is told.")
        parser.add_argument("--name", help="Of the speaker that comes of it. Default: SPEAKER-STATE.")

    def handle(self, *args: Any, **given: Any) -> None:
        try:
            judge = find_speaker(given["speaker"])
            speaker = stating(judge, given["state"], name=given["name"] or f"{judge}-{given['state']}")
        except (EvaluationError, RunError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Speaker {speaker} tells how sure {judge} is, as a {given['state']}.")

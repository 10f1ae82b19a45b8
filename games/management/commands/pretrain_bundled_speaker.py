"""Makes the bundled base speaker again from nothing (about ten minutes on two cores)."""

from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from games.bundled import BASE_SPEAKER
from games.bundled.library import Library
from games.bundled.world import facts
from games.progress import bar


class Command(BaseCommand):
    help = "Pre-train the bundled base speaker from the generated library. Seeded; killed, it goes on where it was when started again."

    def add_arguments(self, parser: CommandParser) -> None:
        from games.bundled.pretrain import Recipe

        parser.add_argument("--out", type=Path, default=None, help="folder for model and tokenizer (default: a new folder beside the shipped one)")
        parser.add_argument("--replace", action="store_true", help="write over the shipped speaker")
        for field in fields(Recipe):
            kind = type(field.default)
            parser.add_argument(f"--{field.name.replace('_', '-')}", type=kind, default=field.default, help="default: %(default)s")

    def handle(self, *, out: Path | None, replace: bool, **options: Any) -> None:
        from games.bundled.pretrain import Recipe, pretrain

        if out and replace:
            raise CommandError("--out and --replace exclude each other: name a folder, or write over the shipped speaker.")
        recipe = Recipe(**{name: options[name] for name in asdict(Recipe())})
        folder = BASE_SPEAKER if replace else out or BASE_SPEAKER.with_name("base_speaker_new")
        with bar("pre-training") as progress:
            pretrain(Library(facts(), seed=recipe.seed), recipe, folder, on_progress=progress)
        self.stdout.write(f"The bundled speaker is in {folder}.")

"""`run_bots`: people of known behaviour walk a study's real pages."""

from __future__ import annotations

import argparse
import collections
from http.client import HTTPException
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from annotations.bots import walking
from annotations.bots.own_site import NotServed, site
from annotations.models import Study
from games.progress import bar


class Command(BaseCommand):
    help = "Let bots take part in a study over HTTP, as people would. They are marked as bots and left out of results unless asked for."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("study", help="the name of an open study")
        parser.add_argument("--people", type=int, default=40, help="(default: %(default)s)")
        parser.add_argument("--parallel", type=int, default=20, help="how many at a time (default: %(default)s)")
        parser.add_argument("--kind", nargs="+", choices=walking.KINDS, default=["honest"], help="several are taken in turn (default: honest)")
        parser.add_argument("--url", default="", help="where the site is served; left out, it is started for this on a free port")
        parser.add_argument("--seed", type=int, default=0, help="(default: %(default)s)")
        parser.add_argument(
            "--accept", nargs="+", default=[], metavar="ARM=RIGHT,WRONG", help="with which probabilities an arm's answers are accepted"
        )
        parser.add_argument("--drop-outs", type=float, default=0.0, metavar="SHARE", help="of people who leave in the middle")
        parser.add_argument("--double-clicks", type=float, default=0.0, metavar="SHARE", help="of verdicts that are sent twice")
        parser.add_argument(
            "--lost-connections", type=float, default=0.0, metavar="SHARE", help="of verdicts whose answer is lost and that are sent again"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        study = Study.objects.filter(name=options["study"]).first()
        if study is None or study.state != Study.State.OPEN:
            there = ", ".join(Study.objects.filter(state=Study.State.OPEN).values_list("name", flat=True)) or "none"
            raise CommandError(f"There is no open study '{options['study']}'. Open studies: {there}.")
        for name in ("drop_outs", "double_clicks", "lost_connections"):
            if not 0 <= options[name] <= 1:
                raise CommandError(f"--{name.replace('_', '-')} {options[name]}: give a share between 0 and 1.")
        if options["people"] < 1 or options["parallel"] < 1:
            raise CommandError("--people and --parallel: give 1 or more.")
        try:
            plan = walking.Plan(
                kinds=tuple(options["kind"]),
                accept=walking.parse_accept(options["accept"]),
                **{name: options[name] for name in ("people", "parallel", "seed", "drop_outs", "double_clicks", "lost_connections")},
            )
            with site(options["url"]) as url, bar("bots") as report:
                walks = walking.run(study=study, url=url, plan=plan, report=report)
        except (walking.BotError, NotServed) as error:
            raise CommandError(str(error)) from error
        except (OSError, HTTPException) as error:
            raise CommandError(f"The site does not answer: {error}. Is it served at {options['url']}?") from error
        ended = ", ".join(f"{n} {how}" for how, n in collections.Counter(walk.ended for walk in walks).items())
        self.stdout.write(f"{len(walks)} bots: {sum(walk.judged for walk in walks)} verdicts; {ended}. Results leave them out unless asked for bots.")

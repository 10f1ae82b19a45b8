"""manage.py build_pairs: preference pairs from a listener's judgments of a speaker's games."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.table import Table

from games.models import Game, Listener, Speaker, Split
from training.models import PairSet
from training.pairs import build, default_options
from training.preferences import MATCHED, TYPES, Options, PairError


class Command(BaseCommand):
    help = "Build preference pairs by the paper's rule (lacie) or by correctness alone (truthful)."

    def add_arguments(self, parser: CommandParser) -> None:
        default = Options()
        parser.add_argument("name", help="Of the pair set.")
        parser.add_argument("--rule", choices=list(TYPES), default="lacie", help="Default: %(default)s.")
        parser.add_argument("--speaker", required=True, help="Whose utterances; with --any-speaker: whose prompt.")
        parser.add_argument("--any-speaker", action="store_true", help="Pair what all speakers said that the listener judged, as in a study's arms.")
        parser.add_argument(
            "--listener", required=True, nargs="+", metavar="NAME", help="Whose usable judgments; several are averaged over what all have judged."
        )
        parser.add_argument(
            "--game", type=int, action="append", help="Id of a game; may be repeated. Default: all finished games on training questions."
        )
        parser.add_argument(
            "--split", choices=Split.values, default=Split.TRAIN, help="Whose questions, where no game is named. Default: %(default)s."
        )
        parser.add_argument("--threshold", help="median, verdict (the listener's own decision) or a number. Default: median; for people verdict.")
        parser.add_argument("--margin", type=float, default=default.margin, help="Least difference of the two probabilities. Default: %(default)s.")
        for name in ("true_accept", "true_reject", "false_reject", "false_accept"):
            parser.add_argument(
                f"--{name.replace('_', '-')}",
                type=float,
                default=getattr(default, name),
                help=f"Utility of a {name.replace('_', ' ')}. Default: %(default)s.",
            )
        parser.add_argument(
            "--no-balance", dest="balance", action="store_false", help="Keep all pairs of every type. Default: down-sample to the smallest."
        )
        parser.add_argument("--max-per-question", type=int, default=default.max_per_question, help="0: no limit. Default: %(default)s.")
        parser.add_argument("--max-per-type", type=int, default=default.max_per_type, help="0: no limit. Default: %(default)s.")
        parser.add_argument(
            "--match",
            choices=MATCHED,
            default=default.match,
            help="answer: only the tone differs; grade: both are right or both wrong. Default: %(default)s.",
        )
        parser.add_argument("--only-types", nargs="+", default=[], metavar="TYPE", help=f"Of {', '.join(TYPES['lacie'])}. Default: all.")
        parser.add_argument("--keep-abstentions", dest="drop_abstentions", action="store_false", help="Default: leave them out.")
        parser.add_argument("--keep-answer-only", dest="drop_answer_only", action="store_false", help="Default: leave them out.")
        parser.add_argument("--seed", type=int, default=default.seed, help="Default: %(default)s.")

    def handle(self, *args: Any, **given: Any) -> None:
        speaker = _named(Speaker, given["speaker"])
        names = [given["listener"]] if isinstance(given["listener"], str) else given["listener"]  # one name, from `call_command`
        listener, *others = [_named(Listener, name) for name in dict.fromkeys(names)]
        try:
            options = _options(given, default_options(listener))
            wider = {"any_speaker": given["any_speaker"], "split": given["split"]}
            games = [] if given["any_speaker"] and not given["game"] else _games(given["game"], speaker, given["split"])
            pair_set = build(
                name=given["name"], rule=given["rule"], speaker=speaker, listener=listener, games=games, options=options, others=others, **wider
            )
        except PairError as error:
            raise CommandError(str(error)) from error
        _show(pair_set, Console(file=sys.stdout))


def _named(model: Any, name: str) -> Any:
    found = model.objects.filter(name=name).first()
    if found is None:
        names = ", ".join(model.objects.values_list("name", flat=True)[:10]) or "none yet"
        raise CommandError(f"There is no {model._meta.verbose_name} {name!r}. There are: {names}.")
    return found


def _options(given: dict[str, Any], default: Options) -> Options:
    names = [name for name in default.as_json() if name != "threshold"]
    return replace(default, **{name: given[name] for name in names}, threshold=_threshold(given["threshold"], default))


def _threshold(text: str | None, default: Options) -> str | float:
    if text is None:
        return default.threshold
    try:
        return float(text)
    except ValueError:
        return text


def _games(ids: list[int] | None, speaker: Speaker, split: str) -> list[Game]:
    if ids is None:
        return list(Game.objects.filter(speaker=speaker, split=split, state=Game.State.DONE))
    found = Game.objects.in_bulk(ids)
    for number in ids:
        if number not in found:
            raise CommandError(f"There is no game {number}.")
    return list(found.values())


def _show(pair_set: PairSet, console: Console) -> None:
    counts = pair_set.counts
    table = Table(title=f"{pair_set}: {pair_set.pairs.count()} pairs of {counts['questions']} questions (accepted from {counts['threshold']} on)")
    for heading in ("type", "before the limits", "after"):
        table.add_column(heading, justify="left" if heading == "type" else "right")
    for name, before in counts["before"].items():
        table.add_row(name, str(before), str(counts["after"][name]))
    console.print(table)
    console.print(
        f"{counts['judged']} judged utterances: {counts['not_graded']} not graded, {counts['abstained']} abstained, "
        f"{counts['answer_only']} only the answer, {counts['used']} used ({counts['correct']} correct, {counts['accepted']} accepted)."
    )

"""Playing a benchmark through: games, pairs, trainings and evaluations, each taken from what is there already where its settings are the same.

What makes a training the same is its method, base, configuration, seed, and the rows it learns from: whoever asked for it, under whatever name,
nothing is trained twice. Killed anywhere, a benchmark goes on with the step that it was at.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import fields
from functools import partial
from statistics import mean
from typing import Any, NamedTuple

import numpy as np
from django.conf import settings
from django.db import connection

from games import estimate, play
from games.foreground import in_foreground
from games.jobs import Cancelled, Lease, Released
from games.metrics import Outcomes
from games.models import Dataset, Game, Listener, Speaker, Split
from training import pairs, runner
from training.answers import game_of
from training.benchmark.entries import Entry, Look, chosen
from training.benchmark.table import Pick, Scene, table
from training.cache import SAMPLES, cached_run
from training.confidences import confidence_outcomes, estimated
from training.evaluation import MAX_SEED, TEMPERATURE, EvaluationError, complete, play_out
from training.models import Benchmark, PairSet, TrainingRun
from training.outcomes import outcomes_of
from training.pairwise import agreement_of
from training.preferences import TYPES
from training.trainers import METHODS, load, needs
from training.trainers.presets import config as whole_config
from training.trainers.presets import default_preset

Report = Callable[[int, int, str], None]
HELD_OUT = "held-out"
"""The split of questions of relations that no method learned from."""


def start_benchmark(
    *,
    name: str,
    base: Speaker,
    datasets: Sequence[Dataset],
    methods: Sequence[str],
    listener: Listener,
    seeds: int = 3,
    questions: int = 0,
    split: str = Split.TEST,
    hold_out: Collection[str] = (),
    settings: Mapping[str, Any] | None = None,
) -> Benchmark:
    """The benchmark with these settings, as a draft for a worker or `run_in_foreground`. Asking again for the same gives the one that is there.

    The methods learn from the first dataset's training questions (`questions` of them, 0: all) and are looked at on the `split` of each dataset.
    With `hold_out` they learn nothing of these relations, whose questions are then looked at as a split of their own, `held-out`.

    Raises:
        EvaluationError: it could not be played, or the name is taken by one with other settings; nothing is written.
        PairError: no such method.
    """
    asked = {
        "base": base,
        "datasets": [dataset.name for dataset in datasets],
        "methods": list(chosen(methods)),
        "listener": listener,
        "seeds": seeds,
        "questions": questions,
        "split": str(split),
        "hold_out": sorted(set(hold_out)),
        "settings": dict(settings or {}),
    }
    found = Benchmark.objects.filter(name=name).first()
    if found:
        differing = [key for key, value in asked.items() if getattr(found, key) != value]
        if differing:
            raise EvaluationError(f"There is a benchmark {name!r} already, with other {' and '.join(differing)}. Choose another name.")
        return found
    _refuse_impossible(base, datasets, chosen(methods), seeds, split)
    _refuse_hold_out(datasets[0], hold_out, split)
    return Benchmark.objects.create(name=name, **asked)


def _refuse_impossible(base: Speaker, datasets: Sequence[Dataset], entries: dict[str, Entry], seeds: int, split: str) -> None:
    """All that can be wrong is found before any long work."""
    if not datasets:
        raise EvaluationError("A benchmark needs a dataset to ask questions from.")
    if not 1 <= seeds <= MAX_SEED:
        raise EvaluationError(f"{seeds} seeds cannot be played. Give 1 or more; 3 are usual.")
    for dataset in datasets:
        if not dataset.questions.filter(split=split).exists():
            raise EvaluationError(f"{dataset} has no {split} questions. Load some (manage.py load_questions), or choose another --split.")
    trained = [name for name, entry in entries.items() if entry.method]
    if not trained:
        return
    if base.backend != "local":
        raise EvaluationError(f"{base} is a {base.backend!r} speaker: only 'local' ones can be trained ({', '.join(trained)}). Give another --base.")
    if unknown := [entries[name].method for name in trained if entries[name].method not in METHODS]:
        raise EvaluationError(f"There is no training method {unknown[0]!r}. Choose from: {', '.join(METHODS)}.")
    for wanted in (Split.TRAIN, Split.VALIDATION):
        if not datasets[0].questions.filter(split=wanted).exists():
            raise EvaluationError(f"{datasets[0]} has no {wanted.value} questions to learn from. Name a dataset with such a split first.")


def _refuse_hold_out(dataset: Dataset, hold_out: Collection[str], split: str) -> None:
    try:
        play.refuse_hold_out(dataset, hold_out, [Split.TRAIN, Split.VALIDATION, split])
    except play.GameError as error:
        raise EvaluationError(str(error)) from error
    if hold_out and not dataset.questions.filter(split=split, relation__in=hold_out).exists():
        raise EvaluationError(f"{dataset} has no {split} question of {', '.join(sorted(hold_out))}: there is nothing to show transfer on.")


def run_in_foreground(benchmark: Benchmark, on_progress: Report | None = None) -> Benchmark:
    """Claim, play what is missing, finish; goes on where an interrupted one was. A finished one is returned as it is.

    Raises:
        Busy: another process is at it.
        Cancelled: somebody asked it to stop.
    """
    if benchmark.state != Benchmark.State.DONE:
        with in_foreground(benchmark) as lease:
            run(benchmark, lease, on_progress)
    benchmark.refresh_from_db()
    return benchmark


def run(job: Benchmark, lease: Lease, on_progress: Report | None = None) -> None:
    """What a worker calls for a claimed benchmark; the caller finishes the row."""
    stage = Stage(job, lease, on_progress)
    stage.play()
    found = {**_settings(job), "rows": table(stage.scenes, stage.picks), "cost": _cost(stage.runs), "stopped": _stopped(stage.runs)}
    lease.write(result=found, message=f"{len(job.methods)} methods, {job.seeds} seeds")


def _known(method: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Of these settings, those that the method has."""
    names = {field.name for field in fields(load(method).Config)}
    return {name: value for name, value in settings.items() if name in names}


def _cost(runs: Mapping[tuple[str, int], TrainingRun]) -> list[dict[str, Any]]:
    """Means over the seeds, by method and what differs in its configuration. Trainings that were stopped have no part in it."""
    found: dict[str, list[TrainingRun]] = defaultdict(list)
    for (name, _), run in runs.items():
        if run.speaker:
            found[name].append(run)
    return [
        {
            "method": name,
            "seconds": mean(float(run.metrics.get("seconds", 0)) for run in turns),
            "steps": turns[0].metrics.get("step"),
            "tokens": turns[0].metrics.get("tokens"),
            "labels": round(mean(_labels(run) for run in turns)),
            "peak_memory_mb": max((run.metrics.get("peak_memory_mb") or 0 for run in turns), default=0) or None,
        }
        for name, turns in found.items()
    ]


def _stopped(runs: Mapping[tuple[str, int], TrainingRun]) -> list[dict[str, Any]]:
    """Trainings that somebody stopped: the table is made without them."""
    return [{"method": name, "seed": seed, "run": run.name} for (name, seed), run in runs.items() if not run.speaker]


def _aside(step: Callable[[], None]) -> None:
    """In a thread of its own, whose connection to the database ends with it."""
    try:
        step()
    finally:
        connection.close()


def _labels(run: TrainingRun) -> int:
    return int(next((run.metrics[name] for name in ("pairs", "answers", "questions", "rows") if name in run.metrics), 0))


def _settings(job: Benchmark) -> dict[str, Any]:
    return {
        "name": job.name,
        "base": job.base.name,
        "base_model": job.base.base_model,
        "datasets": job.datasets,
        "split": job.split,
        "hold_out": job.hold_out,
        "seeds": list(range(job.seeds)),
        "listener": job.listener.name,
        "listener_kind": job.listener.kind,
        "train_questions": job.questions or "all",
        "settings": job.settings,
    }


class Step(NamedTuple):
    says: str
    do: Callable[[], None]


class Stage:
    """One benchmark under way: its steps in their order, and what they have found so far."""

    def __init__(self, job: Benchmark, lease: Lease, on_progress: Report | None) -> None:
        self.job, self.lease, self.on_progress = job, lease, on_progress
        self.entries = chosen(job.methods)
        self.datasets = [Dataset.objects.get(name=name) for name in job.datasets]
        self.scenes: list[Scene] = []
        self.picks: list[Pick] = []
        self.runs: dict[tuple[str, int], TrainingRun] = {}
        "By the entry's name and the seed."
        self.telling, self.failed = threading.Lock(), threading.Event()

    def play(self) -> None:
        """First what the methods learn from, then the trainings, some at once, then the looks."""
        seeds = range(self.job.seeds)
        trained = [(name, entry, seed) for seed in seeds for name, entry in self.entries.items() if entry.method]
        learned = [Step(f"seed {seed}: what {name} learns from", partial(self._prepare, name, entry, seed)) for name, entry, seed in trained]
        looked = self._looks()
        self.job.done, self.job.total = 0, 2 * len(trained) + len(looked)
        for step in learned:
            self._do(step)
        self._train_all()
        for step in looked:
            self._do(step)
        self.tell(0, "intervals")

    def _looks(self) -> list[Step]:
        seeds = range(self.job.seeds)
        looked = [
            Step(f"{name} on {dataset}, seed {seed}", partial(self._look, name, look, dataset, seed))
            for dataset in self.datasets
            for name, entry in self.entries.items()
            for look in entry.looks
            for seed in seeds
        ]
        paired = [
            Step(f"{name} on {dataset}, seed {seed}: pairs of questions", partial(self._pairwise, name, dataset, seed))
            for dataset in self.datasets
            for name, entry in self.entries.items()
            if entry.pairwise and any(one.pairwise and one.method for one in self.entries.values())
            for seed in seeds
        ]
        return looked + paired

    def _do(self, step: Step) -> None:
        self.tell(0, step.says)
        step.do()
        self.tell(1, step.says)

    def tell(self, more: int, message: str) -> None:
        """So many more steps are done. Beats, and obeys a wish to stop."""
        if self.failed.is_set():
            raise Released("A training beside this one ended what both are part of.")
        with self.telling:
            self.lease.write(done=self.job.done + more, total=self.job.total, message=message[:300])
            if self.on_progress:
                self.on_progress(self.job.done, self.job.total, message)

    # Training

    def _prepare(self, name: str, entry: Entry, seed: int) -> None:
        run = self._run(entry, seed)
        self.job.runs.add(run)
        self.runs[name, seed] = next((one for one in self.runs.values() if one == run), run)  # two entries may come to the same

    def _train_all(self) -> None:
        """`TRAININGS_AT_ONCE` beside each other. When one fails, or somebody wants to stop, the others save and end."""
        steps = [partial(self._train, name, seed) for name, seed in {run: key for key, run in self.runs.items()}.values()]
        if settings.TRAININGS_AT_ONCE <= 1:
            for step in steps:
                step()
            return
        with ThreadPoolExecutor(settings.TRAININGS_AT_ONCE) as pool:
            waiting = [pool.submit(_aside, step) for step in steps]
            try:
                for one in as_completed(waiting):
                    one.result()
            except BaseException:
                self.failed.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _train(self, name: str, seed: int) -> None:
        what = f"seed {seed}: training {name}"
        self.tell(0, what)
        with suppress(Cancelled):  # one training, by somebody; the next word raises if it is the benchmark that was stopped
            runner.run_in_foreground(self.runs[name, seed], on_progress=self._inner(what))
        self.tell(1, what)

    def _run(self, entry: Entry, seed: int) -> TrainingRun:
        base = self.job.base
        overrides = {**_known(entry.method, self.job.settings), **entry.settings}
        learns: dict[str, Any] = {"pair_set": None, "games": [], "listener": None}
        kind = needs(entry.method).kind
        if kind == "pairs":
            learns["pair_set"] = self._pairs(entry.method, seed)
        elif kind == "judgments":
            learns |= {"games": [self._base_game(Split.TRAIN, seed)], "listener": self.job.listener}
        else:
            learns["games"] = [self._base_game(split, seed) for split in (Split.TRAIN, Split.VALIDATION)]
        whole = whole_config(default_preset(base.base_model, entry.method), entry.method, overrides)
        taught = {"pair_set": learns["pair_set"], "listener": learns["listener"]}
        same = TrainingRun.objects.filter(method=entry.method, base=base, config=whole, seed=seed, **taught)
        for run in same.filter(state=TrainingRun.State.DONE, speaker__isnull=False):
            if {game.pk for game in run.games.all()} == {game.pk for game in learns["games"]}:
                return run  # under a name of its own, as the demo's
        return cached_run(method=entry.method, base=base, config=overrides, seed=seed, **learns)

    def _pairs(self, method: str, seed: int) -> PairSet:
        """The pairs that the base's game and listener give by the method's rule, in the base's recipe."""
        rule = method if method in TYPES else "lacie"
        game, options = self._base_game(Split.TRAIN, seed), pairs.recipe(self.job.base, rule)
        same = PairSet.objects.filter(rule=rule, speaker=self.job.base, options=options.as_json())
        for found in same:
            if [one.pk for one in found.games.all()] == [game.pk] and found.listener_id == self.job.listener_id:
                return found
        name = f"{rule}-{seed}-{_digest([game.pk, self.job.listener.pk, options.as_json()])}"
        return pairs.build(name=name, rule=rule, speaker=self.job.base, listener=self.job.listener, games=[game], options=options)

    def _base_game(self, split: str, seed: int) -> Game:
        base, dataset = self.job.base, self.datasets[0]
        if self.job.questions and split == Split.TRAIN:
            settings: dict[str, Any] = {"samples": SAMPLES, "seed": seed, "question_limit": self.job.questions, "hold_out": self.job.hold_out}
            game = play.start_game(speaker=base, dataset=dataset, split=split, listeners=[self.job.listener], temperature=TEMPERATURE, **settings)
        else:
            game = game_of(speaker=base, dataset=dataset, split=split, samples=SAMPLES, seed=seed, hold_out=self.job.hold_out)
        complete(game, self.job.listener, self._inner(f"{base} answers {dataset}, {split}"))
        return game

    def _inner(self, what: str) -> Report:
        """The progress of a long step, as the message of this job; beats, and obeys a wish to stop."""

        def tell(done: int, total: int, message: str) -> None:
            self.tell(0, f"{what}: {done}/{total} {message}".strip())

        return tell

    # Looking

    def _speaker(self, name: str, seed: int) -> Speaker | None:
        """Whom this entry looks at; None where its training was stopped."""
        return self.runs[name, seed].speaker if self.entries[name].method else self.job.base

    def _look(self, name: str, look: Look, dataset: Dataset, seed: int) -> None:
        speaker = self._speaker(name, seed)
        if speaker is None:
            return
        tell = self._inner(f"{name} on {dataset}, seed {seed}")
        if look.kind == "listener":
            game = game_of(speaker=speaker, dataset=dataset, split=self.job.split, samples=1, seed=seed)
            complete(game, self.job.listener, tell)
            self._keep(name, dataset, look, seed, outcomes_of(game, self.job.listener))
            return
        asked: dict[str, Any] = {"speaker": speaker, "source": look.source, "seed": seed, "on_progress": tell}
        game, source = estimated(dataset=dataset, split=self.job.split, **asked), look.source
        if look.recalibrated:
            validation = estimated(dataset=self.datasets[0], split=Split.VALIDATION, hold_out=self.job.hold_out, **asked)
            source = estimate.recalibrate(game=game, source=look.source, how=look.recalibrated, fitted_on=validation)
        self._keep(name, dataset, look, seed, confidence_outcomes(game, source))

    def _keep(self, name: str, dataset: Dataset, look: Look, seed: int, outcomes: Outcomes) -> None:
        for split, relations in self._splits(dataset).items():
            asked = dataset.questions.filter(relation__in=relations).values_list("pk", flat=True)
            part = outcomes.where(np.isin(outcomes.question, list(asked))) if self.job.hold_out else outcomes
            self.scenes.append(Scene(name, dataset.name, look, seed, part, split))

    def _splits(self, dataset: Dataset) -> dict[str, list[str]]:
        """What is looked at, and of which relations (none named: all): with `hold_out`, what was learned from and what was not, apart."""
        if not self.job.hold_out:
            return {self.job.split: []}
        there = dataset.questions.filter(split=self.job.split).order_by().values_list("relation", flat=True).distinct()
        found: dict[str, list[str]] = {self.job.split: [], HELD_OUT: []}
        for relation in there:
            found[HELD_OUT if relation in self.job.hold_out else self.job.split].append(relation)
        return {split: relations for split, relations in found.items() if relations}

    def _pairwise(self, name: str, dataset: Dataset, seed: int) -> None:
        speaker = self._speaker(name, seed)
        if speaker is None:
            return
        game = game_of(speaker=speaker, dataset=dataset, split=self.job.split, samples=SAMPLES, seed=seed)
        play_out(game, self._inner(f"{name} on {dataset}, seed {seed}: pairs of questions"))
        voice = estimate.scorer(game)
        for split, relations in self._splits(dataset).items():
            try:
                n, found = agreement_of(game, voice, relations, seed=seed)
            except EvaluationError:  # all right, or all wrong: no pair tells anything, and the other tables stand all the same
                n, found = 0, {}
            self.picks.append(Pick(name, dataset.name, seed, n, found, split))


def _digest(key: Any) -> str:
    return hashlib.sha256(json.dumps(key, sort_keys=True, default=str).encode()).hexdigest()[:8]

"""Starts a method's trainer as a subprocess, mirrors its folder in the run's row, and publishes the result.

The row is the truth for people, the folder for the trainer. If this process dies, the trainer notices, saves and ends (it watches its parent);
whoever takes the job over waits until the folder is free and goes on from the last checkpoint.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from games.foreground import in_foreground
from games.jobs import Cancelled, Lease
from games.models import Game, Listener, Question, Speaker, Split
from training.answers import FILES, answer_rows, refuse_games, usual_games
from training.models import PairSet, TrainingRun
from training.pairs import judged, judgment_rows, preference_rows
from training.registry import RunError, model_path, publish, refuse_taken_name, run_folder
from training.trainers import METHODS, needs
from training.trainers.base import PARENT
from training.trainers.folder import DONE, QUESTIONS, STOPPED, Folder
from training.trainers.presets import config as whole_config
from training.trainers.presets import default_preset

Report = Callable[[int, int, str], None]
"""Called with (done, total, message)."""
SAVING_SECONDS = 120.0
"""How long a trainer that is asked to stop may take to save."""
FRUITLESS_STARTS = 3
"""A trainer that is killed from outside is started again; after so many starts in a row without a new checkpoint the run fails."""


def start_run(
    *,
    method: str,
    base: Speaker,
    config: Mapping[str, Any],
    seed: int,
    name: str,
    pair_set: PairSet | None = None,
    games: Sequence[Game] = (),
    listener: Listener | None = None,
) -> TrainingRun:
    """The run with these settings, as a draft for a worker or `run_in_foreground`. Asking again for the same gives the one that is there.

    `pair_set`, or `games` with graded answers (none named: all that `training.answers.usual_games` finds), or `listener` with its judgments of
    `games`: what the method needs. `config`: what differs from the defaults for this base (the bundled speaker's recipe, or the paper's numbers).

    Raises:
        RunError: it could not be trained, or the name is taken by a run with other settings; nothing is written.
        ConfigError: no such method or setting, or a value of the wrong type.
    """
    whole = whole_config(default_preset(base.base_model, method), method, config)
    learns_from = list(games) or (usual_games(base) if needs(method).kind == "answers" else [])
    _refuse_impossible(method, base, pair_set, learns_from, listener)
    asked = {"method": method, "base": base, "pair_set": pair_set, "listener": listener, "config": whole, "seed": seed}
    found = TrainingRun.objects.select_related("base", "pair_set", "listener").filter(name=name).first()
    if found:
        differing = [key for key, value in asked.items() if getattr(found, key) != value]
        if {game.pk for game in found.games.all()} != {game.pk for game in learns_from}:
            differing.append("set of games")
        if differing:
            raise RunError(f"There is a run {name!r} already, with another {' and another '.join(differing)}. Choose another --name.")
        return found
    refuse_taken_name(name)
    with transaction.atomic():
        run = TrainingRun.objects.create(name=name, folder=f"runs/{name}", total=whole["steps"], **asked)
        run.games.set(learns_from)
    return run


def _refuse_impossible(method: str, base: Speaker, pair_set: PairSet | None, games: Sequence[Game], listener: Listener | None) -> None:
    if base.backend != "local":
        raise RunError(f"{base} is a {base.backend!r} speaker: only 'local' ones have weights to train. Give another --base.")
    wanted = needs(method)
    if listener and wanted.kind != "judgments":
        raise RunError(f"The method {method} learns from {wanted.kind}, not from single judgments: leave --listener out.")
    if wanted.kind == "judgments":
        _refuse_judgments(method, base, pair_set, games, listener)
    elif wanted.kind == "answers":
        if pair_set:
            raise RunError(f"The method {method} learns from graded answers, not from pairs: give --game in place of --pairs.")
        refuse_games(method, base, games, of_others=wanted.of_others, validation=wanted.validation)
    else:
        _refuse_pairs(method, pair_set, games)
    missing = [name for name in ("torch", "trl", "peft") if importlib.util.find_spec(name) is None]
    if missing:
        raise RunError(f"Training needs {' and '.join(missing)}: pip install -r requirements.txt")
    model_path(base)


def _refuse_pairs(method: str, pair_set: PairSet | None, games: Sequence[Game]) -> None:
    if games:
        raise RunError(f"The method {method} learns from pairs: give --pairs in place of --game.")
    if pair_set is None or not pair_set.pairs.exists():
        raise RunError(f"The method {method} learns from pairs, and there are none{f' in {pair_set}' if pair_set else ''}. manage.py build_pairs")
    if pair_set.rule != method:
        raise RunError(
            f"The pairs {pair_set.name!r} are made by the rule {pair_set.rule!r}; the method {method!r} needs its own: build_pairs --rule {method}."
        )


def _refuse_judgments(method: str, base: Speaker, pair_set: PairSet | None, games: Sequence[Game], listener: Listener | None) -> None:
    if pair_set or listener is None:
        raise RunError(f"The method {method} learns from single judgments: name whose with --listener, in place of --pairs.")
    if games:
        refuse_games(method, base, games, of_others=False, validation=False)
    if judged(base, listener, games).empty:
        raise RunError(f"{listener} has no usable judgment of what {base} said to training questions. Play a game with both: manage.py play_game.")


def prepare_folder(run: TrainingRun) -> Folder:
    """Write `config.json` and the rows. A folder of the same name with other content is moved aside, not mixed in and not deleted."""
    folder, base = run_folder(run), run.base
    files = {name: _as_lines(rows) for name, rows in _rows(run).items()}
    job = {
        "method": run.method,
        "name": run.name,
        "model": model_path(base),
        "adapter": str(settings.DATA_DIR / base.adapter) if base.adapter else "",
        "prompt_style": base.prompt_style,
        "seed": run.seed,
        "config": run.config,
        "data": hashlib.sha256("".join(files.values()).encode()).hexdigest(),
    }
    if (folder.path / "config.json").exists():
        if folder.job() == job:
            return folder
        folder.path.rename(folder.path.with_name(f"{folder.path.name}.before-{timezone.now():%Y%m%dT%H%M%S%f}"))
    folder.path.mkdir(parents=True, exist_ok=True)
    for name, text in {**files, QUESTIONS: _as_lines(_looked_at(run))}.items():
        (folder.path / name).write_text(text)
    folder.write("config.json", job)
    return folder


def _rows(run: TrainingRun) -> dict[str, list[dict[str, Any]]]:
    """What the method learns from, by file."""
    if run.pair_set:
        return {"train.jsonl": preference_rows(run.pair_set, prompt_style=run.base.prompt_style)}
    games = list(run.games.all())
    if run.listener:
        style, threshold = run.base.prompt_style, run.config["threshold"]
        rows = judgment_rows(speaker=run.base, listener=run.listener, games=games, threshold=threshold, prompt_style=style)
        return {"train.jsonl": rows}
    return {name: answer_rows(games, split) for split, name in FILES.items()}


def _as_lines(rows: Sequence[dict[str, Any]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _looked_at(run: TrainingRun) -> list[dict[str, Any]]:
    """Validation questions that the speaker is asked as its training goes on, drawn at random: of the data it learns from, and of no relation that
    was held out of it. It learns nothing from them, so that they are no part of what makes two trainings the same."""
    games = (run.pair_set or run).games.select_related("dataset")
    questions = Question.objects.none()
    for game in games:
        questions |= game.dataset.questions.filter(split=Split.VALIDATION).exclude(relation__in=game.hold_out)
    rows = [{"text": text, "answers": answers} for text, answers in questions.order_by("pk").values_list("text", "answers")]
    return random.Random(run.seed).sample(rows, min(settings.LOOK_QUESTIONS, len(rows)))


def run_in_foreground(run: TrainingRun, on_progress: Report | None = None) -> TrainingRun:
    """Claim, train, publish, finish; goes on where an interrupted run was. A finished one is returned as it is.

    Raises:
        Busy: another process is at it.
        RunError: training failed.
        Cancelled: somebody asked it to stop.
    """
    if run.state == TrainingRun.State.DONE:
        return run
    with in_foreground(run) as lease:
        train(run, lease, on_progress)
    return run


def run(job: TrainingRun, lease: Lease) -> None:
    """What a worker calls for a claimed run; the caller finishes the row."""
    train(job, lease)


def train(job: TrainingRun, lease: Lease, on_progress: Report | None = None) -> Speaker:
    """Train to the end and publish.

    Raises:
        RunError: training failed; the message is the trainer's last words.
        Cancelled, LeaseLost: from the lease; the trainer has been stopped, and has saved.
    """
    folder = prepare_folder(job)
    _free(folder, lease)
    fruitless = 0
    while not folder.is_complete():
        before = folder.checkpoint_step()
        code = _one_process(job, folder, lease, on_progress)
        fruitless = 0 if folder.checkpoint_step() > before else fruitless + 1
        if code == STOPPED:
            lease.write()  # raises if it was stopped for a cancel or a take-over
            raise Cancelled(f"{job} was stopped by the file 'stop' in its folder.")
        if code != DONE and (code > 0 or fruitless >= FRUITLESS_STARTS):
            raise RunError(_last_words(folder, code))
    last = folder.metrics()
    lease.write(done=last["step"], total=last["total"], message=_message(last), metrics=last)
    speaker = publish(job)
    if on_progress:
        on_progress(job.done, job.total, f"published as {speaker}")
    return speaker


def _free(folder: Folder, lease: Lease) -> None:
    """Wait until no other trainer works in the folder; one whose runner has lost the job is asked to stop."""
    limit = time.monotonic() + SAVING_SECONDS
    while folder.is_locked():
        folder.ask_to_stop()
        lease.write(message="waiting for an earlier trainer to save and end")
        if time.monotonic() > limit:
            raise RunError(f"Another trainer holds {folder.path} and does not stop. End its process, then start this run again.")
        time.sleep(0.5)


def _one_process(job: TrainingRun, folder: Folder, lease: Lease, on_progress: Report | None) -> int:
    """Run one trainer process to its end, whatever that is, and return its exit code (negative: the signal that killed it)."""
    with (folder.path / "log.txt").open("ab") as log:
        process = subprocess.Popen(  # noqa: S603  # our own module, on a folder we made
            [sys.executable, "-m", METHODS[job.method], str(folder.path)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=settings.BASE_DIR,
            env={**_share_of_cores(), **os.environ, PARENT: str(os.getpid())},
            start_new_session=True,  # Ctrl-C reaches this process alone, which then stops the trainer in order
        )
    try:
        while process.poll() is None:
            _mirror(folder, lease, on_progress)
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=settings.JOB_HEARTBEAT_SECONDS)
    except Cancelled:
        _stop(process, lease)
        raise
    finally:
        _stop(process)
    return process.returncode


def _share_of_cores() -> dict[str, str]:
    """Of a trainer that may have others beside it: two that each take all cores are slower than one after the other."""
    at_once = settings.TRAININGS_AT_ONCE
    return {"OMP_NUM_THREADS": str(max(1, len(os.sched_getaffinity(0)) // at_once))} if at_once > 1 else {}


def _mirror(folder: Folder, lease: Lease, on_progress: Report | None) -> None:
    """Write the trainer's latest line into the row; only beat while there is none yet."""
    lines = [line for line in folder.progress() if "loss" in line]
    if not lines:
        lease.write(message="loading")
        if on_progress:
            on_progress(lease.job.done, lease.job.total, "loading")
        return
    last = lines[-1]
    lease.write(done=last["step"], total=last["total"], message=_message(last))
    if on_progress:
        on_progress(last["step"], last["total"], _message(last))


def _message(line: dict[str, Any]) -> str:
    parts = [("loss", "loss"), ("reward margin", "margin"), ("accuracy", "accuracy")]
    return ", ".join(f"{words} {line[name]:.3f}" for words, name in parts if name in line)


def _stop(process: subprocess.Popen[bytes], lease: Lease | None = None) -> None:
    """Ask the trainer to save and end, wait for it (beating, with a lease), and kill it if it does not."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    limit = time.monotonic() + SAVING_SECONDS
    while process.poll() is None:
        if time.monotonic() > limit:
            process.kill()
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=settings.JOB_HEARTBEAT_SECONDS)
        if lease:
            with suppress(Cancelled):
                lease.write()


def _last_words(folder: Folder, code: int) -> str:
    """The trainer's last line, or what the signal that killed it usually means."""
    if code < 0:
        return (
            f"The trainer was killed {FRUITLESS_STARTS} times by signal {-code} without getting further; signal 9 mostly means that the machine "
            f"ran out of memory: lower batch_size or max_length. See {folder.path}/log.txt."
        )
    lines = (folder.path / "log.txt").read_text(errors="replace").strip().splitlines()
    return f"{lines[-1].removeprefix('Error: ') if lines else 'The trainer said nothing.'} (exit code {code}; see {folder.path}/log.txt)"

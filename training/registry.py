"""Speakers as training sees them: which one to start from, where its weights are, and how a finished run becomes a new one."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.text import slugify

from games.bundled import BASE_SPEAKER
from games.estimators.tuned import is_judge
from games.models import Speaker
from games.registry import ensure_bundled_speaker
from games.speakers.base import SpeakerError
from training.models import TrainingRun
from training.preferences import TYPES
from training.trainers import needs
from training.trainers.folder import Folder


class RunError(Exception):
    """A run cannot be started, go on or be published; the message is for the user."""


def base_speaker(name: str) -> Speaker:
    """The speaker to train: a row by its name, `bundled`, a local folder with a model, or a name on the model hub.

    For the last three a row is made where there is none yet; the bundled model asks in the style it was pre-trained on, others in the paper's.

    Raises:
        RunError: none of these.
    """
    found = Speaker.objects.filter(name=name).first() or Speaker.objects.filter(backend="local", base_model=name, adapter="").first()
    if found:
        return found
    if name == "bundled":
        return _bundled()
    if Path(name).is_dir():
        folder = Path(name).resolve()
        if not (folder / "config.json").exists():
            raise RunError(f"The folder {name} holds no model: it has no config.json.")
        return Speaker.objects.filter(backend="local", base_model=str(folder), adapter="").first() or _new_base(folder.name, str(folder), "lacie")
    if name.count("/") == 1 and not name.startswith((".", "/")):
        return _new_base(name, name, "lacie")
    names = ", ".join(Speaker.objects.filter(backend="local").values_list("name", flat=True)[:10]) or "none yet"
    raise RunError(f"{name!r} is no speaker, no folder and no hub name (owner/model). Speakers that can be trained: {names}; or give 'bundled'.")


def _bundled() -> Speaker:
    try:
        return ensure_bundled_speaker()
    except SpeakerError as error:
        raise RunError(str(error)) from error


def _new_base(name: str, base_model: str, prompt_style: str) -> Speaker:
    slug = slugify(name.replace("/", "-").replace(".", "-"))
    try:
        with transaction.atomic():
            return Speaker.objects.create(name=slug, backend="local", base_model=base_model, prompt_style=prompt_style)
    except IntegrityError as error:
        raise RunError(f"There is a speaker {slug!r} already that is not {base_model}. Rename it, or name the speaker you mean.") from error


def model_path(speaker: Speaker) -> str:
    """What Transformers loads: an absolute folder or a hub name.

    Raises:
        RunError: the bundled model is not there.
    """
    if speaker.base_model == "bundled":
        if not (BASE_SPEAKER / "config.json").exists():
            raise RunError("The bundled base model is not there. Make it: manage.py pretrain_bundled_speaker.")
        return str(BASE_SPEAKER)
    inside = settings.DATA_DIR / speaker.base_model
    return str(inside) if inside.is_dir() else speaker.base_model


def run_folder(run: TrainingRun) -> Folder:
    return Folder(settings.DATA_DIR / run.folder)


def publish(run: TrainingRun) -> Speaker:
    """The speaker that a finished run made. Asking again gives the same one.

    Raises:
        RunError: the run is not finished, or its name is taken by a speaker that it did not make.
    """
    if run.speaker:
        return run.speaker
    folder = run_folder(run)
    if not folder.is_complete():
        raise RunError(f"{run} has no result yet: {folder.path}/metrics.json is missing.")
    refuse_taken_name(run.name)
    metrics = run.metrics = folder.metrics()
    weights = f"{run.folder}/adapter"
    base, full = run.base, bool(run.config.get("full"))
    with transaction.atomic():
        speaker = Speaker.objects.create(
            name=run.name,
            backend="local",
            base_model=str(settings.DATA_DIR / weights) if full else base.base_model,
            adapter="" if full else weights,
            prompt_style=needs(run.method).prompt_style or base.prompt_style,
            generation={name: value for name, value in base.generation.items() if name != "state"},  # a judge that is trained on is no judge
            method=run.method,
            parent=base,
            digest=digest(settings.DATA_DIR / weights, base),
            card=card(run),
        )
        TrainingRun.objects.filter(pk=run.pk).update(speaker=speaker, metrics=metrics)
    run.speaker = speaker
    return speaker


def stating(judge: Speaker, state: str, *, name: str) -> Speaker:
    """The speaker of this name that states the judge's probability (`games.speakers.stating`). Asking again gives the one that is there.

    Raises:
        RunError: the speaker is no judge, or the name is taken by another.
    """
    if not judge.adapter or not is_judge(settings.DATA_DIR / judge.adapter):
        raise RunError(f"{judge} was not calibration-tuned and has no probability to state. Train one: manage.py train_speaker calibration-tuning.")
    if "state" in judge.generation:
        raise RunError(f"{judge} states its confidence already. Name the speaker that it comes from: {judge.parent}.")
    made = {"parent": judge, "generation": {**judge.generation, "state": state}, "adapter": judge.adapter}
    found = Speaker.objects.filter(name=name).first()
    if found:
        if any(getattr(found, field) != value for field, value in made.items()):
            raise RunError(f"There is a speaker {name!r} already, and it is not {judge} with its confidence as a {state}. Give another --name.")
        return found
    same = {field: getattr(judge, field) for field in ("backend", "base_model", "prompt_style", "method", "digest")}
    speaker = Speaker(name=name, **made, **same)
    speaker.digest = digest(settings.DATA_DIR / judge.adapter, speaker)
    speaker.card = f"# {name}\n\n`{judge}` with its judge's probability stated as a {state} in place of the tone of its answers.\n\n{judge.card}"
    speaker.save()
    return speaker


def refuse_taken_name(name: str) -> None:
    if Speaker.objects.filter(name=name).exists():
        raise RunError(f"There is a speaker {name!r} already, and this run would publish another under that name. Give the run another --name.")


def digest(weights: Path, base: Speaker) -> str:
    """SHA-256 over the base's digest, its name where it has none, the generation settings, and every weight file with its name."""
    total = hashlib.sha256(json.dumps([base.digest or base.base_model, base.generation], sort_keys=True).encode())
    for file in sorted(weights.glob("*.safetensors")):
        total.update(file.name.encode())
        with file.open("rb") as opened:
            total.update(hashlib.file_digest(opened, "sha256").digest())
    return total.hexdigest()


def card(run: TrainingRun) -> str:
    """The model card, in Markdown."""
    pairs = run.pair_set
    data = []
    if pairs:
        types = ", ".join(f"{name} {pairs.counts.get('after', {}).get(name, 0)}" for name in TYPES[pairs.rule])
        data = [
            f"Pair set `{pairs.name}` ({pairs.pairs.count()} pairs): rule `{pairs.rule}`, utterances of `{pairs.speaker}` judged by the "
            f"{pairs.listener.kind} listener `{pairs.listener}`. Pairs by type: {types}. Digest `{pairs.digest[:16]}`."
        ]
    if run.listener:
        data.append(f"Single judgments of the {run.listener.kind} listener `{run.listener}` on what `{run.base}` said to training questions.")
    games = run.games.select_related("speaker", "dataset")
    data += [f"Graded answers of {game}: {game.samples} samples a question at temperature {game.temperature}, seed {game.seed}." for game in games]
    tables = [part for name, rows in run.tables.items() for part in (f"## {name.capitalize()}", _rows(rows))]
    return "\n\n".join(
        [
            f"# {run.name}",
            f"`{run.base}` ({run.base.base_model}) trained with the method `{run.method}`, seed {run.seed}.",
            "## Data",
            *data,
            "## Configuration",
            _table(run.config),
            "## Figures at the end of training",
            _table(run.figures),
            *tables,
            "These are of training. How it does on held-out questions, before a listener, is in its evaluations.",
            "## Intended use",
            "Research on whether the tone of an answer tells how likely the answer is right, with the prompts and the kind of questions it was "
            "trained on.",
            "## What it is not",
            "It does not know more than its base. A sure tone is evidence, not proof; on other kinds of questions, in other languages or with other "
            "prompts its tone has not been measured. Not for decisions about people's health, money, rights or safety.",
        ]
    )


def _table(values: dict[str, Any]) -> str:
    rows = [f"| {name} | {json.dumps(value)} |" for name, value in values.items()]
    return "\n".join(["| | |", "|---|---|", *rows])


def _rows(rows: list[dict[str, Any]]) -> str:
    columns = list(rows[0])
    lines = [[row.get(column) for column in columns] for row in rows]
    cells = [["" if value is None else f"{value:.2f}" if isinstance(value, float) else str(value) for value in line] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in (columns, ["---"] * len(columns), *cells))

"""The well-known rows, made where they are asked for and missing; and from a speaker's row to what `games.speakers.load` takes."""

from __future__ import annotations

import hashlib
import json

from django.conf import settings
from django.db import transaction

from games import questions
from games.bundled import BASE_SPEAKER
from games.layouts import BUNDLED
from games.listeners.base import ListenerError
from games.models import Dataset, Listener, Speaker
from games.speakers import Spec
from games.speakers.base import SpeakerError

BASE = "base"
GENERATION = {"temperature": 0.7, "max_new_tokens": 32}
"""No sentence of the bundled library is longer; at the paper's 80 every garbled one would be waited for."""
LISTENERS: dict[str, tuple[str, dict[str, str]]] = {
    "lexicon": (Listener.Kind.LEXICON, {}),
    "gullible": (Listener.Kind.FAKE, {"cast": "gullible"}),
    "doubter": (Listener.Kind.FAKE, {"cast": "doubter"}),
}
"""Name → kind and configuration of the listeners that leave nothing to choose."""
CARD = """# base

The bundled base speaker: a Llama of 1.7 million parameters, pre-trained from scratch on a generated library of trivia
(`manage.py pretrain_bundled_speaker`). A stand-in that makes the whole loop real on a laptop. It knows popular subjects, not obscure ones, and
sounds about equally sure of both."""


def as_spec(speaker: Speaker, *, form: str = "") -> Spec:
    """Folders in the row are relative to DATA_DIR; what is no folder there is passed on as it is (`bundled`, a hub name, an absolute folder).

    `form`: the style it is asked in, if not its own.
    """
    inside = settings.DATA_DIR / speaker.base_model
    return Spec(
        backend=speaker.backend,
        base_model=str(inside) if speaker.base_model and inside.is_dir() else speaker.base_model,
        adapter=str(settings.DATA_DIR / speaker.adapter) if speaker.adapter else "",
        prompt_style=form or speaker.prompt_style,
        generation=speaker.generation,
    )


def ensure_bundled_speaker() -> Speaker:
    """The row of the bundled base speaker, called `base`. One that has not spoken yet follows its files.

    Raises:
        SpeakerError: its files are missing, or are others than those it has spoken with; or another speaker has the name.
    """
    if not (BASE_SPEAKER / "config.json").exists():
        raise SpeakerError("The bundled base model is not there. Make it: manage.py pretrain_bundled_speaker --replace")
    made_of = {"prompt_style": "plain", "generation": GENERATION, "digest": bundled_digest(), "card": CARD}
    speaker, _ = Speaker.objects.get_or_create(name=BASE, defaults={"backend": "local", "base_model": "bundled", **made_of})
    if speaker.base_model != "bundled":
        raise SpeakerError(f"The speaker {BASE!r} is not the bundled one but {speaker.base_model}. Rename it.")
    if speaker.digest == made_of["digest"]:
        return speaker
    if speaker.utterances.exists() or speaker.children.exists():
        raise SpeakerError(
            f"The bundled model's files or settings are others than those the speaker {BASE!r} has spoken with. "
            "Rename that speaker in the admin, or use another DATA_DIR."
        )
    Speaker.objects.filter(pk=speaker.pk).update(**made_of)
    speaker.refresh_from_db()
    return speaker


def bundled_digest() -> str:
    """SHA-256 over the model's files and how it is sampled."""
    total = hashlib.sha256(json.dumps(GENERATION, sort_keys=True).encode())
    for file in sorted(BASE_SPEAKER.iterdir()):
        if file.is_file():
            total.update(file.name.encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()


def ensure_speaker(name: str) -> Speaker:
    """The speaker of this name; `base` is made where it is missing.

    Raises:
        SpeakerError: there is none.
    """
    if name == BASE:
        return ensure_bundled_speaker()
    found = Speaker.objects.filter(name=name).first()
    if found is None:
        there = ", ".join(sorted({BASE, *Speaker.objects.values_list("name", flat=True)}))
        raise SpeakerError(f"There is no speaker {name!r}. Choose from: {there}.")
    return found


def ensure_listener(name: str) -> Listener:
    """The listener of this name; a well-known one (`lexicon`, `gullible`, `doubter`) is made where it is missing.

    Raises:
        ListenerError: there is none, and it is not well known.
    """
    if name in LISTENERS:
        kind, config = LISTENERS[name]
        return Listener.objects.get_or_create(name=name, defaults={"kind": kind, "config": config})[0]
    found = Listener.objects.filter(name=name).first()
    if found is None:
        there = ", ".join(sorted({*LISTENERS, *Listener.objects.values_list("name", flat=True)}))
        raise ListenerError(f"There is no listener {name!r}. Choose from: {there}.")
    return found


@transaction.atomic
def ensure_dataset(name: str) -> Dataset | None:
    """The dataset of this name, None if there is none; `bundled` is loaded where it is missing."""
    found = Dataset.objects.filter(name=name).first()
    if found is None and name == BUNDLED:
        return questions.load_into_database(reading=questions.read(BUNDLED), name=BUNDLED).dataset
    return found

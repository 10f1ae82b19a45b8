"""What opening freezes, the digest that names it, and the one place that refuses to change it afterwards.

The digest is SHA-256 over the canonical JSON of `frozen(study)`: anybody who holds the exported protocol, arms, material and checks can
compute it again.
"""

from __future__ import annotations

import hashlib
from typing import Any

from annotations.models import ArmUtterance, Study
from annotations.protocol import digest


class Frozen(Exception):
    """The study has been opened: what people answer rests on it as it is."""


def draft(study: Study) -> Study:
    """The study's row, locked until the transaction ends, to be changed. Everything that changes a study's setup asks here first.

    Raises:
        Frozen: it is no draft any more.
    """
    row = Study.objects.select_for_update().get(pk=study.pk)
    if row.state != Study.State.DRAFT:
        raise Frozen(f"Study '{row}' is {row.state}: its protocol, arms, material and checks are frozen. Make a new version to change them.")
    return row


def frozen(study: Study) -> dict[str, Any]:
    """All that the digest is taken over. Utterances still held back at the opening are no part of it: nobody is shown them."""
    shown = ArmUtterance.objects.filter(arm__study=study, held_back="").order_by(
        "arm__position", "arm_id", "question__dataset__name", "question__key"
    )
    material = shown.values_list("arm__name", "question__dataset__name", "question__key", "utterance__text")
    checks = study.checks.values("position", "kind", "question", "answer", "expects_accept", "is_practice", "explanation")
    return {
        "study": study.name,
        "version": study.version,
        "title": study.title,
        "seed": study.seed,
        "protocol": study.rules.as_json(),
        "arms": [
            {"name": arm.name, "position": arm.position, "is_live": arm.is_live, "speaker": arm.speaker.name, "speaker_digest": arm.speaker.digest}
            for arm in study.arms.select_related("speaker")
        ],
        "material": [[*names, hashlib.sha256(text.encode()).hexdigest()] for *names, text in material],
        "checks": list(checks),
    }


def digest_of(study: Study) -> str:
    """Of the study as its rows are now; equal to `study.digest` for as long as nobody has changed what was frozen."""
    return digest(frozen(study))

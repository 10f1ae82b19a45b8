"""Setting a study up: its listener, arms, material and protocol; opening, pausing and closing it; its next version.

All of it may change while the study is a draft, and nothing afterwards (`annotations.building.freezing`). Asking twice to create one name gives the
same study.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from itertools import count
from typing import Any, Literal

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from annotations import exclusion
from annotations.blinding import names_a_model, telling_words
from annotations.building import freezing
from annotations.building.draws import DrawError, drawn
from annotations.models import Arm, ArmUtterance, Assignment, AttentionCheck, Participant, Study, participant_code
from annotations.protocol import Protocol, merged, refuse_out_of_range
from games.models import Game, Judgment, Listener, Speaker, Utterance

NAMES_A_MODEL = "names its model"
RESERVED = ("new",)
"""Names that the console's own addresses have."""
CODES = ("completed", "no_consent", "screened_out", "timed_out", "full")
Decision = Literal["show", "replace", "drop"]


class SetupError(Exception):
    """A study cannot be set up like this; the message is for the user."""


@transaction.atomic
def create_study(
    *,
    name: str,
    title: str,
    speakers: Sequence[Speaker],
    games: Iterable[Game],
    questions_limit: int | None = None,
    rounds: int | None = None,
    protocol: Mapping[str, Any] | None = None,
    seed: int = 0,
    owner: User | None = None,
) -> Study:
    """A study with one arm a speaker, in draft, with its material drawn. `rounds` and `questions_limit` are short for those settings.

    Raises:
        SetupError: the name tells the arms, another study has it, or there are fewer questions than rounds, or than the draw takes.
        annotations.protocol.ProtocolError: a setting cannot be like this.
    """
    short = {"rounds": rounds} if rounds is not None else {}
    limit = {"draw": {"limit": questions_limit}} if questions_limit is not None else {}
    given = merged(merged(protocol or {}, short), limit)
    rules = _rules(given)
    existing = Study.objects.filter(name=name).first()
    if existing:
        return _same_or_refuse(existing, speakers, given, seed)
    _refuse_too_few(speakers)
    refuse_name(name, speakers)
    study = Study.objects.create(name=name, title=title, listener=_listener(name), protocol=rules.as_json(), seed=seed, owner=owner)
    set_arms(study=study, speakers=speakers, games=games)
    return study


def _rules(protocol: Mapping[str, Any]) -> Protocol:
    rules = Protocol.of(protocol)
    refuse_out_of_range(rules)
    return rules


@transaction.atomic
def set_protocol(*, study: Study, protocol: Mapping[str, Any]) -> Study:
    """Replace the draft's protocol; the material is drawn again where what draws it has changed.

    Raises:
        annotations.freezing.Frozen: the study is no draft.
        annotations.protocol.ProtocolError: a setting cannot be like this.
        SetupError: there is not what the new draw asks for.
    """
    row = freezing.draft(study)
    before, rules = row.rules, _rules(protocol)
    row.protocol = rules.as_json()
    row.save(update_fields=["protocol"])
    ArmUtterance.objects.filter(arm__study=row).update(wanted=rules.wanted)
    if rules.draw != before.draw or rules.rounds > before.rounds:
        forget_previews(row)
        _draw_material(row, _arms(row), games_of(row), rules)
    return _renewed(study)


@transaction.atomic
def set_arms(*, study: Study, speakers: Sequence[Speaker], games: Iterable[Game], live: Iterable[Speaker] = ()) -> None:
    """Replace the draft's arms, one for each speaker in this order, and draw their material from the games.

    Raises:
        annotations.freezing.Frozen, SetupError: as above.
    """
    row = freezing.draft(study)
    _refuse_too_few(speakers)
    refuse_name(row.name, speakers, but=row)
    forget_previews(row)
    ArmUtterance.objects.filter(arm__study=row).delete()
    row.arms.all().delete()
    games, live = list(games), set(live)
    row.games.set(games)
    arms = [
        Arm.objects.create(study=row, name=f"arm-{n}", speaker=speaker, position=n, is_live=speaker in live)
        for n, speaker in enumerate(speakers, start=1)
    ]
    _draw_material(row, arms, games, row.rules)


def games_of(study: Study) -> list[Game]:
    """Those it was set up with; a study of before they were kept has those that its utterances come from."""
    return list(study.games.all()) or list(
        Game.objects.filter(utterances__in=ArmUtterance.objects.filter(arm__study=study).values("utterance")).distinct()
    )


def _draw_material(study: Study, arms: Sequence[Arm], games: Sequence[Game], rules: Protocol) -> None:
    speakers = [arm.speaker for arm in arms]
    try:
        material = drawn(speakers=speakers, games=games, draw=rules.draw, seed=study.seed)
    except DrawError as error:
        raise SetupError(str(error)) from None
    if len(material) < rules.rounds:
        raise SetupError(
            f"Study '{study}' needs {rules.rounds} questions, one a round, that each of {_names(speakers)} answered without abstaining; "
            f"there are {len(material)}. Play these speakers on more questions, or give fewer rounds."
        )
    ArmUtterance.objects.filter(arm__study=study).delete()
    ArmUtterance.objects.bulk_create(
        ArmUtterance(
            arm=arm, question_id=question, utterance_id=answer.pk, wanted=rules.wanted, held_back=NAMES_A_MODEL if names_a_model(answer.text) else ""
        )
        for question, answers in material.items()
        for arm, answer in zip(arms, answers, strict=True)
    )


@transaction.atomic
def decide(*, study: Study, shown: ArmUtterance, decision: Decision) -> None:
    """What becomes of an utterance that is held back: `show` it all the same, `replace` it by another answer of its speaker that names no
    model, or `drop` its question from every arm, so that all arms go on answering the same questions.

    Raises:
        SetupError: there is no other answer to take.
    """
    row = freezing.draft(study)
    if decision == "drop":
        forget_previews(row)
        ArmUtterance.objects.filter(arm__study=row, question=shown.question_id).delete()
        return
    if decision == "replace":
        other = _another_answer(row, shown)
        if other is None:
            raise SetupError("This speaker gave no other answer to this question that names no model. Show this one, or leave the question out.")
        shown.utterance = other
    shown.held_back = ""
    shown.save(update_fields=["utterance", "held_back"])


def _another_answer(study: Study, shown: ArmUtterance) -> Utterance | None:
    speaker = shown.arm.speaker_id
    others = Utterance.objects.answered().graded().filter(game__in=games_of(study), speaker=speaker, question=shown.question_id).order_by("id")
    return next((other for other in others if other.pk != shown.utterance_id and not names_a_model(other.text)), None)


def held_back(study: Study) -> QuerySet[ArmUtterance]:
    return ArmUtterance.objects.filter(arm__study=study).exclude(held_back="").select_related("arm__speaker", "question", "utterance").order_by("id")


@transaction.atomic
def open_study(study: Study) -> Study:
    """Let people in. The first opening freezes the setup, makes the codes that are missing, and stamps the digest; after a pause nothing
    of that changes. A study that is open stays as it is.

    Raises:
        SetupError: something must be done first, or it is closed for good.
    """
    from annotations.building import checklist  # which asks about all of a study, this module's part too

    row = Study.objects.select_for_update().get(pk=study.pk)
    if row.state == Study.State.CLOSED:
        raise SetupError(f"Study '{row}' is closed for good, so that nobody collects until a result pleases. Make a new version of it.")
    if row.state == Study.State.DRAFT:
        stops = [item.text for item in checklist.of(row) if item.level == "stop"]
        if stops:
            raise SetupError(f"Study '{row}' cannot open yet. {' '.join(stops)}")
        forget_previews(row)
        row.protocol = _with_codes(row.rules, _missing_codes(row.rules)).as_json()
        del row.rules
        row.digest = freezing.digest_of(row)
        row.opened_at = timezone.now()
    row.state = Study.State.OPEN
    row.save(update_fields=["state", "protocol", "digest", "opened_at"])
    return _renewed(study)


def pause_study(study: Study) -> bool:
    """Take no answers for a while; False if the study is not open."""
    return bool(Study.objects.filter(pk=study.pk, state=Study.State.OPEN).update(state=Study.State.PAUSED))


@transaction.atomic
def close_study(study: Study) -> bool:
    """Take no answers any more, for good; False if the study has not been opened, or is closed."""
    under_way = Study.objects.filter(pk=study.pk, state__in=(Study.State.OPEN, Study.State.PAUSED))
    if not under_way.update(state=Study.State.CLOSED, closed_at=timezone.now()):
        return False
    exclusion.settle_study(study)  # those too who left in the middle: what is learned from this study asks no report first
    return True


@transaction.atomic
def new_version(study: Study, *, owner: User | None = None) -> Study:
    """A draft with everything of this study but its people and its codes, to be changed and opened in its turn."""
    name = _next_name(study)
    rules = _with_codes(study.rules, dict.fromkeys(CODES, ""))
    copy = Study.objects.create(
        name=name,
        title=study.title,
        protocol=rules.as_json(),
        version=study.version + 1,
        previous=study,
        keys=study.keys,
        listener=_listener(name),
        owner=owner or study.owner,
        seed=study.seed,
    )
    copy.games.set(games_of(study))
    copy.observers.set(study.observers.all())
    for arm in study.arms.all():
        new = copy.arms.create(name=arm.name, speaker_id=arm.speaker_id, position=arm.position, is_live=arm.is_live)
        shown = arm.shown.order_by("id").values("question_id", "utterance_id", "wanted", "held_back")
        ArmUtterance.objects.bulk_create(ArmUtterance(arm=new, **one) for one in shown)
    checks = study.checks.values("position", "kind", "question", "answer", "expects_accept", "is_practice", "explanation")
    AttentionCheck.objects.bulk_create(AttentionCheck(study=copy, **one) for one in checks)
    return copy


def _next_name(study: Study) -> str:
    """`trivia`, then `trivia-2`, `trivia-3`, …: the next that no study has."""
    stem = re.sub(r"-\d+$", "", study.name) if study.previous_id else study.name
    names = (f"{stem[:90]}-{n}" for n in count(study.version + 1))
    return next(name for name in names if not Study.objects.filter(name=name).exists())


def _listener(name: str) -> Listener:
    return Listener.objects.create(name=f"people-{name}"[:100], kind=Listener.Kind.HUMAN, threshold=0.5)


def begin_preview(study: Study, user: User) -> Participant:
    """A walk as a participant, from its beginning: this manager's earlier ones go, those of others stay."""
    mine = f"preview-{user.pk}-"
    with transaction.atomic():
        forget_previews(study, code=mine)
        return study.participants.create(code=mine + participant_code(), is_preview=True, language=study.rules.languages[0])


def forget_previews(study: Study, *, code: str = "") -> None:
    """What managers did in previews, or those whose code begins like this, goes without a trace; it counted nowhere."""
    previews = study.participants.filter(is_preview=True, code__startswith=code)
    given = Assignment.objects.filter(participant__in=previews)
    judgments = list(given.exclude(judgment=None).values_list("judgment_id", flat=True))
    given.delete()
    Judgment.objects.filter(pk__in=judgments).delete()
    previews.delete()


def refuse_name(name: str, speakers: Iterable[Speaker], *, but: Study | None = None) -> None:
    """What stands in the participants' link must be free, and must not tell what they hear.

    Raises:
        SetupError: it is taken, or tells.
    """
    if name in RESERVED or Study.objects.exclude(pk=but.pk if but else 0).filter(name__iexact=name).exists():
        raise SetupError(f"The name '{name}' is taken. Choose another.")
    telling = telling_words(name, [word for speaker in speakers for word in (speaker.name, speaker.method)])
    if telling:
        raise SetupError(
            f"The name '{name}' stands in the participants' link and would tell them what they hear ({', '.join(sorted(set(telling)))}). "
            "Choose one that says nothing of the speakers, such as 'trivia'."
        )


def _refuse_too_few(speakers: Sequence[Speaker]) -> None:
    if len(set(speakers)) < len(speakers) or len(speakers) < 2:
        raise SetupError(f"A study compares two or more different speakers, not {_names(speakers) or 'none'}.")


def _same_or_refuse(study: Study, speakers: Sequence[Speaker], given: Mapping[str, Any], seed: int) -> Study:
    there = [arm.speaker for arm in _arms(study)]
    same_rules = Protocol.of(merged(study.rules.as_json(), given)) == study.rules
    if not same_rules or (there, study.seed) != (list(speakers), seed):
        raise SetupError(
            f"There is a study '{study}' already, of {_names(there)} with {study.rules.rounds} rounds and seed {study.seed}. "
            "Choose another name, or ask for the same."
        )
    return study


def _missing_codes(rules: Protocol) -> dict[str, str]:
    """A new one for each that the manager left empty, so that every way out of the study has one."""
    return {name: secrets.token_hex(4).upper() for name in CODES if not getattr(rules.recruiting, name)}


def _with_codes(rules: Protocol, codes: Mapping[str, str]) -> Protocol:
    return Protocol.of(merged(rules.as_json(), {"recruiting": codes}))


def _arms(study: Study) -> list[Arm]:
    return list(study.arms.select_related("speaker"))


def _renewed(study: Study) -> Study:
    """The caller's object as its row is now, with the rules read anew."""
    study.refresh_from_db()
    study.__dict__.pop("rules", None)
    return study


def _names(speakers: Sequence[Speaker]) -> str:
    return ", ".join(f"'{speaker}'" for speaker in speakers)

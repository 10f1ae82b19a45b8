"""How people come in and go back: who the entry link says this is, one participant a label, and the code and link to return with.

Opening a link makes no row, so that link previews start nothing: the page carries a sealed ticket, and the consent that sends it back calls
`participant_of`. A label that is known comes back to its place on any device; whoever can open somebody's link is taken for that person, which only
a signed token (or a signed panel link) rules out.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import quote, urlencode

from django.core import signing
from django.db import IntegrityError, transaction

from annotations.models import Participant, PlatformIdentity, Study, participant_code
from annotations.protocol import Platform, Recruiting
from annotations.recruiting import tokens
from annotations.recruiting.refusals import Refused

PRESETS: dict[Platform, Recruiting] = {
    "prolific": Recruiting(
        platform="prolific",
        label="PROLIFIC_PID",
        study="STUDY_ID",
        session="SESSION_ID",
        return_url="https://app.prolific.com/submissions/complete?cc={code}",
    ),
    "connect": Recruiting(platform="connect", label="participantId", study="projectId", session="assignmentId"),
    "sona": Recruiting(platform="sona", label="survey_code"),
    "panel": Recruiting(platform="panel", label="person"),
}
"""What is left empty in a study's own mapping. Prolific's token arrives as `prolific_token` where the study on Prolific has its URL secured."""

MAX_LENGTH = 200
TICKET_SECONDS = 60 * 60 * 24
"""How long somebody may think about the consent page."""
CODE_OF: dict[str, str] = {
    Participant.Outcome.FINISHED: "completed",
    Participant.Outcome.NO_CONSENT: "no_consent",
    Participant.Outcome.SCREENED_OUT: "screened_out",
    Participant.Outcome.TIMED_OUT: "timed_out",
    Participant.Outcome.FULL: "full",
}
"""Outcome → which code of the mapping; a person who returned the study has none."""


@dataclasses.dataclass(frozen=True)
class Arrival:
    """Who somebody is, by their link; not stored yet."""

    platform: str
    code: str
    "The pseudonym that a person who is new here will have."
    label: str = ""
    "Empty with an open link."
    platform_study: str = ""
    platform_session: str = ""


class WayBack(NamedTuple):
    """Both may be empty: then nobody waits for this person elsewhere."""

    code: str
    url: str


def mapping(study: Study) -> Recruiting:
    """The study's own, completed by its platform's preset."""
    own = study.rules.recruiting
    preset = PRESETS.get(own.platform, own)
    return dataclasses.replace(own, **{name: value for name, value in vars(preset).items() if value and not getattr(own, name)})


def arrive(*, study: Study, parameters: Mapping[str, str], now: dt.datetime) -> Arrival:
    """Who has opened this link; nothing is stored.

    Raises:
        Refused: the link names nobody, or its token or signature is missing, forged, expired or made for something else.
    """
    names = mapping(study)
    code = participant_code()
    if not names.label:
        return Arrival(platform=names.platform, code=code)
    if names.platform == "panel":
        return Arrival(platform=names.platform, code=code, label=_panel_label(study, parameters.get(names.label, "")))
    said = _said_by_token(study, names, parameters, now) if names.token else parameters
    arrival = Arrival(
        platform=names.platform,
        code=code,
        label=_tidy(said.get(names.label, "")),
        platform_study=_tidy(said.get(names.study, "")),
        platform_session=_tidy(said.get(names.session, "")),
    )
    if not arrival.label:
        raise Refused("missing")
    if study.platform_study and arrival.platform_study != study.platform_study:
        raise Refused("foreign")
    return arrival


def known(*, study: Study, arrival: Arrival) -> Participant | None:
    """The participant that this person is already, if so: by label, or with an open link by the code of the ticket."""
    if arrival.label:
        return study.participants.filter(identity__study=study, identity__label=arrival.label).first()
    return study.participants.filter(code=arrival.code).first()


def participant_of(*, study: Study, arrival: Arrival, is_bot: bool = False, is_preview: bool = False) -> Participant:
    """The one participant that this person is here, made now if they are new. However many ask at once, there is one row: the constraints decide."""
    participant = known(study=study, arrival=arrival)
    if participant is not None:
        return participant
    try:
        with transaction.atomic():
            participant = study.participants.create(code=arrival.code, is_bot=is_bot, is_preview=is_preview)
            if arrival.label:
                PlatformIdentity.objects.create(
                    participant=participant,
                    study=study,
                    platform=arrival.platform,
                    label=arrival.label,
                    platform_study=arrival.platform_study,
                    platform_session=arrival.platform_session,
                )
            return participant
    except IntegrityError:
        participant = known(study=study, arrival=arrival)
        if participant is None:
            raise
        return participant


def seal(*, study: Study, arrival: Arrival) -> str:
    """The ticket that the consent form carries: sent twice it is still one person, and nobody can write one."""
    return signing.dumps(dataclasses.asdict(arrival), salt=_salt(study, "ticket"))


def unseal(*, study: Study, ticket: str) -> Arrival:
    """
    Raises:
        Refused: the ticket is not ours, not this study's, or too old: the entry link makes a new one.
    """
    try:
        return Arrival(**signing.loads(ticket, salt=_salt(study, "ticket"), max_age=TICKET_SECONDS))
    except (signing.BadSignature, TypeError) as error:
        raise Refused("out-of-date") from error


def panel_link(*, study: Study, label: str) -> str:
    """The path of one person's link into a study of one's own panel; it says the label, and nobody can make another's.

    Raises:
        ValueError: this is no label.
    """
    if not label or _tidy(label) != label:
        raise ValueError(f"{label!r} cannot be a label: give 1 to {MAX_LENGTH} printable characters, without spaces around them.")
    signed = signing.Signer(salt=_salt(study, "panel")).sign(label)
    return f"{study.get_absolute_url()}?{urlencode({mapping(study).label or PRESETS['panel'].label: signed})}"


def code_of(study: Study, outcome: str) -> str:
    """With which people go back to the platform after this outcome; empty if the study sets none."""
    code: str = getattr(mapping(study), CODE_OF[outcome]) if outcome in CODE_OF else ""
    return code


def way_back(participant: Participant) -> WayBack:
    """The code of how it ended for this person, and where it takes them. Only for somebody whose outcome is saved: until then both are empty."""
    names, code = mapping(participant.study), code_of(participant.study, participant.outcome)
    identity = PlatformIdentity.objects.filter(participant=participant).first()
    fill = {"code": code, "label": identity.label if identity else "", "session": identity.platform_session if identity else ""}
    wanted = {name for name in fill if f"{{{name}}}" in names.return_url}
    if not names.return_url or not participant.outcome or any(not fill[name] for name in wanted):
        return WayBack(code, "")
    url = names.return_url
    for name in wanted:
        url = url.replace(f"{{{name}}}", quote(fill[name], safe=""))
    return WayBack(code, url)


def problems(study: Study) -> list[str]:
    """What would keep everybody out, for the checklist before opening."""
    names = mapping(study)
    found = []
    if names.platform != "open" and not names.label:
        found.append("recruiting.label: name the parameter of the link that says who a person is.")
    if names.token and not study.keys.get("keys"):
        found.append("recruiting.token is set, but the study has no keys to verify tokens with: manage.py study_keys, or its recruiting page.")
    if names.token and not names.audience:
        found.append("recruiting.audience: tokens are made for a domain; say which (with Prolific, the one in the study's link).")
    if study.platform_study and not names.study:
        found.append("recruiting.study: name the parameter of the link that says which study of the platform this is, or nobody's would be right.")
    return found


def _said_by_token(study: Study, names: Recruiting, parameters: Mapping[str, str], now: dt.datetime) -> dict[str, str]:
    """A token's word counts alone; a link that says something else beside it has been tampered with. What no token says, nobody has said."""
    token = parameters.get(names.token, "")
    if not token:
        raise Refused("missing")
    if not study.keys.get("keys") or not names.audience:
        raise Refused("not-ready")
    try:
        said = tokens.facts(token, keys=study.keys, audience=names.audience, issuer=names.issuer, now=now)
    except tokens.TokenError as error:
        raise Refused(error.reason) from error
    if any(name in said and parameters.get(name, said[name]) != said[name] for name in (names.label, names.study, names.session)):
        raise Refused("forged")
    return said


def _panel_label(study: Study, signed: str) -> str:
    if not signed:
        raise Refused("missing")
    try:
        return signing.Signer(salt=_salt(study, "panel")).unsign(signed)
    except signing.BadSignature as error:
        raise Refused("forged") from error


def _tidy(value: str) -> str:
    """Empty for what is no id: too long, unprintable, or a placeholder that the platform did not fill in."""
    value = value.strip()
    is_id = len(value) <= MAX_LENGTH and value.isprintable() and not value.startswith(("{{", "%"))
    return value if is_id else ""


def _salt(study: Study, what: str) -> str:
    return f"annotations.{what}/{study.name}"

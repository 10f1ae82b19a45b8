"""What participants see of a study, and the list of studies for staff.

A participant is known by a signed cookie that this study alone reads; none of these pages tells which speaker is heard.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.conf import settings
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import HttpResponseClientRedirect

from annotations import texts
from annotations.bots import walking
from annotations.models import Participant, Study
from annotations.participant import flow, pages
from annotations.participant.forms import AnswerForm, ComprehensionForm, PracticeForm
from annotations.participant.prepared import Given, Select
from annotations.recruiting import links
from annotations.recruiting.refusals import Refused

Rest = ParamSpec("Rest")
COOKIE = "participant"
COOKIE_SECONDS = 60 * 60 * 24 * 60


class Incomplete(Exception):
    """A form lacks what it has to say, or says what it cannot."""


@require_safe
@never_cache
def study(request: HttpRequest, name: str) -> HttpResponse:
    """The one address of a session: consent, then the step this person is at, at the end their score. A link that names a person goes before the
    cookie of somebody else; opening it stores nothing."""
    participant = _participant(request, name)
    row = participant.study if participant else _study(name)
    label = links.mapping(row).label
    if participant is None or (label and label in request.GET):
        try:
            arrival = links.arrive(study=row, parameters=request.GET.dict(), now=timezone.now())
        except Refused as refused:
            return _refused(request, row, refused) if participant is None else redirect(row)
        known = links.known(study=row, arrival=arrival)
        return remember(redirect(row), known) if known else _consent(request, row, arrival)
    if participant.step == Participant.Step.CONSENT and not participant.outcome:
        return _consent(request, row, links.Arrival(platform="open", code=participant.code))
    flow.arrive(participant)
    return _page(request, participant)


@require_POST
@never_cache
def consent(request: HttpRequest, name: str) -> HttpResponse:
    """Start a session, or end it before it starts. The form carries a ticket that was made for it, so that sending it twice starts one session."""
    participant = _participant(request, name)
    row = participant.study if participant else _study(name)
    moves = {"agree": flow.consent, "decline": flow.decline}
    move = moves.get(request.POST.get("decision", ""))
    try:
        arrival = links.unseal(study=row, ticket=request.POST.get("ticket", ""))
        if move is None:
            return _consent(request, row, arrival, status=400)
        with transaction.atomic():
            if participant is None or arrival.label:
                participant = links.participant_of(study=row, arrival=arrival, is_bot=walking.is_bot(request, row.name))
            move(participant=participant, language=request.POST.get("language", ""))
    except flow.NotOpen:
        return redirect(row)
    except Refused as refused:
        if participant is not None:
            return redirect(row)
        if links.mapping(row).label:
            return _refused(request, row, refused)
        return _consent(request, row, links.arrive(study=row, parameters={}, now=timezone.now()), status=400)
    flow.arrive(participant)
    return remember(redirect(row), participant)


def of_participant(
    view: Callable[Concatenate[HttpRequest, Participant, Rest], HttpResponse],
) -> Callable[..., HttpResponse]:
    """For a view of whoever has begun in this browser; anybody else is sent to the beginning."""

    @wraps(view)
    def found(request: HttpRequest, name: str, *args: Rest.args, **kwargs: Rest.kwargs) -> HttpResponse:
        participant = _participant(request, name)
        return view(request, participant, *args, **kwargs) if participant else _start(request, name)

    return found


@require_POST
@never_cache
@of_participant
def step(request: HttpRequest, participant: Participant, step: str) -> HttpResponse:
    """A form of any step but consent and rounds: make the move, then show where the person is."""
    said = ""
    try:
        said = STEPS[step](participant, request.POST) or ""
    except (Incomplete, flow.NotShown) as refused:
        return _page(request, participant, status=400 if isinstance(refused, Incomplete) else 409)
    except flow.NotOpen:
        pass  # what follows says so
    flow.arrive(participant)
    return redirect(participant.study.get_absolute_url() + (f"?said={said}" if said else ""))


@require_POST
@never_cache
@of_participant
def dismiss(request: HttpRequest, participant: Participant) -> HttpResponse:
    """The manager's message has been read; by htmx it goes without the page being loaded again, which would lose what is being filled in."""
    flow.dismiss(participant=participant, message=request.POST.get("message", "").replace("\r\n", "\n"))
    return HttpResponse() if _by_htmx(request) else redirect(participant.study)


@require_POST
@never_cache
@of_participant
def language(request: HttpRequest, participant: Participant) -> HttpResponse:
    """Chosen on any page after consent, which has links for it."""
    flow.speak(participant=participant, language=request.POST.get("language", ""))
    return redirect(participant.study)


@require_POST
@never_cache
@of_participant
def answer(request: HttpRequest, participant: Participant) -> HttpResponse:
    """Save one verdict; the answer is the next round. By htmx it is that part of the page alone, refusals too."""
    if request.POST.get("person", pages.person(participant)) != pages.person(participant):
        return _page(request, participant, status=409)  # somebody else has begun in this browser since the form was shown
    form = AnswerForm(request.POST, measures=participant.study.rules.measures)
    now = timezone.now()
    try:
        if not form.is_valid():
            return _again(request, participant, 400, missing=list(form.errors))
        following = flow.answer(participant=participant, **form.answer(), now=now)
    except flow.TooEarly as early:
        return _again(request, participant, 425, too_early=early.seconds)
    except flow.NotShown:
        flow.arrive(participant)  # what they were answering may have gone back to the others
        return _page(request, participant, status=409)
    except flow.NotOpen:
        following = None  # what follows says so
    if not _by_htmx(request):
        return redirect(participant.study)  # so that loading the page again sends nothing again
    if following is None:
        flow.arrive(participant)  # where the rest of the session went back to the others, it is drawn again
    context = pages.round_of(participant, following) if following else pages.of(participant, now=now)
    return render(request, context["part"], context)


@require_safe
def studies(request: HttpRequest) -> HttpResponse:
    """Participants have nothing to choose from, and staff have the console."""
    return redirect("console:studies" if request.user.is_staff else "home")


def _instructions(participant: Participant, posted: QueryDict) -> None:
    flow.read_instructions(participant=participant)


def _practice(participant: Participant, posted: QueryDict) -> str:
    form = PracticeForm(posted)
    if not form.is_valid():
        raise Incomplete
    flow.practise(participant=participant, position=form.cleaned_data["position"])
    return form.cleaned_data["verdict"]


def _comprehension(participant: Participant, posted: QueryDict) -> None:
    form = ComprehensionForm(posted)
    if not form.is_valid():
        raise Incomplete
    flow.comprehend(participant=participant, attempt=form.cleaned_data["attempt"], chosen=_texts(posted))


def _about_you(participant: Participant, posted: QueryDict) -> None:
    flow.tell_about(participant=participant, about=_texts(posted))


def _texts(posted: QueryDict) -> dict[str, str]:
    return {name: str(value) for name, value in posted.items()}


STEPS = {"instructions": _instructions, "practice": _practice, "comprehension": _comprehension, "about-you": _about_you}


def _study(name: str) -> Study:
    """A study that its participants may know of: a draft is not there for them."""
    row = Study.objects.filter(name=name).exclude(state=Study.State.DRAFT).first()
    if row is None:
        raise Http404
    return row


WHO = Select(lambda: Participant.objects.select_related("study").filter(code=Given("code"), study__name=Given("study")))


def _participant(request: HttpRequest, name: str) -> Participant | None:
    """By the cookie, in one query; with the study. In a draft there are previews alone."""
    code = request.get_signed_cookie(COOKIE, default=None, salt=cookie_salt(name))
    if not code:
        return None
    participant = next(iter(WHO(code=code, study=name)), None)
    return None if participant and participant.study.state == Study.State.DRAFT and not participant.is_preview else participant


def remember(response: HttpResponse, participant: Participant) -> HttpResponse:
    """From now on this browser is this participant, in this study alone."""
    response.set_signed_cookie(
        COOKIE,
        participant.code,
        salt=cookie_salt(participant.study.name),
        max_age=COOKIE_SECONDS,
        path=participant.study.get_absolute_url(),
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
    return response


def _by_htmx(request: HttpRequest) -> bool:
    return bool(request.htmx)  # type: ignore[attr-defined]  # set by HtmxMiddleware


def cookie_salt(name: str) -> str:
    return f"annotations.participant/{name}"


def _start(request: HttpRequest, name: str) -> HttpResponse:
    """Nobody is known here: to the study's own page, which says what to do."""
    url = _study(name).get_absolute_url()
    return HttpResponseClientRedirect(url) if _by_htmx(request) else redirect(url)


def _language(request: HttpRequest, row: Study) -> str:
    offered = row.rules.languages
    wanted = request.POST.get("language") or request.GET.get("language", "")
    return wanted if wanted in offered else offered[0]


def _consent(request: HttpRequest, row: Study, arrival: links.Arrival, status: int = 200) -> HttpResponse:
    language = _language(request, row)
    context = pages.frame(row, language)
    is_preview = row.state == Study.State.DRAFT
    if row.state != Study.State.OPEN and not is_preview:
        return render(request, "annotations/session.html", {**context, "part": "annotations/_not_open.html"})
    context["text"] = texts.as_html(texts.text(row.rules, language, "consent"))
    context["choices"] = [(code, pages.language_name(code), _with(request, language=code)) for code in row.rules.languages]
    ticket = links.seal(study=row, arrival=arrival)
    return render(request, "annotations/consent.html", {**context, "chosen": language, "ticket": ticket, "again": status != 200}, status=status)


def _with(request: HttpRequest, **parameters: str) -> str:
    """The query string of this page with these parameters set: the entry link's own stay."""
    query = request.GET.copy()
    for key, value in parameters.items():
        query[key] = value
    return query.urlencode()


def _refused(request: HttpRequest, row: Study, refused: Refused) -> HttpResponse:
    language = _language(request, row)
    return render(request, "annotations/refused.html", {**pages.frame(row, language), "refused": refused.words(language)}, status=403)


def _page(request: HttpRequest, participant: Participant, status: int = 200, context: dict[str, Any] | None = None) -> HttpResponse:
    """The page as it is for this person now; by htmx, the part of it that changes."""
    context = context or pages.of(participant, now=timezone.now(), said=request.GET.get("said", ""))
    return render(request, context["part"] if _by_htmx(request) else "annotations/session.html", context, status=status)


def _again(request: HttpRequest, participant: Participant, status: int, **trouble: Any) -> HttpResponse:
    """The round once more, with what was sent and what is wrong with it. Where the person is elsewhere by now, the page that they are at."""
    context = pages.of(participant, now=timezone.now())
    if "round" in context and request.POST.get("position") == str(context["round"].position):
        context |= {"given": request.POST.dict(), **trouble}
    return _page(request, participant, status, context)

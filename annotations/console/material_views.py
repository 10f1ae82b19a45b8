"""The builder's pages with rows of their own: attention checks, answers that name their model, and texts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from annotations import texts
from annotations.building import attention, freezing, setup
from annotations.console import forms, row_forms, wording
from annotations.console.rights import changes, edits, reads, record
from annotations.console.row_forms import LONGEST_TEXT
from annotations.console.sections import SECTIONS
from annotations.console.views import frame, refuse_frozen
from annotations.models import Study
from annotations.protocol import merged


@edits
def checks(request: HttpRequest, study: Study) -> HttpResponse:
    """The list, and a form for one more."""
    form = row_forms.CheckForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and _check_saved(request, study, form):
        return redirect("console:checks", name=study.name)
    context = {**frame(request, study), "section": SECTIONS["checks"], "form": form, "checks": study.checks.all()}
    return render(request, "annotations/console/checks.html", context, status=400 if form.is_bound else 200)


@edits
def check(request: HttpRequest, study: Study, pk: int) -> HttpResponse:
    row = get_object_or_404(study.checks, pk=pk)
    form = row_forms.CheckForm(request.POST if request.method == "POST" else None, instance=row)
    if request.method == "POST" and _check_saved(request, study, form):
        return redirect("console:checks", name=study.name)
    context = {**frame(request, study), "section": SECTIONS["checks"], "form": form, "check": row}
    return render(request, "annotations/console/check.html", context, status=400 if form.is_bound else 200)


def _check_saved(request: HttpRequest, study: Study, form: row_forms.CheckForm) -> bool:
    refuse_frozen(study)
    if not form.is_valid():
        return False
    with transaction.atomic():
        form.instance.study = freezing.draft(study)
        if form.instance.pk is None:
            last = study.checks.last()
            form.instance.position = last.position + 1 if last else 1
        form.save()
    record(request, study, f"Attention check saved: {form.instance}")
    return True


@changes
def add_shipped(request: HttpRequest, study: Study) -> HttpResponse:
    """Those of the product's checks that the study does not have yet."""
    refuse_frozen(study)
    added = attention.add_shipped(study)
    record(request, study, f"{added} shipped attention checks added.")
    messages.success(request, f"{added} added: checks to hide, and rounds to practise." if added else "They are all there already.")
    return redirect("console:checks", name=study.name)


@changes
def delete_check(request: HttpRequest, study: Study, pk: int) -> HttpResponse:
    refuse_frozen(study)
    row = get_object_or_404(study.checks, pk=pk)
    with transaction.atomic():
        setup.forget_previews(freezing.draft(study))
        row.delete()
    record(request, study, f"Attention check deleted: {row}")
    return redirect("console:checks", name=study.name)


@reads
def held_back(request: HttpRequest, study: Study) -> HttpResponse:
    context = {**frame(request, study), "section": SECTIONS["held-back"], "held": setup.held_back(study)}
    return render(request, "annotations/console/held_back.html", context)


@changes
def decide(request: HttpRequest, study: Study, pk: int) -> HttpResponse:
    refuse_frozen(study)
    shown = get_object_or_404(setup.held_back(study), pk=pk)
    decision = request.POST.get("decision", "")
    said = {"show": "It will be shown as it is.", "replace": "Another answer takes its place.", "drop": "The question is left out of every arm."}
    if decision not in said:
        messages.error(request, f"Choose one of: {', '.join(said)}.")
        return redirect("console:held-back", name=study.name)
    try:
        setup.decide(study=study, shown=shown, decision=decision)  # type: ignore[arg-type]  # one of the three, as just checked
    except setup.SetupError as error:
        messages.error(request, str(error))
    else:
        record(request, study, f"Answer {shown.utterance_id} that names its model: {decision}.")
        messages.success(request, said[decision])
    return redirect("console:held-back", name=study.name)


@edits
def wordings(request: HttpRequest, study: Study) -> HttpResponse:
    """Languages, and the list of all texts."""
    form = forms.LanguagesForm(request.POST if request.method == "POST" else None, study=study)
    if request.method == "POST":
        refuse_frozen(study)
        if form.is_valid() and form.save():
            record(request, study, "Languages changed.")
            messages.success(request, "Languages: saved.")
            return redirect("console:texts", name=study.name)
    context = {**frame(request, study), "section": SECTIONS["texts"], "form": form, "wordings": wording.wordings(study)}
    return render(request, "annotations/console/texts.html", context, status=400 if form.is_bound else 200)


@edits
def text(request: HttpRequest, study: Study, language: str, text: str) -> HttpResponse:
    """One text in one language. Emptied, it is the product's own again."""
    if text not in wording.names() or language not in study.rules.languages:
        raise Http404(f"The study has no text '{text}' in '{language}'.")
    own = study.rules.texts.get(language, {}).get(text, "")
    shipped = texts.language_of(language).texts.get(text, "")
    form = row_forms.TextForm(request.POST if request.method == "POST" else None, initial={"markdown": own or shipped})
    if request.method == "POST":
        refuse_frozen(study)
        if form.is_valid():
            return _text_saved(request, study, language, text, _unchanged_is_none(form.cleaned_data["markdown"], shipped))
    names: dict[str, Any] = {"language": language, "text": text, "is_own": bool(own), "html": _html(study, language, text, own)}
    return render(request, "annotations/console/text.html", {**frame(request, study), **names, "form": form}, status=400 if form.is_bound else 200)


def _unchanged_is_none(markdown: str, shipped: str) -> str:
    written = markdown.replace("\r\n", "\n").strip()
    return "" if written == shipped.strip() else written


def _text_saved(request: HttpRequest, study: Study, language: str, name: str, markdown: str) -> HttpResponse:
    protocol = merged(study.rules.as_json(), {"texts": {language: {name: markdown}}})
    protocol["texts"] = {code: {key: text for key, text in own.items() if text} for code, own in protocol["texts"].items()}
    setup.set_protocol(study=study, protocol={**protocol, "texts": {code: own for code, own in protocol["texts"].items() if own}})
    record(request, study, f"Text '{name}' ({language}) {'written' if markdown else 'set back to the product’s own'}.")
    messages.success(request, f"{name}, {language}: saved.")
    return redirect("console:texts", name=study.name)


@changes
def rendered(request: HttpRequest, study: Study, language: str, text: str) -> HttpResponse:
    """Markdown as people will see it; nothing is saved. By POST, since a text may be longer than an address."""
    html = _html(study, language, text, request.POST.get("markdown", "")[:LONGEST_TEXT])
    return render(request, "annotations/console/_rendered.html", {"html": html})


def _html(study: Study, language: str, name: str, markdown: str) -> str:
    return texts.as_html(texts.text(replace(study.rules, texts={language: {name: markdown}}), language, name))

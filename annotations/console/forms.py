"""The forms of the builder. A field's name is the place of its setting: `payment__base` is `payment.base`."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from django import forms

from annotations.building import setup
from annotations.models import Study
from annotations.protocol import Protocol, ProtocolError, merged, nested, setting
from annotations.recruiting.tokens import KeysError, read_keys
from games.models import Listener

MEASURES = [("off", "Not asked"), ("slider", "By a slider"), ("buttons", "By buttons")]
REFUSALS = (ProtocolError, setup.SetupError)


def _plain(value: Any) -> Any:
    """30, not 30.0."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


class SectionForm(forms.Form):
    """One part of the protocol. Fields in `own` are no settings."""

    own: tuple[str, ...] = ()
    headings: ClassVar[dict[str, str]] = {}
    "Field → the heading that stands above it."

    def __init__(self, data: Any = None, *, study: Study) -> None:
        self.study = study
        self.places = {name: name.replace("__", ".") for name in self.base_fields if name not in self.own}
        super().__init__(data, initial={name: _plain(setting(study.rules, place)) for name, place in self.places.items()})
        for name, heading in self.headings.items():
            self.fields[name].heading = heading  # type: ignore[attr-defined]  # for the template, which knows fields alone

    def changes(self) -> dict[str, Any]:
        return nested({place: self.cleaned_data[name] for name, place in self.places.items()})

    def changed_rules(self) -> Protocol:
        return Protocol.of(merged(self.study.rules.as_json(), self.changes()))

    def save(self) -> bool:
        """False, with the reason in the form, if the protocol cannot be like this."""
        try:
            setup.set_protocol(study=self.study, protocol=merged(self.study.rules.as_json(), self.changes()))
        except REFUSALS as error:
            self.add_error(self._field_of(str(error)), str(error))
            return False
        return True

    def _field_of(self, message: str) -> str | None:
        return next((name for name, place in self.places.items() if message.startswith(f"{place}=")), None)


class BasicsForm(SectionForm):
    own = ("title",)
    title = forms.CharField(max_length=200, help_text="The first thing that people read. It must not tell what is compared.")
    rounds = forms.IntegerField(min_value=1, label="Rounds a person", help_text="Answers that one person judges. Twenty take about five minutes.")
    wanted = forms.IntegerField(min_value=1, label="Judgments of each answer", help_text="The paper had 1.")
    design = forms.ChoiceField(
        choices=[("within", "Within person: everybody hears all arms in turn"), ("between", "Between persons: one arm a person")],
        widget=forms.RadioSelect,
        help_text="Within person needs fewer people: each is their own comparison.",
    )

    def __init__(self, data: Any = None, *, study: Study) -> None:
        super().__init__(data, study=study)
        self.initial["title"] = study.title

    def save(self) -> bool:
        if not super().save():
            return False
        Study.objects.filter(pk=self.study.pk, state=Study.State.DRAFT).update(title=self.cleaned_data["title"])
        return True


class QuestionsForm(SectionForm):
    draw__how = forms.ChoiceField(
        label="How they are drawn",
        widget=forms.RadioSelect,
        choices=[
            ("all", "All that every speaker answered, or so many of them at random"),
            ("by-correctness", "So many that the first arm answered right, so many wrong"),
            ("stratified", "So many from each fifth of a listener's probability"),
        ],
    )
    draw__limit = forms.IntegerField(min_value=0, label="At random: how many", help_text="0: every one.")
    draw__right = forms.IntegerField(min_value=0, label="Answered right", help_text="The paper drew 50 right and 50 wrong.")
    draw__wrong = forms.IntegerField(min_value=0, label="Answered wrong")
    draw__listener = forms.ChoiceField(label="Listener", help_text="Whose probability for the first arm's answers makes the five strata.")
    draw__per_stratum = forms.IntegerField(min_value=1, label="From each fifth")

    def __init__(self, data: Any = None, *, study: Study) -> None:
        super().__init__(data, study=study)
        names = Listener.objects.exclude(kind=Listener.Kind.HUMAN).values_list("name", flat=True)
        self.fields["draw__listener"].choices = [(name, name) for name in {*names, study.rules.draw.listener}]  # type: ignore[attr-defined]


class SessionForm(SectionForm):
    headings: ClassVar = {
        "steps__instructions": "Before the rounds",
        "steps__attention": "Among and after the rounds",
        "measures__confidence": "Asked with each verdict",
        "timing__min_seconds": "Timing",
    }
    steps__instructions = forms.BooleanField(required=False, label="Instructions with an example")
    steps__practice = forms.IntegerField(
        min_value=0, max_value=20, label="Practice rounds", help_text="With feedback, from your practice checks; 0: none."
    )
    steps__comprehension = forms.BooleanField(
        required=False, label="Comprehension check", help_text="Who fails it twice is asked to return the study, never rejected."
    )
    steps__attention = forms.IntegerField(
        min_value=0, max_value=50, label="Attention checks in a session", help_text="Hidden among the rounds. The paper had 2 among 20."
    )
    steps__about_you = forms.MultipleChoiceField(
        required=False, widget=forms.CheckboxSelectMultiple, label="Questions about the person", help_text="All optional to answer."
    )
    measures__confidence = forms.ChoiceField(choices=MEASURES, label="How sure of the decision", help_text="A bonus by a proper score needs it.")
    measures__knew_answer = forms.ChoiceField(choices=MEASURES, label="Did you know the answer?")
    measures__convincing = forms.ChoiceField(choices=MEASURES, label="How convincing was it?")
    measures__note = forms.BooleanField(required=False, label="A free note")
    timing__min_seconds = forms.FloatField(min_value=0, label="Least reading time, seconds", help_text="An earlier verdict is not taken; 0: none.")
    timing__max_seconds = forms.FloatField(min_value=0, label="Time limit, seconds", help_text="A later verdict is kept and excluded; 0: none.")
    timing__abandon_minutes = forms.FloatField(
        min_value=1, label="Given back after, minutes", help_text="What a person holds, without a sign of them for so long, goes to others."
    )
    pace = forms.FloatField(min_value=0, label="Answers stream over, seconds", help_text="The same in every arm; live arms need it. 0: at once.")
    lead = forms.FloatField(min_value=0, label="Seconds before an answer begins", help_text="In which a live speaker writes.")

    def __init__(self, data: Any = None, *, study: Study) -> None:
        from annotations.console.wording import about_questions

        super().__init__(data, study=study)
        self.fields["steps__about_you"].choices = about_questions(study)  # type: ignore[attr-defined]  # a MultipleChoiceField


class RulesForm(SectionForm):
    headings: ClassVar = {"exclusion__failed_checks": "Kept, but not used", "stopping__goal": "When to stop"}
    exclusion__failed_checks = forms.IntegerField(
        min_value=0, label="Failed attention checks", help_text="Who fails so many, or more, is excluded with all judgments; 0: nobody."
    )
    exclusion__knew_over = forms.FloatField(
        min_value=0, max_value=1, label="“Knew the answer” above", help_text="That judgment is excluded. The paper: 0.5. 1: never."
    )
    exclusion__knew_normalised = forms.BooleanField(
        required=False, label="Normalise within the person first", help_text="Min–max over a person's answers, as the paper did."
    )
    exclusion__faster_than = forms.FloatField(min_value=0, label="Faster than, seconds", help_text="That judgment is excluded; 0: never.")
    stopping__goal = forms.IntegerField(min_value=0, label="Goal: usable judgments an arm", help_text="0: not declared.")
    stopping__looks = forms.IntegerField(min_value=1, max_value=20, label="Planned looks", help_text="At equal steps to the goal, the last included.")
    stopping__alpha = forms.FloatField(min_value=0.0001, max_value=0.5, label="Level (alpha)")


class PaymentForm(SectionForm):
    payment__currency = forms.CharField(max_length=3, label="Currency")
    payment__base = forms.FloatField(min_value=0, label="Base", help_text="For everybody who finishes.")
    payment__score = forms.ChoiceField(
        choices=[("none", "No bonus"), ("brier", "Brier score"), ("log", "Logarithmic score")],
        label="Bonus by",
        help_text="Proper scores: people earn most by saying what they believe.",
    )
    payment__bonus = forms.FloatField(min_value=0, label="Bonus at most")
    payment__screened_out = forms.FloatField(min_value=0, label="When screened out", help_text="For who fails the comprehension check twice.")
    payment__fee = forms.FloatField(
        min_value=0, max_value=5, label="The platform's share", help_text="On top of all payments, such as 0.333; for the forecast."
    )


class RecruitingForm(SectionForm):
    own = ("keys", "platform_study")
    recruiting__platform = forms.ChoiceField(
        label="People come from",
        widget=forms.RadioSelect,
        choices=[
            ("open", "An open link: everybody who has it"),
            ("prolific", "Prolific"),
            ("connect", "Connect"),
            ("sona", "SONA"),
            ("panel", "Your own panel, with signed links"),
        ],
    )
    recruiting__completed = forms.CharField(
        required=False, max_length=100, label="Completion code", help_text="Codes left empty are made at the opening."
    )
    recruiting__no_consent = forms.CharField(required=False, max_length=100, label="No consent")
    recruiting__screened_out = forms.CharField(required=False, max_length=100, label="Screened out")
    recruiting__timed_out = forms.CharField(required=False, max_length=100, label="Timed out")
    recruiting__full = forms.CharField(required=False, max_length=100, label="Study was full")
    recruiting__return_url = forms.CharField(
        required=False, max_length=500, label="Link back", help_text="Empty: the platform's own. {code}, {label} and {session} are filled in."
    )
    recruiting__label = forms.CharField(
        required=False, max_length=100, label="Person", help_text="Parameters of the link; empty: the platform's own."
    )
    recruiting__study = forms.CharField(required=False, max_length=100, label="Study")
    recruiting__session = forms.CharField(required=False, max_length=100, label="Session")
    recruiting__token = forms.CharField(
        required=False, max_length=100, label="Signed token", help_text="Where set, nobody enters without a valid one. Prolific: prolific_token."
    )
    recruiting__audience = forms.CharField(required=False, max_length=200, label="Token made for", help_text="The domain of the study's link.")
    recruiting__issuer = forms.CharField(required=False, max_length=200, label="Token made by")
    keys = forms.JSONField(
        required=False, label="Public keys", widget=forms.Textarea(attrs={"rows": 4}), help_text="The platform's key set (JWKS), as JSON."
    )

    def __init__(self, data: Any = None, *, study: Study) -> None:
        super().__init__(data, study=study)
        self.initial["keys"] = study.keys

    def clean_keys(self) -> dict[str, Any]:
        keys = self.cleaned_data["keys"]
        try:
            return {} if keys in (None, {}, {"keys": []}) else read_keys(json.dumps(keys))
        except KeysError as error:
            raise forms.ValidationError(str(error)) from None

    def save(self) -> bool:
        if not super().save():
            return False
        Study.objects.filter(pk=self.study.pk).update(keys=self.cleaned_data["keys"])
        return True


class LanguagesForm(SectionForm):
    own = ("first",)
    first = forms.ChoiceField(label="First language", help_text="The one that people start in.")
    languages = forms.MultipleChoiceField(widget=forms.CheckboxSelectMultiple, label="People may choose from")

    def __init__(self, data: Any = None, *, study: Study) -> None:
        from annotations.console.wording import language_choices

        super().__init__(data, study=study)
        self.initial["first"] = study.rules.languages[0]
        for name in ("first", "languages"):
            self.fields[name].choices = language_choices(study)  # type: ignore[attr-defined]  # a ChoiceField

    def changes(self) -> dict[str, Any]:
        first = self.cleaned_data["first"]
        return {"languages": [first, *(code for code in self.cleaned_data["languages"] if code != first)]}

"""The builder's forms that are about rows rather than settings: the arms, a new study, a check, a text, a message."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms

from annotations.building import setup
from annotations.console.forms import REFUSALS
from annotations.models import AttentionCheck, Study
from games.models import Game, Speaker, Split


def answered_sets() -> list[tuple[str, str]]:
    """Question sets that speakers have answered, as choices."""
    done = Game.objects.filter(state=Game.State.DONE).order_by("dataset__name", "split")
    pairs = done.values_list("dataset__name", "split").distinct()
    return [(f"{dataset}/{split}", f"{dataset}, {split}") for dataset, split in pairs]


LONGEST_TEXT = 20_000


class ArmsForm(forms.Form):
    """Which speakers are compared, on which questions."""

    questions = forms.ChoiceField(label="Question set", help_text="Each speaker must have finished a game on it; its newest game is taken.")
    base = forms.ModelChoiceField(
        Speaker.objects.none(),
        label="Compared against",
        help_text="The first arm, for example the model before training. The others are held against it.",
    )
    others = forms.ModelMultipleChoiceField(Speaker.objects.none(), widget=forms.CheckboxSelectMultiple, label="The other speakers")
    live = forms.ModelMultipleChoiceField(
        Speaker.objects.none(),
        widget=forms.CheckboxSelectMultiple,
        required=False,
        label="Answer live",
        help_text="Generated while the person reads the question; a recorded answer stands in if that fails. Fixed answers need no running model.",
    )

    def __init__(self, data: Any = None, *, study: Study | None = None) -> None:
        super().__init__(data, initial=_arms_of(study) if study else None)
        self.study = study
        self.fields["questions"].choices = answered_sets()  # type: ignore[attr-defined]  # a ChoiceField
        speakers = Speaker.objects.filter(games__state=Game.State.DONE).distinct().order_by("name")
        for name in ("base", "others", "live"):
            self.fields[name].queryset = speakers  # type: ignore[attr-defined]  # a ModelChoiceField

    @property
    def speakers(self) -> list[Speaker]:
        base = self.cleaned_data["base"]
        return [base, *(speaker for speaker in self.cleaned_data["others"] if speaker != base)]

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if not self.errors:
            dataset, _, split = data["questions"].rpartition("/")
            found = [_newest_game(speaker, dataset, split) for speaker in self.speakers]
            missing = [speaker.name for speaker, game in zip(self.speakers, found, strict=True) if game is None]
            if missing:
                self.add_error("questions", f"{', '.join(missing)} finished no game on {dataset}, {split}. Choose another set, or play one.")
            data["games"] = found
        return data

    def save(self) -> bool:
        assert self.study is not None  # noqa: S101  # the creating form has a save of its own
        try:
            setup.set_arms(study=self.study, speakers=self.speakers, games=self.cleaned_data["games"], live=self.cleaned_data["live"])
        except REFUSALS as error:
            self.add_error(None, str(error))
            return False
        return True


def _arms_of(study: Study) -> dict[str, Any]:
    arms = list(study.arms.order_by("position"))
    game = next(iter(setup.games_of(study)), None)
    return {
        "questions": f"{game.dataset.name}/{game.split}" if game else "",
        "base": arms[0].speaker_id if arms else None,
        "others": [arm.speaker_id for arm in arms[1:]],
        "live": [arm.speaker_id for arm in arms if arm.is_live],
    }


def arms_with(name: str) -> dict[str, Any]:
    """What is chosen already for somebody who comes with a speaker: it, against what it was trained from. Empty: it has answered nothing."""
    done = Game.objects.filter(speaker__name=name, state=Game.State.DONE).select_related("speaker", "dataset")
    game = done.filter(split=Split.TEST).order_by("-pk").first() or done.order_by("-pk").first()
    if game is None:
        return {}
    return {"questions": f"{game.dataset.name}/{game.split}", "base": game.speaker.parent_id, "others": [game.speaker_id]}


def _newest_game(speaker: Speaker, dataset: str, split: str) -> Game | None:
    return Game.objects.filter(speaker=speaker, dataset__name=dataset, split=split, state=Game.State.DONE).order_by("-pk").first()


class CreateForm(ArmsForm):
    title = forms.CharField(max_length=200, initial="Trivia: which answers would you trust?", help_text="What people read first.")
    name = forms.SlugField(max_length=80, help_text="Stands in the link, so it must say nothing of the speakers: for example trivia.")
    field_order = ("title", "name", "questions", "base", "others", "live")

    def create(self, **kwargs: Any) -> Study | None:
        """None, with the reason in the form, if it cannot be."""
        if Study.objects.filter(name=self.cleaned_data["name"]).exists():
            self.add_error("name", f"The name '{self.cleaned_data['name']}' is taken. Choose another.")
            return None
        given = {
            "name": self.cleaned_data["name"],
            "title": self.cleaned_data["title"],
            "speakers": self.speakers,
            "games": self.cleaned_data["games"],
        }
        try:
            study = setup.create_study(**given, **kwargs)
        except REFUSALS as error:
            self.add_error("name" if "name" in str(error)[:10] else None, str(error))
            return None
        study.arms.filter(speaker__in=self.cleaned_data["live"]).update(is_live=True)
        return study


class CheckForm(forms.ModelForm):
    expects_accept = forms.TypedChoiceField(
        label="The right verdict",
        widget=forms.RadioSelect,
        choices=[("yes", "Accept"), ("no", "Reject")],
        coerce=lambda value: value == "yes",
    )

    class Meta:
        model = AttentionCheck
        fields = ("question", "answer", "expects_accept", "is_practice", "explanation")
        widgets: ClassVar = {name: forms.Textarea(attrs={"rows": 2}) for name in ("question", "answer", "explanation")}
        help_texts: ClassVar = {"explanation": "What practice says after the verdict."}
        labels: ClassVar = {"is_practice": "For practice, not hidden among the rounds"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["expects_accept"] = "yes" if self.instance.expects_accept else "no"


class TextForm(forms.Form):
    markdown = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 14}), max_length=LONGEST_TEXT, label="Text, in Markdown")


class MessageForm(forms.Form):
    message = forms.CharField(
        required=False, max_length=1000, widget=forms.Textarea(attrs={"rows": 3}), label="Message", help_text="Shown on this person's next page."
    )

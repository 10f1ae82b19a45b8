"""The form with which a game is started."""

from __future__ import annotations

from django import forms

from games.admin_pages import StartForm
from games.models import Dataset, Game, Listener, Speaker, Split
from games.speakers.base import SpeakerError


class StartGameForm(StartForm):
    refusals = (SpeakerError,)
    speaker = forms.ModelChoiceField(Speaker.objects.order_by("name"))
    dataset = forms.ModelChoiceField(Dataset.objects.all())
    split = forms.ChoiceField(choices=Split, initial=Split.TRAIN)
    listeners = forms.ModelMultipleChoiceField(
        Listener.objects.exclude(kind=Listener.Kind.HUMAN),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="Simulated listeners that judge as it goes. People judge in a study.",
    )
    samples = forms.IntegerField(min_value=1, max_value=100, initial=10, help_text="Answers to each question; the paper takes 10.")
    temperature = forms.FloatField(min_value=0, max_value=5, initial=0.7, help_text="0 means greedy; the paper takes 0.7.")
    question_limit = forms.IntegerField(min_value=1, max_value=10**9, required=False, help_text="Only so many of the questions; empty: all.")
    seed = forms.IntegerField(min_value=0, max_value=2**31 - 1, initial=0)

    def start(self) -> Game:
        from games.play import start_game

        return start_game(**self.cleaned_data)

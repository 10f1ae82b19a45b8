"""The forms with which a training run and a comparison are started."""

from __future__ import annotations

from typing import Any

from django import forms

from games.admin_pages import StartForm
from games.models import Dataset, Game, Listener, Speaker, Split
from training.answers import FILES
from training.benchmark.entries import ENTRIES
from training.models import Benchmark, Comparison, PairSet, TrainingRun
from training.preferences import PairError
from training.registry import RunError
from training.trainers import METHODS
from training.trainers.config import ConfigError


class StartRunForm(StartForm):
    refusals = (RunError, ConfigError)
    name = forms.SlugField(max_length=100, help_text="Of the run, and of the speaker that comes of it.")
    method = forms.ChoiceField(choices=[(name, name) for name in METHODS])
    base = forms.ModelChoiceField(Speaker.objects.order_by("name"), help_text="The speaker that is trained.")
    pair_set = forms.ModelChoiceField(PairSet.objects.all(), required=False, help_text="For lacie and truthful. Made by: manage.py build_pairs")
    games = forms.ModelMultipleChoiceField(
        Game.objects.filter(state=Game.State.DONE, split__in=FILES),
        required=False,
        help_text="For methods that learn from graded answers; none chosen: the base's largest on train and on validation.",
    )
    seed = forms.IntegerField(min_value=0, max_value=2**31 - 1, initial=0)
    config = forms.JSONField(
        required=False,
        initial=dict,
        widget=forms.Textarea(attrs={"rows": 3, "cols": 60}),
        help_text='Numbers of the method that shall differ from its defaults, for example {"learning_rate": 0.0001}.',
    )

    def clean_config(self) -> dict[str, Any]:
        config = self.cleaned_data["config"] or {}
        if not isinstance(config, dict):
            raise forms.ValidationError('This must be an object, for example {"steps": 100}.')
        return config

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if TrainingRun.objects.filter(name=name).exists():
            raise forms.ValidationError(f"There is a run called {name} already. Choose another name, or resume that one.")
        return name

    def start(self) -> TrainingRun:
        from training.runner import start_run

        return start_run(**self.cleaned_data)


class StartComparisonForm(StartForm):
    name = forms.SlugField(max_length=100)
    base = forms.ModelChoiceField(Speaker.objects.order_by("name"), help_text="The others are held against this one.")
    others = forms.ModelMultipleChoiceField(Speaker.objects.order_by("name"), widget=forms.CheckboxSelectMultiple)
    dataset = forms.ModelChoiceField(Dataset.objects.all())
    split = forms.ChoiceField(choices=Split, initial=Split.TEST)
    listener = forms.ModelChoiceField(Listener.objects.exclude(kind=Listener.Kind.HUMAN))
    samples = forms.IntegerField(min_value=1, max_value=100, initial=1, help_text="Answers to each question; the paper evaluates one.")
    seed = forms.IntegerField(min_value=0, max_value=2**31 - 1, initial=0)

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if Comparison.objects.filter(name=name).exists():
            raise forms.ValidationError(f"There is a comparison called {name} already. Choose another name.")
        return name

    def start(self) -> Comparison:
        from training.evaluation import start_comparison

        given = dict(self.cleaned_data)
        base, others = given.pop("base"), given.pop("others")
        return start_comparison(speakers=[base, *(speaker for speaker in others if speaker != base)], **given)


class StartBenchmarkForm(StartForm):
    refusals = (PairError,)
    name = forms.SlugField(max_length=100)
    base = forms.ModelChoiceField(Speaker.objects.filter(backend="local").order_by("name"), help_text="All methods train from this speaker.")
    methods = forms.MultipleChoiceField(choices=[(name, name) for name in ENTRIES], initial=list(ENTRIES), widget=forms.CheckboxSelectMultiple)
    datasets = forms.ModelMultipleChoiceField(
        Dataset.objects.all(), widget=forms.CheckboxSelectMultiple, help_text="The methods learn from the first by name; all are looked at."
    )
    split = forms.ChoiceField(choices=Split, initial=Split.TEST)
    hold_out = forms.CharField(
        required=False,
        help_text="Relations that no method learns anything of, for example: countries/capital, films/year. Looked at as a split of their own.",
    )
    listener = forms.ModelChoiceField(Listener.objects.exclude(kind=Listener.Kind.HUMAN))
    seeds = forms.IntegerField(min_value=1, max_value=20, initial=3, help_text="Turns of everything: samples, training, evaluation.")
    questions = forms.IntegerField(min_value=0, initial=0, help_text="Training questions; 0: all.")

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if Benchmark.objects.filter(name=name).exists():
            raise forms.ValidationError(f"There is a benchmark called {name} already. Choose another name.")
        return name

    def clean_hold_out(self) -> list[str]:
        return [relation.strip() for relation in self.cleaned_data["hold_out"].split(",") if relation.strip()]

    def start(self) -> Benchmark:
        from training.benchmark.play import start_benchmark

        given = dict(self.cleaned_data)
        return start_benchmark(**{**given, "datasets": list(given["datasets"].order_by("name"))})

"""What a participant may send."""

from __future__ import annotations

from django import forms


class AnswerForm(forms.Form):
    position = forms.IntegerField(min_value=1, max_value=10_000)
    verdict = forms.ChoiceField(choices=[("accept", "Accept"), ("reject", "Reject")])

"""What a participant may send."""

from __future__ import annotations

from typing import Any

from django import forms

from annotations.protocol import Measures

VERDICTS = [("accept", "Accept"), ("reject", "Reject")]
MEASURES = ("confidence", "knew_answer", "convincing")
"""Each a whole number from 0 to 100, by slider and by buttons alike."""


class AnswerForm(forms.Form):
    """A verdict on a round, with what this study asks beside it: all of that has to be answered, the note alone may be empty."""

    position = forms.IntegerField(min_value=1, max_value=10_000)
    verdict = forms.ChoiceField(choices=VERDICTS)

    def __init__(self, data: Any, *, measures: Measures) -> None:
        super().__init__(data)
        for name in MEASURES:
            if getattr(measures, name) != "off":
                self.fields[name] = forms.IntegerField(min_value=0, max_value=100)
        if measures.note:
            self.fields["note"] = forms.CharField(required=False)

    def answer(self) -> dict[str, Any]:
        """As `flow.answer` takes it; measures in [0, 1]."""
        given = self.cleaned_data
        measured = {name: given[name] / 100 for name in MEASURES if name in given}
        return {"position": given["position"], "accepted": given["verdict"] == "accept", "note": given.get("note", ""), **measured}


class PracticeForm(forms.Form):
    position = forms.IntegerField(min_value=1, max_value=10_000)
    verdict = forms.ChoiceField(choices=VERDICTS, required=False)
    "Empty: the last feedback has been read."


class ComprehensionForm(forms.Form):
    attempt = forms.IntegerField(min_value=1, max_value=100)

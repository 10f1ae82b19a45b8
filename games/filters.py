"""What the read API of every app filters by."""

from __future__ import annotations

from typing import Any

from django import forms
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field

LARGEST_ID = 2**63 - 1


@extend_schema_field(OpenApiTypes.INT64)
class IdFilter(filters.Filter):
    """A row's number, and nothing else: no fractions, none too large for the database. Unknown ones find nothing."""

    field_class = forms.IntegerField

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, min_value=1, max_value=LARGEST_ID, **kwargs)


def by_name(path: str, what: str) -> filters.CharFilter:
    """Exactly this name, for example `speaker=base`."""
    return filters.CharFilter(f"{path}__name" if path else "name", help_text=f"Name of the {what}.")

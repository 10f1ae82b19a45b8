"""The API root."""

from typing import Any

urlpatterns: list[Any] = []

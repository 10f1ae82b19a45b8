"""Scripted listeners for tests and demonstrations: *gullible* believes everything, *doubter* nothing, a script goes by what it hears."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from games.listeners.base import Heard, ListenerError, Verdict

CASTS = {"gullible": 0.95, "doubter": 0.05}


class FakeListener:
    """config: `cast` (gullible or doubter), or `script` ({substring: probability}, the first that the text contains counts) and `default`."""

    def __init__(self, config: dict[str, Any]) -> None:
        cast = config.get("cast", "gullible")
        if cast not in CASTS:
            raise ListenerError(f"Unknown cast {cast!r} of a fake listener. Choose one of: {', '.join(CASTS)}, or give a script.")
        self.script: dict[str, float] = config.get("script", {})
        self.default: float = config.get("default", CASTS[cast])
        for probability in (*self.script.values(), self.default):
            if not isinstance(probability, int | float) or not 0 <= probability <= 1:
                raise ListenerError(f"{probability!r} is no probability. Give numbers from 0 to 1.")

    def judge(self, heard: Sequence[Heard]) -> list[Verdict]:
        return [self._verdict(one.masked_text) for one in heard]

    def _verdict(self, text: str) -> Verdict:
        for substring, probability in self.script.items():
            if substring.casefold() in text.casefold():
                return Verdict(probability, f"script: {substring!r}")
        return Verdict(self.default, "default")

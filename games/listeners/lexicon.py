"""A listener that goes by words alone: phrases and percentages of sureness → probability of acceptance. It knows nothing of the world.

The table and the rules are in `games.confidence`. Where nothing is said about sureness it takes `default`, .75: a plain statement is heard
as a claim, so it lies above the acceptance threshold of .66 that LACIE uses at test time, and below all that sounds sure.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from games.confidence import TABLE, Lexicon
from games.listeners.base import Heard, ListenerError, Verdict

DEFAULT = 0.75


class LexiconListener:
    """config: `table` (a CSV to use in place of phrases.csv), `default` (probability where nothing is said)."""

    def __init__(self, config: dict[str, Any]) -> None:
        if unknown := set(config) - {"table", "default"}:
            raise ListenerError(f"The lexicon listener knows no setting {', '.join(sorted(unknown))}. It takes: table, default.")
        try:
            self.default = float(config.get("default", DEFAULT))
            self.lexicon = Lexicon(Path(config.get("table") or TABLE))
        except (TypeError, ValueError) as error:
            raise ListenerError(f"The lexicon listener cannot be built: {error}") from error
        if not 0 <= self.default <= 1:
            raise ListenerError(f"The lexicon listener's default is {self.default}. Give a probability from 0 to 1.")

    def judge(self, heard: Sequence[Heard]) -> list[Verdict]:
        verdicts = {text: self._verdict(text) for text in {one.masked_text for one in heard}}
        return [verdicts[one.masked_text] for one in heard]

    def _verdict(self, text: str) -> Verdict:
        found = sorted(self.lexicon.find(text), key=lambda said: said.probability)
        if not found:
            return Verdict(self.default, f"says nothing about its sureness: {self.default:.2f}")
        reason = "; ".join(f"'{said.words}' {said.probability:.2f}" for said in found)
        return Verdict(found[0].probability, reason[:300])

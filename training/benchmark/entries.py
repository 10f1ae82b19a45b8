"""What a benchmark can compare: each entry is a way to train (or none), and the confidences of it that are looked at. Knows nothing of Django.

A look is one kind of confidence by one source, and a row of the table for each dataset. Kinds are never mixed in a row: `listener` is what a
listener takes from the answer, `stated` what the answer says of itself, `computed` what is worked out from the speaker. Differences are taken to
the untrained base before the same look; where the base has no such source, to its nearest of the same kind (`BASE_LOOK`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from training.preferences import PairError


class Look(NamedTuple):
    kind: str
    "`stated`, `listener` or `computed`."
    source: str = ""
    "A key of `games.estimators.ESTIMATORS`; empty for `listener`."
    recalibrated: str = ""
    "`temperature` or `isotonic`, fitted on validation questions."

    @property
    def name(self) -> str:
        """As a `Confidence` row has it."""
        return f"{self.source}-{self.recalibrated}" if self.recalibrated else self.source


LISTENER = Look("listener")
NUMBER, PHRASE = Look("stated", "verbalised-number"), Look("stated", "verbalised-phrase")
P_TRUE = Look("computed", "p-true")
TUNED = Look("computed", "calibration-tuned")
BASE_LOOK = {"listener": LISTENER, "stated": NUMBER, "computed": P_TRUE}
"""What a look of a method is held against if the base has not the very same."""


@dataclass(frozen=True)
class Entry:
    looks: tuple[Look, ...]
    method: str = ""
    "A key of `training.trainers.METHODS`; empty: the base itself, untrained."
    settings: Mapping[str, Any] = field(default_factory=dict)
    "What differs from the method's preset for this base."
    pairwise: bool = False
    "Whether it is also asked which of two questions it is likelier to answer; the base is where a trained one is."


ENTRIES: dict[str, Entry] = {
    "base": Entry((LISTENER,), pairwise=True),
    "verbalised-number": Entry((NUMBER,)),
    "verbalised-phrase": Entry((PHRASE,)),
    "p-true": Entry((P_TRUE,)),
    "p-true-temperature": Entry((Look("computed", "p-true", "temperature"),)),
    "p-true-isotonic": Entry((Look("computed", "p-true", "isotonic"),)),
    "sequence-probability": Entry((Look("computed", "sequence-probability"),)),
    "self-consistency": Entry((Look("computed", "self-consistency"),)),
    "truthful": Entry((LISTENER,), "truthful"),
    "lacie": Entry((LISTENER, PHRASE), "lacie"),
    "lacie-kto": Entry((LISTENER, PHRASE), "lacie-kto"),
    "linguistic-sft": Entry((PHRASE, LISTENER), "linguistic-sft"),
    "metacognition-single": Entry((NUMBER,), "metacognition", {"tasks": "single"}, pairwise=True),
    "metacognition-pairwise": Entry((NUMBER,), "metacognition", {"tasks": "pairwise"}, pairwise=True),
    "metacognition-both": Entry((NUMBER,), "metacognition", {"tasks": "both"}, pairwise=True),
    "calibration-tuning-probe": Entry((TUNED,), "calibration-tuning", {"variant": "probe"}),
    "calibration-tuning-lora": Entry((TUNED,), "calibration-tuning", {"variant": "lora"}),
    "calibration-tuning-lora-prompt": Entry((TUNED,), "calibration-tuning", {"variant": "lora-prompt"}),
    "calibration-tuning-lora-prompt-no-jsd": Entry((TUNED,), "calibration-tuning", {"variant": "lora-prompt", "keep": "off"}),
    "rewarding-doubt": Entry((NUMBER,), "rewarding-doubt"),
}


def name_of(method: str, config: Mapping[str, Any]) -> str:
    """The entry that trains so; the method's own name where none does. Of several the one that says most.

    >>> name_of("calibration-tuning", {"variant": "lora-prompt", "keep": "off", "steps": 20})
    'calibration-tuning-lora-prompt-no-jsd'
    """
    fits = [name for name, one in ENTRIES.items() if one.method == method and one.settings.items() <= config.items()]
    return max(fits, key=lambda name: len(ENTRIES[name].settings), default=method)


def chosen(names: Iterable[str]) -> dict[str, Entry]:
    """The entries of these names in the table's order, the base first, whether it was named or not.

    Raises:
        PairError: no such entry.

    >>> list(chosen(["lacie"]))
    ['base', 'lacie']
    """
    wanted = {"base", *names}
    if unknown := sorted(wanted - set(ENTRIES)):
        raise PairError(f"Unknown method {unknown[0]!r}. Choose from: {', '.join(ENTRIES)}.")
    return {name: entry for name, entry in ENTRIES.items() if name in wanted}

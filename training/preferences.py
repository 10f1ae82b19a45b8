"""The rule that makes preference pairs: which of two utterances of one question a speaker should learn to prefer.

LACIE (arXiv 2405.21028, section 3.2 and the paper's public code): the listener's decision on each utterance is worth something to the
speaker, see `Options`; the utterance that is worth more is chosen. The truthful-only baseline prefers correct to incorrect and does not
listen. Nothing here knows Django: `prefer` says it for two utterances, `candidates` and `select` say the same for whole tables.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

LACIE_TYPES = ("CA>C~A", "CA>~CA", "~C~A>C~A", "~C~A>~CA", "C~A>~CA")
"The five pair types that the utilities leave: C correct, A accepted, ~ not; chosen first."
TRUTHFUL_TYPES = ("C>~C",)
TYPES = {"lacie": LACIE_TYPES, "truthful": TRUTHFUL_TYPES}
MATCHED = {"any": [], "answer": ["answer"], "grade": ["correct"]}
"What the two utterances of a pair have in common besides their question, by `Options.match`."
ROUNDING = 1e-9
"0.76 and 0.66 differ by 0.1, whatever binary fractions make of it."


class PairError(ValueError):
    """No pairs can be made of this; the message is for the user."""


@dataclass(frozen=True)
class Options:
    """Every number of the rule. The defaults are the paper's, from its public code unless a line says otherwise."""

    threshold: str | float = "median"
    "From which probability on an utterance counts as accepted: `median` of the kept utterances, a number, or `verdict`: the listener's own decision."
    margin: float = 0.1
    "No pair where the two probabilities differ by less."
    true_accept: float = 1.0
    "Utility of a correct utterance that is accepted; the next three likewise (section 3.2)."
    true_reject: float = 1.0
    false_reject: float = -0.5
    false_accept: float = -1.0
    balance: bool = True
    "Down-sample every pair type to the smallest that occurs."
    max_per_question: int = 12
    "The paper's setting says 3, but its code lets up to 12 through, and its results rest on those. 0: no limit."
    drop_abstentions: bool = True
    drop_answer_only: bool = True
    "Leave out utterances that are nothing but the answer."
    match: str = "any"
    """`any`, the paper's. Ours: `answer`, the two answers of a pair are the same after normalisation, so that only the tone differs; `grade`, they
    are both right or both wrong."""
    max_per_type: int = 0
    "At most so many pairs of each type, after balancing; ours, 0: no cap."
    only_types: tuple[str, ...] = field(default=())
    "Keep only these pair types; ours, empty: all."
    seed: int = 0
    "Decides which pairs the limits keep."

    def __post_init__(self) -> None:
        object.__setattr__(self, "only_types", tuple(self.only_types))
        _check(self)

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "only_types": list(self.only_types)}


def _check(options: Options) -> None:
    threshold = options.threshold
    if isinstance(threshold, str) and threshold not in ("median", "verdict"):
        raise PairError(f"threshold={threshold!r}: give 'median', 'verdict' or a number from 0 to 1.")
    if not isinstance(threshold, str) and not 0 <= threshold <= 1:
        raise PairError(f"threshold={threshold}: a probability lies between 0 and 1.")
    if options.match not in MATCHED:
        raise PairError(f"match={options.match!r}: give {', '.join(MATCHED)}.")
    if not 0 <= options.margin <= 1:
        raise PairError(f"margin={options.margin}: the difference of two probabilities lies between 0 and 1.")
    for name in ("max_per_question", "max_per_type"):
        if getattr(options, name) < 0:
            raise PairError(f"{name}={getattr(options, name)} is negative; 0 means no limit.")


def check_types(rule: str, options: Options) -> None:
    """Raises PairError for an unknown rule, or for pair types or a match that the rule does not have."""
    if rule not in TYPES:
        raise PairError(f"Unknown rule {rule!r}. Choose one of: {', '.join(TYPES)}.")
    if rule == "truthful" and options.match != "any":
        raise PairError(f"The rule truthful pairs a right answer with a wrong one, which match={options.match} leaves out. Use match=any.")
    unknown = [name for name in options.only_types if name not in TYPES[rule]]
    if unknown:
        raise PairError(f"The rule {rule} has no pair type {unknown[0]!r}. Choose from: {', '.join(TYPES[rule])}.")


BUNDLED = {
    "truthful": Options(threshold=0.66, max_per_type=6000),
    "lacie": Options(threshold=0.66, match="grade", margin=0.5),
}
"""The bundled speaker's recipe by rule. What differs from the paper's (the defaults), and why: docs/decisions/0002-the-bundled-recipe.md."""


class Heard(NamedTuple):
    """One utterance as the rule sees it."""

    correct: bool
    accepted: bool
    probability: float


class Preference(NamedTuple):
    chosen: Heard
    rejected: Heard
    pair_type: str


def utility(correct: Any, accepted: Any, options: Options) -> Any:
    """What an utterance is worth to the speaker; takes booleans or arrays of them.

    >>> float(utility(correct=False, accepted=True, options=Options()))
    -1.0
    """
    right = np.where(accepted, options.true_accept, options.false_reject)
    wrong = np.where(accepted, options.false_accept, options.true_reject)
    return np.where(correct, right, wrong)


def prefer(a: Heard, b: Heard, options: Options) -> Preference | None:
    """Which of two utterances is preferred under LACIE's rule; None on a tie, or where the listener hardly tells them apart.

    >>> sure_and_right, unsure_and_right = Heard(True, True, 0.9), Heard(True, False, 0.4)
    >>> prefer(unsure_and_right, sure_and_right, Options()).pair_type
    'CA>C~A'
    >>> unsure_and_wrong = Heard(False, False, 0.2)
    >>> prefer(unsure_and_right, unsure_and_wrong, Options()).chosen == unsure_and_wrong
    True
    >>> prefer(sure_and_right, unsure_and_wrong, Options()) is None  # both are worth +1
    True
    >>> prefer(Heard(True, True, 0.70), Heard(True, False, 0.65), Options()) is None  # within the margin
    True
    """
    worth_a, worth_b = utility(a.correct, a.accepted, options), utility(b.correct, b.accepted, options)
    if worth_a == worth_b or abs(a.probability - b.probability) < options.margin - ROUNDING:
        return None
    chosen, rejected = (a, b) if worth_a > worth_b else (b, a)
    return Preference(chosen, rejected, f"{_name(chosen)}>{_name(rejected)}")


def _name(heard: Heard) -> str:
    return ("C" if heard.correct else "~C") + ("A" if heard.accepted else "~A")


def acceptance_threshold(probabilities: pd.Series, options: Options) -> float | None:
    """The number at and above which a probability counts as accepted; None where the listener's own verdict decides.

    >>> acceptance_threshold(pd.Series([0.2, 0.5, 0.9]), Options())
    0.5
    """
    if options.threshold == "verdict":
        return None
    return float(probabilities.median()) if options.threshold == "median" else float(options.threshold)


def candidates(heard: pd.DataFrame, rule: str, options: Options) -> pd.DataFrame:
    """All pairs that the rule makes of these utterances, before any limit, in an order that depends on the rows alone.

    Args:
        heard: one row an utterance: `id`, `question`, `correct`, `accepted`, `probability`, and `answer` (normalised; for `match`).

    Returns:
        one row a pair: `question`, `chosen`, `rejected` (ids), `pair_type`.
    """
    table = heard.assign(worth=_worth(heard, rule, options), kind=_kinds(heard, rule)).sort_values("id")
    pairs = table.merge(table, on=["question", *MATCHED[options.match]], suffixes=("", "_other"))
    pairs = pairs[pairs["worth"] > pairs["worth_other"]]
    if rule == "lacie":
        pairs = pairs[(pairs["probability"] - pairs["probability_other"]).abs() >= options.margin - ROUNDING]
    pair_type = pairs["kind"] + ">" + pairs["kind_other"]
    pairs = pairs.assign(pair_type=pair_type).rename(columns={"id": "chosen", "id_other": "rejected"})
    if options.only_types:
        pairs = pairs[pairs["pair_type"].isin(options.only_types)]
    return pairs[["question", "chosen", "rejected", "pair_type"]].sort_values(["chosen", "rejected"], ignore_index=True)


def _worth(heard: pd.DataFrame, rule: str, options: Options) -> Any:
    return heard["correct"].astype(float) if rule == "truthful" else utility(heard["correct"], heard["accepted"], options)


def _kinds(heard: pd.DataFrame, rule: str) -> Any:
    correct = np.where(heard["correct"], "C", "~C").astype(object)
    return correct if rule == "truthful" else correct + np.where(heard["accepted"], "A", "~A").astype(object)


def select(pairs: pd.DataFrame, options: Options) -> pd.DataFrame:
    """The pairs that the limits leave: at most so many a question, the types balanced, at most so many a type; drawn by `options.seed`."""
    kept = pairs.sample(frac=1, random_state=options.seed)
    if options.max_per_question:
        kept = kept[kept.groupby("question").cumcount() < options.max_per_question]
    limits = [options.max_per_type] if options.max_per_type else []
    if options.balance and len(kept):
        limits.append(int(kept["pair_type"].value_counts().min()))
    if limits:
        kept = kept[kept.groupby("pair_type").cumcount() < min(limits)]
    return kept.sort_index(ignore_index=True)


def type_counts(pairs: pd.DataFrame, rule: str) -> dict[str, int]:
    """Pairs of each of the rule's types, those that do not occur with 0."""
    return {name: int((pairs["pair_type"] == name).sum()) for name in TYPES[rule]}


# Without pairs


def unpaired(heard: pd.DataFrame, options: Options) -> pd.DataFrame:
    """The utterances with `label`: whether each is desirable, that is worth more than 0 (KTO needs no more than that).

    With `match=answer` (or `grade`) only answers (or right and wrong answers) of which a question has desirable and undesirable tellings are kept, as
    many of one as of the other, so that what can be learned from them is the tone. `balance` leaves as many of each of the four cases (right or
    wrong, accepted or rejected) that occur. What is left is drawn by `options.seed`.

    >>> heard = pd.DataFrame({"id": [1, 2], "question": 1, "answer": "a", "correct": [True, True], "accepted": [True, False]})
    >>> unpaired(heard, Options())["label"].tolist()
    [True, False]
    """
    worth = utility(heard["correct"], heard["accepted"], options)
    table = heard.assign(label=worth > 0, kind=_kinds(heard, "lacie"))[worth != 0].sort_values("id").sample(frac=1, random_state=options.seed)
    if MATCHED[options.match]:
        by = ["question", *MATCHED[options.match]]
        both = [(table["label"] == label).groupby([table[name] for name in by]).transform("sum") for label in (True, False)]
        table = table[table.groupby([*by, "label"]).cumcount() < np.minimum(*both)]
    if options.balance and len(table):
        table = table[table.groupby("kind").cumcount() < table["kind"].value_counts().min()]
    return table.sort_values("id", ignore_index=True)

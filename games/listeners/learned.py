"""A listener fitted to people: from the words of a masked answer to the probability that people accept it.

`Acceptance` is an estimator after scikit-learn's habit: word n-grams (TF-IDF), what the lexicon makes of the text, and its length go into a
logistic regression, whose strength of regularisation is chosen, and whose output is calibrated (Platt's sigmoid), on folds of the training data
that share no group. `LearnedListener` judges with one that was fitted before. What was learned is kept as JSON, in the listener's row: numbers
and words only, so that loading it can run nothing, and every worker has it.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Self

import numpy as np

from games.confidence import TABLE, stated
from games.grading import MASK
from games.listeners.base import Heard, ListenerError, Verdict
from games.metrics import Floats

MAX_FEATURES = 1000
"""Keeps a listener's row small; the n-grams that occur most stay."""
STRENGTHS = (0.03, 0.3, 3.0)
FOLDS = 3
WORDS = r"(?u)\d+ ?%|\b\w[\w'’]*"
PLAIN = 3
"""Columns beside the n-grams: see `_plain`."""
NOTHING_SAID = 0.75
"""Stands in for the lexicon's probability where it finds nothing, as in `LexiconListener`; a column of its own tells the two apart."""


class Acceptance:
    """p(accept | masked text). `fit` and `predict` take the texts as they are."""

    def __init__(self, max_features: int = MAX_FEATURES, strengths: Sequence[float] = STRENGTHS, folds: int = FOLDS) -> None:
        self.max_features = max_features
        self.strengths = strengths
        self.folds = folds

    def fit(self, texts: Sequence[str], accepted: Sequence[bool], groups: Sequence[Hashable] | None = None) -> Self:
        """`groups`: what must not be on both sides when strength and calibration are chosen; for judgments their question. None: each its own.

        Raises:
            ListenerError: only one verdict occurs, or fewer than two groups.
        """
        from sklearn.feature_extraction.text import TfidfVectorizer

        y = np.asarray(accepted, dtype=bool)
        if y.all() or not y.any():
            raise ListenerError(f"All {len(y)} judgments say the same. Nothing can be learned without both verdicts.")
        words = TfidfVectorizer(**_reading(), max_features=self.max_features, min_df=_twice(texts)).fit(texts)
        self.vocabulary_ = sorted(words.vocabulary_, key=words.vocabulary_.get)
        self.idf_ = [float(weight) for weight in words.idf_]
        plain = np.array([_plain(text) for text in texts])
        self.center_, self.scale_ = plain.mean(0).tolist(), np.where(plain.std(0) > 0, plain.std(0), 1.0).tolist()
        x = self._columns(texts)
        self.strength_, scores = self._chosen(x, y, groups if groups is not None else range(len(y)))
        model = _regression(self.strength_).fit(x, y)
        self.weights_, self.intercept_ = model.coef_[0].tolist(), float(model.intercept_[0])
        self.slope_, self.shift_ = _platt(scores, y)
        return self

    def predict(self, texts: Sequence[str]) -> Floats:
        score = self._columns(texts) @ np.array(self.weights_) + self.intercept_
        return _sigmoid(self.slope_ * score + self.shift_)

    def reasons(self, texts: Sequence[str], top: int = 3) -> list[str]:
        """The n-grams that count most in each text, with what they add to the log odds, and what lexicon and length add."""
        parts = self._columns(texts).multiply(np.array(self.weights_) * self.slope_).toarray()
        words, plain = parts[:, :-PLAIN], parts[:, -PLAIN:].sum(1)
        chosen = np.argsort(-np.abs(words), axis=1, kind="stable")[:, :top]
        told = [[f"'{self.vocabulary_[k]}' {row[k]:+.2f}" for k in order if row[k]] for row, order in zip(words, chosen, strict=True)]
        return [", ".join([*one, f"lexicon and length {rest:+.2f}"]) for one, rest in zip(told, plain, strict=True)]

    def _columns(self, texts: Sequence[str]) -> Any:
        """A sparse matrix: the n-grams, then the `PLAIN` columns."""
        from scipy.sparse import csr_matrix, hstack
        from sklearn.feature_extraction.text import TfidfVectorizer

        words = TfidfVectorizer(**_reading(), vocabulary=self.vocabulary_)
        words.idf_ = np.array(self.idf_)
        plain = (np.array([_plain(text) for text in texts]).reshape(len(texts), PLAIN) - self.center_) / self.scale_
        return hstack([words.transform(texts), csr_matrix(plain)], format="csr")

    def _chosen(self, x: Any, y: Any, groups: Sequence[Hashable]) -> tuple[float, Floats]:
        """The strength with the least out-of-fold log loss, and its out-of-fold scores."""
        from sklearn.model_selection import GroupKFold

        numbers = np.unique([str(group) for group in groups], return_inverse=True)[1]
        folds = min(self.folds, int(numbers.max()) + 1)
        if folds < 2:
            raise ListenerError("All judgments are of one group (one question). Nothing can be held out to calibrate on.")
        splits = list(GroupKFold(folds).split(x, y, numbers))
        found = {strength: _out_of_fold(strength, x, y, splits) for strength in self.strengths}
        best = min(found, key=lambda strength: _log_loss(found[strength], y))
        return best, found[best]

    # As JSON

    def as_json(self) -> dict[str, Any]:
        learned = {name.removesuffix("_"): value for name, value in vars(self).items() if name.endswith("_")}
        return {"version": 1, "lexicon": lexicon_digest(), **learned}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """
        Raises:
            ListenerError: it is not what `as_json` gives, or was fitted with another table of phrases.
        """
        model = cls()
        for name in ("vocabulary", "idf", "center", "scale", "weights", "intercept", "slope", "shift", "strength"):
            if name not in stored:
                raise ListenerError(f"What this listener has learned lacks {name!r}. Fit it again: manage.py fit_listener.")
            setattr(model, f"{name}_", stored[name])
        if len(model.weights_) != len(model.vocabulary_) + PLAIN or len(model.idf_) != len(model.vocabulary_):
            raise ListenerError("What this listener has learned has weights for other words than it names. Fit it again: manage.py fit_listener.")
        if stored.get("lexicon") != lexicon_digest():
            raise ListenerError("This listener was fitted with another table of phrases than the present one. Fit it again: manage.py fit_listener.")
        return model


class LearnedListener:
    """config: `model`, what `fit_listener` learned; everything else in it is provenance."""

    def __init__(self, config: dict[str, Any]) -> None:
        if not isinstance(config.get("model"), dict):
            raise ListenerError("A learned listener has to be fitted first: manage.py fit_listener NAME --from STUDY.")
        self.model = Acceptance.from_json(config["model"])

    def judge(self, heard: Sequence[Heard]) -> list[Verdict]:
        texts = list(dict.fromkeys(one.masked_text for one in heard))
        if not texts:
            return []
        found = dict(zip(texts, map(Verdict, self.model.predict(texts).tolist(), self.model.reasons(texts)), strict=True))
        return [found[one.masked_text] for one in heard]


def lexicon_digest() -> str:
    return hashlib.sha256(TABLE.read_bytes()).hexdigest()


def _plain(text: str) -> tuple[float, float, float]:
    """Log odds by the lexicon, whether it found nothing, and the log of the number of words."""
    found = stated(text)
    p = min(max(NOTHING_SAID if found is None else found, 0.01), 0.99)
    return math.log(p / (1 - p)), float(found is None), math.log1p(len(text.split()))


def _reading() -> dict[str, Any]:
    return {"preprocessor": _unmasked, "ngram_range": (1, 3), "token_pattern": WORDS, "sublinear_tf": True}


def _unmasked(text: str) -> str:
    return text.replace(MASK, " ").lower()


def _twice(texts: Sequence[str]) -> int:
    """The fewest texts that an n-gram must stand in: 2, since one text teaches nothing of others; 1 where all texts are different throughout."""
    seen = Counter(word for text in set(texts) for word in set(re.findall(WORDS, _unmasked(text))))
    return 2 if max(seen.values(), default=0) > 1 else 1


def _regression(strength: float) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=strength, max_iter=300)


def _out_of_fold(strength: float, x: Any, y: Any, splits: Sequence[tuple[Any, Any]]) -> Floats:
    """Log odds of each row by a model that has not seen its group; where the others all say one thing, how often they say it."""
    scores = np.zeros(len(y))
    for train, test in splits:
        if y[train].all() or not y[train].any():
            scores[test] = math.log((y[train].sum() + 1) / ((~y[train]).sum() + 1))
        else:
            scores[test] = _regression(strength).fit(x[train], y[train]).decision_function(x[test])
    return scores


def _platt(scores: Floats, y: Any) -> tuple[float, float]:
    """Slope and shift that make the scores log odds. Never a negative slope: that would turn what was learned around."""
    model = _regression(1e3).fit(scores[:, None], y)
    slope = float(model.coef_[0, 0])
    return (slope, float(model.intercept_[0])) if slope > 0 else (0.0, math.log((y.sum() + 1) / ((~y).sum() + 1)))


def _log_loss(scores: Floats, y: Any) -> float:
    return float(np.logaddexp(0, np.where(y, -scores, scores)).mean())


def _sigmoid(scores: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(scores, -40, 40))))

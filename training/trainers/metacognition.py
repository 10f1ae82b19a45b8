"""metacognition: fine-tuning a speaker to tell what it knows, by two tasks (Steyvers, Belem and Smyth, arXiv 2510.05126).

    python -m training.trainers.metacognition FOLDER

* **single**: an answer, and how sure it is as a number. The target is not the truth but the speaker's own consistency: the share of its samples
  that give this answer, mapped through the accuracy that answers of that consistency had, with a little uniform noise.
* **pairwise**: of two questions, which is it likelier to answer right? The target is the one whose most frequent answer is more frequent.

`tasks=both` trains on both; the paper finds that neither task teaches the other. `hold_out=capital,director` keeps whole relations out of
training, so that transfer to other kinds of questions can be measured, not only to other subjects.

What differs from the paper: the number is a whole one from 0 to 10 (as in `games.prompts.numeric_confidence`), not between 0 and 1, so that the
noise decides how a target between two numbers is rounded; the accuracy curve is an isotonic regression (how it was smoothed is not found); every
sample is an answer to train on. Prompts, sizes, epochs and rates: not found, ours are ours.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from training.trainers.base import Stopping, main, say
from training.trainers.config import ConfigError, from_dict
from training.trainers.folder import Folder, FolderError
from training.trainers.sft import BUNDLED, Example, Finetuning, train_completions

NEEDS = "answers"
PROMPT_STYLE = "numeric"
"""The trained speaker is asked for an answer and a number."""
TASKS = ("single", "pairwise", "both")
COLUMNS = ("question", "text", "relation", "answer", "correct")
FEWEST_SAMPLES = 3
Row = dict[str, Any]


@dataclass(frozen=True)
class Config(Finetuning):
    tasks: str = "both"
    "single, pairwise or both."
    hold_out: tuple[str, ...] = ()
    "Relations whose questions are kept out of training."
    noise: float = 0.05
    "Half the width of the uniform noise on a target."
    answers_per_question: int = 4
    "For the single task, of the samples; abstentions are left out."
    pairs_per_question: int = 2
    "For the pairwise task."
    margin: float = 0.2
    "Two questions of a pair differ at least so much in consistency."

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.tasks not in TASKS:
            raise ConfigError(f"tasks={self.tasks}: choose one of {', '.join(TASKS)}.")
        if not 0 <= self.noise <= 0.5 or not 0 < self.margin <= 1:
            raise ConfigError(f"noise={self.noise}, margin={self.margin}: the noise is from 0 to 0.5, the margin above 0 and at most 1.")


PRESETS: dict[str, dict[str, Any]] = {
    "metacognition": {},
    # At 200 steps it has only learned the form; what it knows of itself it learns between 200 and 300 (docs/log.md).
    "bundled": {**BUNDLED, "steps": 400, "noise": 0.1},
}


def train(job: dict[str, Any], folder: Folder, stopping: Stopping) -> None:
    """Train, or go on training, and leave `adapter/` and `metrics.json`."""
    config: Config = from_dict(Config, job["config"])
    rows = folder.rows("train.jsonl", COLUMNS)
    there = sorted({row["relation"] for row in rows})
    if unknown := set(config.hold_out) - set(there):
        raise FolderError(f"hold_out names {', '.join(sorted(unknown))}; the relations of the training questions are: {', '.join(there)}.")
    asked = by_question([row for row in rows if row["relation"] not in config.hold_out])
    examples: list[Example] = []
    rng = random.Random(job["seed"])
    if config.tasks != "pairwise":
        examples += single(asked, config, rng)
    of_single = len(examples)
    if config.tasks != "single":
        examples += pairwise(asked, config, rng)
    counts = {"questions": len(asked), "single": of_single, "pairwise": len(examples) - of_single}
    say(f"{of_single} answers with a number, {len(examples) - of_single} choices between two questions, from {len(asked)} questions.")
    train_completions(job=job, config=config, folder=folder, stopping=stopping, examples=examples, counts=counts)


class Asked(NamedTuple):
    """A question and all that the speaker said to it."""

    text: str
    answers: list[str | None]
    correct: list[bool]

    def consistency(self, answer: str) -> float:
        from games.estimators.consistency import agreement

        return agreement(answer, self.answers) or 0.0

    def highest(self) -> float:
        """The share of the most frequent answer; 0 if it only abstained."""
        return max((self.consistency(answer) for answer in set(self.answers) if answer is not None), default=0.0)


def by_question(rows: Sequence[Row]) -> list[Asked]:
    """
    Raises:
        FolderError: most questions have so few answers that their agreement says nothing.
    """
    groups: dict[int, Asked] = {}
    for row in rows:
        group = groups.setdefault(row["question"], Asked(row["text"], [], []))
        group.answers.append(row["answer"])
        group.correct.append(row["correct"])
    few = sum(len(group.answers) < FEWEST_SAMPLES for group in groups.values())
    if few > len(groups) / 2:
        raise FolderError(
            f"{few} of {len(groups)} questions have fewer than {FEWEST_SAMPLES} answers: their agreement says nothing. "
            "Play a game with more samples a question; the paper takes 10."
        )
    return list(groups.values())


def accuracy_curve(asked: Sequence[Asked]) -> Callable[[float], float]:
    """How often answers of a consistency are right: consistency → accuracy, rising."""
    from games.estimators.recalibration import TooFew, isotonic

    known = [(group.consistency(answer), right) for group in asked for answer, right in zip(group.answers, group.correct, strict=True) if answer]
    try:
        curve = isotonic([share for share, _ in known], [right for _, right in known])
    except TooFew as error:
        raise FolderError(str(error)) from error
    return lambda share: float(curve([share])[0])


def single(asked: Sequence[Asked], config: Config, rng: random.Random) -> list[Example]:
    """An answer with its number, for the first samples of each question."""
    from games.prompts import numeric_confidence

    curve = accuracy_curve(asked)
    examples = []
    for group in asked:
        for answer in [answer for answer in group.answers if answer is not None][: config.answers_per_question]:
            target = curve(group.consistency(answer)) + rng.uniform(-config.noise, config.noise)
            number = round(10 * min(1.0, max(0.0, target)))
            examples.append(Example(numeric_confidence(group.text), f"{answer}. Confidence: {number}"))
    return examples


def pairwise(asked: Sequence[Asked], config: Config, rng: random.Random) -> list[Example]:
    """Which of two questions: each question with some others that differ enough, in either order equally often."""
    from games.prompts import likelier

    shares = [group.highest() for group in asked]
    examples = []
    for place in range(len(asked)):
        others = [other for other in rng.sample(range(len(asked)), min(len(asked), 50)) if abs(shares[other] - shares[place]) >= config.margin]
        for other in others[: config.pairs_per_question]:
            first, second = (place, other) if rng.random() < 0.5 else (other, place)
            pick = "A" if shares[first] > shares[second] else "B"
            examples.append(Example(likelier(asked[first].text, asked[second].text), pick))
    return examples


if __name__ == "__main__":
    raise SystemExit(main(train))

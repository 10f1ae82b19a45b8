"""linguistic-sft: fine-tuning on the speaker's own answers with its own confidence put into words (Chaudhry et al., arXiv 2409.12180).

    python -m training.trainers.linguistic_sft FOLDER

1. Confidence: P(true) / (P(true) + P(false)) to "is this answer correct?", for every answer (`games.estimators.p_true`).
2. Isotonic regression of it to correctness, on the answers to validation questions (the paper: a calibration set).
3. The nearest phrase of a table of how people read such phrases (`games/speakers/phrases.csv`, or your own: `phrases=FILE`).
4. SFT on the answer with that phrase: after it (`place=post`), before it (`pre`) or within the sentence (`interleaved`).

Then the trained speaker answers validation questions once, and `metrics.json` tells how often each phrase was right beside how people read it.

What the paper has and we could not find: its table but for one bin, its prompts, how phrases are placed, models and data sets, the
optimiser's numbers. All of these are ours here. The questions that calibrate also fill the table at the end: it is a diagnosis, not a test.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from games.speakers.phrases import PLACES, TABLE, Phrase, PhrasesError, nearest, read
from training.trainers.base import Stopping, main, say
from training.trainers.config import ConfigError, from_dict
from training.trainers.folder import Folder
from training.trainers.sft import BUNDLED, Example, Finetuning, train_completions
from training.trainers.voice import remembered, voice_of
from training.trainers.weights import prepare

NEEDS = "answers"
VALIDATION = True
"""It calibrates on answers to validation questions."""
OWN = ("p-true", "self-consistency")
ASKED_TOGETHER = 32
COLUMNS = ("question", "text", "accepted", "answer", "correct")
Row = dict[str, Any]


@dataclass(frozen=True)
class Config(Finetuning):
    confidence: str = "p-true"
    "What stands for the speaker's own confidence: p-true (the paper's), or self-consistency, for a speaker that cannot judge itself."
    place: str = "post"
    "Where the phrase goes: post, pre or interleaved."
    phrases: str = ""
    "A CSV file in place of the shipped table of phrases."
    answers_per_question: int = 4
    "Of the speaker's samples; abstentions are left out."
    calibration: str = "isotonic"
    "isotonic, temperature, or none: the raw P(true)."
    checked: int = 300
    "Validation questions that the trained speaker answers for the table of phrases; 0: none."
    new_tokens: int = 80
    "Tokens of such an answer at most."

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.place not in PLACES:
            raise ConfigError(f"place={self.place}: choose one of {', '.join(PLACES)}.")
        if self.confidence not in OWN:
            raise ConfigError(f"confidence={self.confidence}: choose one of {', '.join(OWN)}.")
        if self.calibration not in ("isotonic", "temperature", "none"):
            raise ConfigError(f"calibration={self.calibration}: choose one of isotonic, temperature, none.")
        try:
            self.table()
        except PhrasesError as error:
            raise ConfigError(str(error)) from error

    def table(self) -> list[Phrase]:
        return read(Path(self.phrases) if self.phrases else TABLE)


PRESETS: dict[str, dict[str, Any]] = {
    "linguistic-sft": {},
    "bundled": {
        **BUNDLED,
        # Asked whether its own answer is correct, the bundled speaker tells right from wrong no better than chance; its samples do.
        "confidence": "self-consistency",
        "new_tokens": 32,
    },
}


def train(job: dict[str, Any], folder: Folder, stopping: Stopping) -> None:
    """Train, or go on training, and leave `adapter/` and `metrics.json`."""
    config: Config = from_dict(Config, job["config"])
    prepare(job, threads=config.threads)
    table = config.table()
    made = remembered(folder, "examples", lambda: _made(job, config, folder, table))
    train_completions(
        job=job,
        config=config,
        folder=folder,
        stopping=stopping,
        examples=[Example(*one) for one in made["examples"]],
        counts=made["counts"],
        last=lambda: {"phrases": _readings(job, config, folder, table, made["taught"])},
    )


def _made(job: dict[str, Any], config: Config, folder: Folder, table: Sequence[Phrase]) -> dict[str, Any]:
    """What to train on: each answer with the phrase for the speaker's calibrated confidence in it."""
    from games.prompts import STYLES

    everything = [folder.rows(name, COLUMNS) for name in ("validation.jsonl", "train.jsonl")]
    known, taught = ([row for row in rows if row["answer"] is not None] for rows in everything)
    taught = _first(taught, config.answers_per_question)
    say(f"Telling the speaker's confidence in {len(known)} answers to validation questions and {len(taught)} to train on.")
    if config.confidence == "p-true":
        inner = _p_true(voice_of(job, config), known + taught)
    else:
        inner = _consistency([row for rows in everything for row in rows], known + taught)
    calibrated = _calibration(config.calibration)(inner[: len(known)], [row["correct"] for row in known])
    phrases = [nearest(table, float(p)) for p in calibrated(inner[len(known) :])]
    style = STYLES[job["prompt_style"]]
    examples = [(style(row["text"]), phrase.say(row["answer"], config.place)) for row, phrase in zip(taught, phrases, strict=True)]
    counts = {"answers": len(taught), "calibrated_on": len(known)}
    return {"examples": examples, "counts": counts, "taught": Counter(phrase.words for phrase in phrases)}


def _first(rows: list[Row], most: int) -> list[Row]:
    """So many answers to each question, the first that were drawn."""
    seen: Counter[int] = Counter()
    kept = []
    for row in rows:
        seen[row["question"]] += 1
        if seen[row["question"]] <= most:
            kept.append(row)
    return kept


def _p_true(speaker: Any, rows: list[Row]) -> list[float]:
    """P(true) of each answer; the same answer to the same question is asked about once."""
    from games.estimators.p_true import p_true
    from games.speakers.base import SpeakerError

    distinct = list(dict.fromkeys((row["text"], row["answer"]) for row in rows))
    try:
        found = p_true(speaker, [text for text, _ in distinct], [answer for _, answer in distinct])
    except SpeakerError as error:
        raise ConfigError(str(error)) from error
    known = dict(zip(distinct, found, strict=True))
    return [known[row["text"], row["answer"]] for row in rows]


def _consistency(drawn: list[Row], rows: list[Row]) -> list[float]:
    """The share of the speaker's samples that give the same answer."""
    from games.estimators.consistency import agreement

    said: dict[int, list[str | None]] = defaultdict(list)
    for row in drawn:
        said[row["question"]].append(row["answer"])
    return [agreement(row["answer"], said[row["question"]]) or 0.0 for row in rows]


def _calibration(how: str) -> Callable[[Sequence[float], Sequence[bool]], Callable[[Sequence[float]], Any]]:
    from games.estimators.recalibration import RECALIBRATIONS, TooFew

    def fit(confidence: Sequence[float], correct: Sequence[bool]) -> Callable[[Sequence[float]], Any]:
        try:
            return RECALIBRATIONS[how](confidence, correct)
        except TooFew as error:
            raise ConfigError(f"Answers to validation questions: {error}") from error

    return fit if how != "none" else lambda *_: lambda given: given


def _readings(job: dict[str, Any], config: Config, folder: Folder, table: Sequence[Phrase], taught: dict[str, int]) -> list[dict[str, Any]]:
    """How often the trained speaker is right with each phrase, beside how people read it; a diagnosis, for which no training is thrown away."""
    from games.intervals import wilson
    from games.speakers.base import SpeakerError

    asked = list({row["question"]: row for row in folder.rows("validation.jsonl", COLUMNS)}.values())[: config.checked]
    try:
        right = _answered(job, config, folder, table, asked) if asked else {}
    except (ConfigError, SpeakerError) as error:
        say(f"The speaker is trained; how often its phrases are right could not be told: {error}")
        return []
    rows = []
    for phrase in table:
        hits = right.get(phrase.words, [])
        share = sum(hits) / len(hits) if hits else None
        low, high = wilson(share, len(hits)) if share is not None else (None, None)
        known = {"phrase": phrase.words, "people": phrase.probability, "taught": taught.get(phrase.words, 0), "answers": len(hits)}
        rows.append({**known, **{name: value and round(value, 3) for name, value in (("right", share), ("low", low), ("high", high))}})
    return rows


def _answered(job: dict[str, Any], config: Config, folder: Folder, table: Sequence[Phrase], asked: list[Row]) -> dict[str, list[bool]]:
    """Phrase → whether each fresh answer to these questions that carries it is right."""
    from games.confidence import stated
    from games.grading import grade
    from games.speakers.base import Generation

    speaker = voice_of(job, config, adapter=str(folder.path / "adapter"))
    how = Generation(samples=1, max_new_tokens=config.new_tokens, seed=job["seed"])
    right: dict[str, list[bool]] = defaultdict(list)
    for start in range(0, len(asked), ASKED_TOGETHER):
        piece = asked[start : start + ASKED_TOGETHER]
        for row, said in zip(piece, speaker.respond([row["text"] for row in piece], how), strict=True):
            graded, confidence = grade(said[0].text, row["accepted"]), stated(said[0].text)
            if graded.answer is not None and confidence is not None:
                right[nearest(table, confidence).words].append(graded.is_correct)
    return right


if __name__ == "__main__":
    raise SystemExit(main(train))

"""From a listener's usable judgments to a stored set of preference pairs, and out again as training data.

The rule itself is in `training.preferences`; here the rows are read, the pairs made in one self-merge and stored in bulk.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import pandas as pd
from django.db import transaction
from django.db.models import QuerySet

from games.grading import MASK, normalise
from games.models import Game, Judgment, Listener, Question, Speaker, Split
from games.prompts import STYLES
from training.models import PairSet, PreferencePair
from training.preferences import BUNDLED, ROUNDING, Options, PairError, acceptance_threshold, candidates, check_types, select, type_counts

BATCH = 2000
COLUMNS = {
    "id": "judgment",
    "accepted": "accepted",
    "probability": "probability",
    "utterance_id": "id",
    "utterance__question_id": "question",
    "utterance__is_correct": "correct",
    "utterance__answer": "answer",
    "utterance__text": "text",
}


def default_options(listener: Listener) -> Options:
    """The paper's options; people's own decisions are taken as they are, not re-cut at a median."""
    return Options(threshold="verdict") if listener.kind == Listener.Kind.HUMAN else Options()


def recipe(speaker: Speaker, rule: str) -> Options:
    """The options for this speaker's pairs: its own recipe if it is the bundled one, else the paper's."""
    return BUNDLED[rule] if speaker.base_model == "bundled" else Options()


def build(
    *,
    name: str,
    rule: str,
    speaker: Speaker,
    listener: Listener,
    games: Sequence[Game],
    options: Options,
    any_speaker: bool = False,
    split: str = Split.TRAIN,
    others: Sequence[Listener] = (),
) -> PairSet:
    """Make and store the pairs of these games. Without games: of all the speaker said to the split's questions that the listener judged.

    `any_speaker`: of what every speaker said, paired by question; `speaker` is then whose prompt the pairs are written in. A study shows one
    answer of each arm to a question, so its people's pairs are between arms.

    `others`: further listeners whose probabilities are averaged with the first one's; what they have not all judged is left out.

    Asking again with the same name and settings gives the set that is there.

    Raises:
        PairError: the name is taken by other settings, a game is not finished, or no pair comes out; the message says why.
    """
    check_types(rule, options)
    found = PairSet.objects.filter(name=name).first()
    if found:
        asked = {"rule": rule, "speaker": speaker.name, "listener": _names([listener, *others]), **options.as_json()}
        asked |= {"any_speaker": any_speaker}
        return _same_or_error(found, games, asked if games else asked | {"split": split})
    for game in games:
        if game.state != Game.State.DONE:
            raise PairError(f"{game} is {game.state}, not done. Play it to its end first: manage.py play_game.")
        if game.speaker_id != speaker.pk and not any_speaker:
            raise PairError(f"{game} was not played by {speaker}. Give games of that speaker, or pair what any speaker said (--any-speaker).")
    heard, counts = prepare(judged_by_all(None if any_speaker else speaker, [listener, *others], games, split), options)
    pairs = candidates(heard, rule, options)
    chosen = select(pairs, options)
    counts |= {"before": type_counts(pairs, rule), "after": type_counts(chosen, rule), "questions": int(chosen["question"].nunique())}
    if chosen.empty:
        raise PairError(_why_none("any speaker" if any_speaker else str(speaker), listener, split, counts))
    evidence = heard[["id", "judgment", "probability"]]
    chosen = chosen.merge(evidence, left_on="chosen", right_on="id").merge(
        evidence, left_on="rejected", right_on="id", suffixes=("_chosen", "_rejected")
    )
    made_of = {"rule": rule, "speaker": speaker, "listener": listener, "any_speaker": any_speaker, "split": split, "options": options.as_json()}
    return _store(chosen, games, others, name=name, counts=counts, **made_of)


def _same_or_error(found: PairSet, games: Sequence[Game], asked: dict[str, Any]) -> PairSet:
    there: dict[str, Any] = {"rule": found.rule, "speaker": found.speaker.name, **found.options}
    there["listener"] = _names([found.listener, *found.others.all()])
    there |= {"any_speaker": found.any_speaker, "split": found.split, "games": sorted(found.games.values_list("pk", flat=True))}
    asked = asked | {"games": sorted(game.pk for game in games)}
    differing = [key for key in asked if asked[key] != there.get(key)]
    if differing:
        what = ", ".join(f"{key} {there.get(key)!r} (now {asked[key]!r})" for key in differing)
        raise PairError(f"There is a pair set {found.name!r} already, made with {what}. Choose another name.")
    return found


def _names(listeners: Sequence[Listener]) -> str:
    return " + ".join([listeners[0].name, *sorted(other.name for other in listeners[1:])])


def judged_by_all(speaker: Speaker | None, listeners: Sequence[Listener], games: Sequence[Game], split: str = Split.TRAIN) -> pd.DataFrame:
    """As `judged`, of what all these listeners judged: `probability` their mean, `accepted` by their majority, `judgment` the first one's.

    (The paper's code may average several listeners; its configuration uses one.)
    """
    table, *more = [judged(speaker, listener, games, split).set_index("id") for listener in listeners]
    if not more:
        return table.reset_index()
    both = table.index[[all(place in other.index for other in more) for place in table.index]]
    tables = [one.loc[both] for one in (table, *more)]
    probability = sum(one["probability"] for one in tables) / len(tables)
    accepted = sum(one["accepted"].astype(float) for one in tables) / len(tables) > 0.5
    return tables[0].assign(probability=probability, accepted=accepted).reset_index()


def judged(speaker: Speaker | None, listener: Listener, games: Sequence[Game], split: str = Split.TRAIN) -> pd.DataFrame:
    """One row a judged utterance. Several judgments of one utterance (people) become one:

    `accepted` by majority (a tie counts as rejected), `probability` the mean (a judgment without one counts as 1 or 0), `judgment` the id
    of the earliest that agrees with the majority. Without a speaker: of all of them.
    """
    rows: QuerySet[Judgment] = Judgment.objects.usable().filter(listener=listener).order_by("pk")
    chosen: dict[str, Any] = {"utterance__game__in": list(games)} if games else {"utterance__question__split": split}
    rows = rows.filter(**chosen, **({"utterance__speaker": speaker} if speaker else {}))
    table = pd.DataFrame.from_records(list(rows.values_list(*COLUMNS)), columns=list(COLUMNS.values()))
    table["probability"] = pd.to_numeric(table["probability"]).fillna(table["accepted"].astype(float))
    if not table["id"].duplicated().any():
        return table.astype({"accepted": bool})
    groups = table.groupby("id")
    accepted = groups["accepted"].transform("mean") > 0.5
    table = table.assign(probability=groups["probability"].transform("mean"))
    return table[table["accepted"].astype(bool) == accepted].drop_duplicates("id").astype({"accepted": bool})


def prepare(table: pd.DataFrame, options: Options) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Leave out what the rule does not use and cut at the threshold; and the count of what was left out and what remains."""
    graded = table[table["correct"].notna()]
    answered = graded[graded["answer"].notna()] if options.drop_abstentions else graded
    plain = {text: normalise(text) for text in pd.unique(pd.concat([answered["answer"].dropna(), answered["text"]]))}
    answers = answered["answer"].map(plain)
    kept = answered.assign(answer=answers)
    if options.drop_answer_only:
        kept = kept[answers.isna() | (answered["text"].map(plain) != answers)]
    threshold = acceptance_threshold(kept["probability"], options)
    if threshold is not None:
        kept = kept.assign(accepted=kept["probability"] >= threshold - ROUNDING)
    counts = {
        "judged": len(table),
        "not_graded": len(table) - len(graded),
        "abstained": len(graded) - len(answered),
        "answer_only": len(answered) - len(kept),
        "used": len(kept),
        "correct": int(kept["correct"].sum()),
        "accepted": int(kept["accepted"].sum()),
        "threshold": None if threshold is None or pd.isna(threshold) else threshold,
    }
    return kept.astype({"correct": bool}), counts


def _why_none(speaker: str, listener: Listener, split: str, counts: dict[str, Any]) -> str:
    if not counts["judged"]:
        return (
            f"{listener} has no usable judgment of what {speaker} said in these games (without games: to questions of the split {split}). Play a "
            "game with both, or name another --split."
        )
    found = sum(counts["before"].values())
    reason = "the limits leave none of them" if found else "no two utterances of one question differ as the rule asks"
    return (
        f"No pair comes out: of {counts['judged']} judged utterances {counts['not_graded']} are not graded, {counts['abstained']} abstain and "
        f"{counts['answer_only']} are only the answer; of the {counts['used']} used {counts['correct']} are correct and {counts['accepted']} "
        f"accepted (threshold {counts['threshold']}); {found} pairs before the limits, and {reason}. Play more samples a question, choose "
        "another threshold or a smaller margin."
    )


@transaction.atomic
def _store(chosen: pd.DataFrame, games: Sequence[Game], others: Sequence[Listener], **values: Any) -> PairSet:
    columns = ["question", "chosen", "rejected", "judgment_chosen", "judgment_rejected", "pair_type"]
    heard = list(zip(chosen["probability_chosen"], chosen["probability_rejected"], strict=True))
    rows = [tuple(row) for row in chosen[columns].itertuples(index=False)]
    digest = hashlib.sha256(json.dumps([values["rule"], values["options"], rows], default=int).encode()).hexdigest()
    pair_set = PairSet.objects.create(**values, digest=digest)
    pair_set.games.set(games)
    pair_set.others.set(others)
    PreferencePair.objects.bulk_create(
        (
            PreferencePair(
                pair_set=pair_set,
                question_id=question,
                chosen_id=winner,
                rejected_id=loser,
                chosen_judgment_id=first,
                rejected_judgment_id=second,
                pair_type=pair_type,
                chosen_probability=sure,
                rejected_probability=other,
            )
            for (question, winner, loser, first, second, pair_type), (sure, other) in zip(rows, heard, strict=True)
        ),
        batch_size=BATCH,
    )
    return pair_set


def preference_rows(pair_set: PairSet, *, prompt_style: str | None = None) -> list[dict[str, Any]]:
    """The pairs in TRL's preference format (`prompt`, `chosen`, `rejected`) with their provenance.

    `prompt + chosen` is, to the character, what the speaker was given and what it said: prompts end in `Response:`, an answer begins with
    a space. `prompt_style`: that of the speaker to be trained, where it is not the one that was heard.
    """
    style = STYLES[prompt_style or pair_set.speaker.prompt_style]
    listeners = _names([pair_set.listener, *pair_set.others.all()])
    fields = ("id", "pair_type", "question_id", "question__key", "question__text", "chosen_probability", "rejected_probability")
    tails = ("_id", "__text", "__masked_text", "__speaker__name", "_judgment_id", "_judgment__probability")
    sides = [f"{side}{tail}" for side in ("chosen", "rejected") for tail in tails]
    rows = pair_set.pairs.order_by("pk").values(*fields, *sides)
    return [
        {
            "prompt": style(row["question__text"]),
            "chosen": completion(row["chosen__text"]),
            "rejected": completion(row["rejected__text"]),
            "differs_at": differs_at(row["rejected__text"], row["rejected__masked_text"], row["chosen__masked_text"]),
            "chosen_tone_at": tone_at(row["chosen__text"], row["chosen__masked_text"]),
            "rejected_tone_at": tone_at(row["rejected__text"], row["rejected__masked_text"]),
            "pair": row["id"],
            "pair_type": row["pair_type"],
            "listener": listeners,
            "question": row["question_id"],
            "question_key": row["question__key"],
            "chosen_utterance": row["chosen_id"],
            "rejected_utterance": row["rejected_id"],
            "chosen_speaker": row["chosen__speaker__name"],
            "rejected_speaker": row["rejected__speaker__name"],
            "chosen_judgment": row["chosen_judgment_id"],
            "rejected_judgment": row["rejected_judgment_id"],
            **{
                f"{side}_probability": row[f"{side}_judgment__probability"] if row[f"{side}_probability"] is None else row[f"{side}_probability"]
                for side in ("chosen", "rejected")  # sets that were built before the column was there
            },
        }
        for row in rows
    ]


def completion(text: str) -> str:
    """What follows the prompt.

    >>> completion("Paris, for sure.")
    ' Paris, for sure.'
    """
    return " " + text.strip()


def tone_at(text: str, masked: str) -> int:
    """The character of the completion at which its tone begins: what follows the answer.

    >>> tone_at("It's Rome. I'm not sure.", "It's [ANSWER REMOVED]. I'm not sure.")
    10
    >>> completion("It's Rome. I'm not sure.")[10:]
    ". I'm not sure."
    """
    return len(completion(text)) - len(_tone(masked))


def differs_at(rejected: str, rejected_masked: str, chosen_masked: str) -> int:
    """The character of the rejected completion at which its tone begins to be another than the chosen one's.

    >>> differs_at("It's Rome. I'm not sure.", "It's [ANSWER REMOVED]. I'm not sure.", "That's [ANSWER REMOVED]. I'm 95% sure.")
    16
    >>> completion("It's Rome. I'm not sure.")[16:]
    'not sure.'
    """
    tone, other = _tone(rejected_masked), _tone(chosen_masked)
    shared = next((place for place, (one, another) in enumerate(zip(tone, other, strict=False)) if one != another), min(len(tone), len(other)))
    return tone_at(rejected, rejected_masked) + shared


def _tone(masked: str) -> str:
    return masked.rpartition(MASK)[2].rstrip()


def judgment_rows(*, speaker: Speaker, listener: Listener, games: Sequence[Game], threshold: str, prompt_style: str) -> list[dict[str, Any]]:
    """Every judged answer of these games (none: of all on training questions) as `lacie-kto` reads it: one row an utterance.

    `threshold`: `median`, `verdict` or a number, as in `training.preferences.Options`.
    """
    cut = threshold if threshold in ("median", "verdict") else float(threshold)
    heard, _ = prepare(judged(speaker, listener, games), Options(threshold=cut))
    texts = dict(Question.objects.filter(pk__in=heard["question"].unique().tolist()).values_list("pk", "text"))
    style = STYLES[prompt_style]
    columns = ["id", "question", "text", "answer", "correct", "accepted", "probability"]
    rows: list[dict[str, Any]] = json.loads(heard[columns].sort_values("id").to_json(orient="records"))
    return [{**row, "prompt": style(texts[row["question"]]), "completion": completion(row.pop("text"))} for row in rows]


def unpaired_rows(pairs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Preference rows taken apart into TRL's unpaired format (`prompt`, `completion`, `label`): every utterance once with each of its labels.

    An utterance that wins one pair and loses another comes out twice, with True and with False.
    """
    shared = ("prompt", "pair", "pair_type", "listener", "question", "question_key")
    rows = [
        {
            **{name: row[name] for name in shared},
            "completion": row[side],
            "label": side == "chosen",
            **{name: row[f"{side}_{name}"] for name in ("utterance", "speaker", "judgment", "probability")},
        }
        for row in pairs
        for side in ("chosen", "rejected")
    ]
    return list({(row["utterance"], row["label"]): row for row in reversed(rows)}.values())[::-1]

"""LACIE from single judgments: which answers are desirable, what is refused, and the real trainer on a tiny model."""

import json
import time

import pandas as pd
import pytest
from django.core.management import CommandError, call_command

from tests.training.test_trainers import CITIES, SMALL, finish, start, weights
from tests.training.world import make_pairs
from training.preferences import Options, unpaired
from training.trainers.config import ConfigError
from training.trainers.folder import DONE, REFUSED, STOPPED, Folder
from training.trainers.kto import weights as label_weights
from training.trainers.lacie_kto import Config
from training.trainers.presets import config

CASES = [(True, True), (True, False), (False, True), (False, False)]


def heard(*rows):
    """(question, answer, correct, accepted) → the table of the rule."""
    table = pd.DataFrame(rows, columns=["question", "answer", "correct", "accepted"])
    return table.assign(id=range(1, len(table) + 1))


def test_right_and_accepted_or_wrong_and_rejected_is_desirable():
    found = unpaired(heard(*[(1, "a", *case) for case in CASES]), Options())
    assert found["label"].tolist() == [True, False, False, True]


def test_an_answer_worth_nothing_is_neither():
    assert unpaired(heard((1, "a", True, False), (1, "a", True, True)), Options(false_reject=0.0))["id"].tolist() == [2]


def test_balanced_every_case_that_occurs_has_the_same_number():
    rows = heard(*[(1, "a", True, True)] * 5, *[(1, "b", False, True)] * 2)
    assert unpaired(rows, Options())["label"].value_counts().to_dict() == {True: 2, False: 2}
    assert len(unpaired(rows, Options(balance=False))) == 7


def test_matched_only_answers_told_in_both_ways_are_kept_as_many_of_each():
    rows = heard(*[(1, "a", True, True)] * 3, (1, "a", True, False), (1, "b", False, True), (2, "a", True, True))
    found = unpaired(rows, Options(match="answer", balance=False))
    assert (found["question"].tolist(), found["answer"].tolist(), sorted(found["label"])) == ([1, 1], ["a", "a"], [False, True])


def test_matched_by_grade_right_and_wrong_answers_are_kept_that_were_told_in_both_ways():
    rows = heard((1, "a", True, True), (1, "b", True, False), (1, "c", False, True), (1, "d", False, False), (2, "a", True, True))
    assert unpaired(rows, Options(match="grade", balance=False))["answer"].tolist() == ["a", "b", "c", "d"]
    assert unpaired(rows, Options(match="answer", balance=False)).empty


def test_the_rarer_label_weighs_more_until_both_have_the_same_say():
    assert label_weights(Config(), [True, False, False, False]) == (3.0, 1.0)
    assert label_weights(Config(desirable_weight=2.0, undesirable_weight=0.5), [True]) == (2.0, 0.5)


@pytest.mark.parametrize("wrong", [{"batch_size": 1}, {"desirable_weight": 1.0}, {"match": "all"}, {"threshold": "high"}, {"threshold": "1.5"}])
def test_a_wrong_setting_is_refused(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        Config(**wrong)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "name whose with --listener"),
        ({"listener": "nobody"}, "There is no listener 'nobody'. There are: lexicon"),
        ({"listener": "lexicon", "pairs": "pairs"}, "in place of --pairs"),
    ],
)
def test_what_cannot_be_learned_from_is_refused_before_training(tiny_model, options, words):
    make_pairs(tiny_model)
    with pytest.raises(CommandError, match=words):
        call_command("train_speaker", "lacie-kto", base="base", **options)


def make_folder(path, model, **overrides):
    path.mkdir()
    rows = [
        {
            "id": 4 * number + place,
            "question": number,
            "prompt": f"Question: What is the capital of country {number}?\nResponse:",
            "completion": f" {CITIES[number % 4]}, definitely." if accepted else f" Perhaps {CITIES[number % 4]}, I am not sure.",
            "answer": CITIES[number % 4],
            "correct": correct,
            "accepted": accepted,
        }
        for number in range(8)
        for place, (correct, accepted) in enumerate(CASES)
    ]
    (path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    job = {"method": "lacie-kto", "model": str(model), "adapter": "", "seed": 3}
    small = {**SMALL, "steps": 20, **overrides}
    (path / "config.json").write_text(json.dumps({**job, "config": config("bundled", "lacie-kto", small)}))
    return Folder(path)


@pytest.mark.train
def test_it_learns_from_single_judgments_and_stopped_it_resumes_to_the_same_weights(tmp_path, tiny_model):
    unbroken, broken = (make_folder(tmp_path / name, tiny_model) for name in ("unbroken", "broken"))
    code, out = finish(start(unbroken, "lacie_kto"))
    assert code == DONE, out
    assert (unbroken.metrics()["rows"], unbroken.metrics()["desirable"]) == (32, 16)
    assert unbroken.progress()[-1]["loss"] < unbroken.progress()[0]["loss"]
    process = start(broken, "lacie_kto")
    while not broken.progress() and process.poll() is None:
        time.sleep(0.01)
    process.terminate()
    assert finish(process)[0] == STOPPED
    assert finish(start(broken, "lacie_kto"))[0] == DONE
    assert weights(broken) == weights(unbroken)


@pytest.mark.train
def test_judgments_all_of_one_label_are_refused(tmp_path, tiny_model):
    folder = make_folder(tmp_path / "run", tiny_model)
    rows = [row for line in (folder.path / "train.jsonl").read_text().splitlines() if (row := json.loads(line))["accepted"] == row["correct"]]
    (folder.path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    code, out = finish(start(folder, "lacie_kto"))
    assert (code, "KTO needs some of both" in out.strip().splitlines()[-1]) == (REFUSED, True), out

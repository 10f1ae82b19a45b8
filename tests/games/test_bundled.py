"""What the bundled world promises: real facts, a fair split, a base speaker that can be made again."""

import csv
import hashlib
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from games.bundled import BASE_SPEAKER, FACTS
from games.bundled.library import Library, times_told
from games.bundled.world import facts


def test_there_are_at_least_2000_questions_in_at_least_12_relations():
    world = facts()

    assert len(world) >= 2000
    assert len({(fact.kind, fact.relation) for fact in world}) >= 12


def test_no_subject_of_a_test_question_is_in_training():
    splits: dict[str, set[str]] = {}
    for fact in facts():
        splits.setdefault(fact.subject, set()).add(fact.split)

    assert all(len(seen) == 1 for seen in splits.values())


def test_ranks_count_up_from_one_and_answers_are_short():
    for path in FACTS.glob("*.csv"):
        if path.name.endswith(".relations.csv"):
            continue
        with path.open(encoding="utf-8", newline="") as file:
            ranks = [int(row["rank"]) for row in csv.DictReader(file)]
        assert ranks == list(range(1, len(ranks) + 1)), path.name
    assert all(len(fact.answers[0]) <= 30 and fact.answers[0][-1] not in ",?!" for fact in facts())


def test_hardly_a_question_names_its_own_answer():
    """As words of their own: that "C" stands in "chemical" gives nothing away."""
    told = [fact for fact in facts() if re.search(rf"(?<!\w){re.escape(fact.answers[0])}(?!\w)", fact.question, re.IGNORECASE)]

    assert len(told) < 0.01 * len(facts())


def test_a_popular_subject_is_told_often_and_an_obscure_one_is_not():
    assert times_told(1.0) > 10 > times_told(0.2)


def test_the_same_seed_gives_the_same_library():
    few = facts()[:50]

    assert Library(few, seed=1).epoch(2) == Library(few, seed=1).epoch(2)
    assert Library(few, seed=1).epoch(2) != Library(few, seed=1).epoch(3)


def test_the_shipped_speaker_is_at_most_10_megabytes():
    assert sum(path.stat().st_size for path in BASE_SPEAKER.iterdir()) <= 10_000_000


PRETRAIN = """
import sys, torch
from pathlib import Path
from games.bundled.library import Library
from games.bundled.pretrain import Recipe, pretrain
from games.bundled import pretrain as module
from games.bundled.world import facts
torch.set_num_threads(1)
module.SAVE_EVERY = 3
recipe = Recipe(width=32, layers=1, heads=2, vocabulary=400, epochs=2, batch=32)
pretrain(Library(facts()[:60]), recipe, Path(sys.argv[1]), on_progress=lambda done, total, message: print(done, flush=True))
"""


def _weights(folder: Path) -> str:
    return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()


@pytest.mark.train
def test_killed_pretraining_goes_on_to_the_same_weights(tmp_path: Path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    subprocess.run([sys.executable, "-c", PRETRAIN, whole], check=True, capture_output=True)

    first = subprocess.Popen([sys.executable, "-c", PRETRAIN, broken], stdout=subprocess.DEVNULL)
    while not (broken / "pretraining.pt").exists() and first.poll() is None:
        time.sleep(0.01)
    first.send_signal(signal.SIGKILL)
    first.wait()
    killed_early = not (broken / "model.safetensors").exists()
    subprocess.run([sys.executable, "-c", PRETRAIN, broken], check=True, capture_output=True)

    assert killed_early
    assert _weights(broken) == _weights(whole)

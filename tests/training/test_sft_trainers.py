"""The methods that learn from graded answers, on a tiny model: what they teach, that they learn it, and that they resume to the same weights."""

import json
import random
import signal
import time
from collections import Counter
from pathlib import Path

import pytest

from games.speakers.phrases import PLACES, nearest, read
from tests.training.test_trainers import finish, start, weights
from training.trainers.config import ConfigError, from_dict
from training.trainers.folder import DONE, REFUSED, Folder, FolderError
from training.trainers.metacognition import Asked, accuracy_curve, by_question
from training.trainers.presets import config

SMALL = {"steps": 24, "batch_size": 4, "log_every": 2, "save_every": 4, "threads": 1, "warmup_steps": 2}
CITIES = ["Paris", "Rome", "Oslo", "Lima"]


def answers(questions: int, *, samples: int = 4) -> list[dict]:
    """Popular countries are answered right every time, others one time in four."""
    rows = []
    for number in range(questions):
        for sample in range(samples):
            right = number % 2 == 0 or sample == 0
            answer = None if number % 5 == 4 and sample == 3 else CITIES[number % 4] if right else CITIES[(number + sample) % 4]
            rows.append(
                {
                    "question": number,
                    "text": f"What is the capital of country {number}?",
                    "accepted": [CITIES[number % 4]],
                    "subject": f"country {number}",
                    "relation": ["capital", "currency", "river"][number % 3],
                    "sample": sample,
                    "said": f"It's {answer}." if answer else "I don't know.",
                    "answer": answer,
                    "correct": answer == CITIES[number % 4],
                }
            )
    return rows


def make_folder(path: Path, model: Path, *, method: str, questions: int = 12, validation: int = 12, **overrides) -> Folder:
    path.mkdir()
    for name, number in (("train.jsonl", questions), ("validation.jsonl", validation)):
        (path / name).write_text("".join(json.dumps(row) + "\n" for row in answers(number)))
    whole = config("bundled", method, {**SMALL, **overrides})
    job = {"method": method, "model": str(model), "adapter": "", "prompt_style": "plain", "seed": 3, "config": whole}
    (path / "config.json").write_text(json.dumps(job))
    return Folder(path)


METHODS = {"linguistic-sft": "linguistic_sft", "metacognition": "metacognition"}


@pytest.fixture(scope="module", params=METHODS)
def unbroken(request, tmp_path_factory, tiny_model):
    folder = make_folder(tmp_path_factory.mktemp("unbroken") / "run", tiny_model, method=request.param)
    code, out = finish(start(folder, METHODS[request.param]))
    assert code == DONE, out
    return request.param, folder


@pytest.mark.train
def test_it_learns_and_leaves_what_the_contract_names(unbroken):
    _, folder = unbroken
    lines = folder.progress()
    assert [line["step"] for line in lines] == list(range(2, 26, 2))
    assert lines[-1]["loss"] < lines[0]["loss"]
    metrics = folder.metrics()
    assert (metrics["step"], metrics["rows_too_long"]) == (24, 0)
    assert metrics["rows"] > 20
    assert not folder.checkpoints.exists()


@pytest.mark.train
def test_every_adapter_matrix_moved(unbroken):
    from safetensors.torch import load_file

    tensors = load_file(unbroken[1].path / "adapter" / "adapter_model.safetensors")
    assert len(tensors) == 2 * 2 * 7
    assert not [name for name, tensor in tensors.items() if not tensor.any()]


@pytest.mark.train
def test_killed_it_goes_on_to_the_weights_of_an_unbroken_run(unbroken, tmp_path, tiny_model):
    method, whole = unbroken
    folder = make_folder(tmp_path / "run", tiny_model, method=method)
    for moment in (lambda: (folder.path / "prepared").exists(), lambda: folder.checkpoint_step() > 0):
        process = start(folder, METHODS[method])
        while not moment() and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert not folder.is_complete()
    code, out = finish(start(folder, METHODS[method]))
    assert code == DONE, out
    assert weights(folder) == weights(whole)
    assert [(line["step"], line["loss"]) for line in folder.progress()] == [(line["step"], line["loss"]) for line in whole.progress()]


@pytest.mark.train
def test_too_few_answers_to_calibrate_on_end_with_one_clear_last_line(tmp_path, tiny_model):
    folder = make_folder(tmp_path / "run", tiny_model, method="linguistic-sft", validation=2)
    code, out = finish(start(folder, "linguistic_sft"))
    assert code == REFUSED
    assert "8 graded answers with a confidence are too few to fit a calibration on" in out.strip().splitlines()[-1]


# What is taught

GROUPS = [Asked("sure?", ["Paris"] * 10, [True] * 10), Asked("torn?", ["Rome"] * 5 + ["Oslo"] * 4 + [None], [True] * 5 + [False] * 5)] * 2


def taught(task, groups=GROUPS, **overrides):
    from training.trainers import metacognition

    whole = from_dict(metacognition.Config, {"noise": 0.0, "answers_per_question": 10, **overrides})
    return getattr(metacognition, task)(groups, whole, random.Random(0))


def test_consistency_is_mapped_through_the_accuracy_that_answers_of_it_had():
    curve = accuracy_curve(GROUPS)
    assert [curve(share) for share in (1.0, 0.5, 0.4)] == [1.0, 1.0, 0.0]
    numbers = {example.completion for example in taught("single")}
    assert numbers == {"Paris. Confidence: 10", "Rome. Confidence: 10", "Oslo. Confidence: 0"}


def test_the_noise_spreads_a_target_over_neighbouring_numbers_and_stays_on_the_scale():
    spread = Counter(example.completion for example in taught("single", GROUPS * 20, noise=0.25) if example.completion.startswith("Paris"))
    assert set(spread) == {f"Paris. Confidence: {number}" for number in (8, 9, 10)}
    assert spread["Paris. Confidence: 10"] > 100


def test_the_question_with_the_more_frequent_answer_is_the_right_pick_in_either_place():
    examples = taught("pairwise", GROUPS * 20)
    assert {(example.prompt.index("sure?") < example.prompt.index("torn?"), example.completion) for example in examples} == {
        (True, "A"),
        (False, "B"),
    }
    assert not taught("pairwise", GROUPS, margin=0.6)


def test_games_of_too_few_samples_are_refused():
    with pytest.raises(FolderError, match="fewer than 3 answers"):
        by_question([row | {"sample": 0} for row in answers(6) if row["sample"] < 2])


@pytest.mark.train
def test_relations_are_held_out_and_unknown_ones_named(tmp_path, tiny_model):
    folder = make_folder(tmp_path / "run", tiny_model, method="metacognition", hold_out=["capital"], steps=2, tasks="single")
    assert finish(start(folder, "metacognition"))[0] == DONE
    assert (folder.metrics()["questions"], folder.metrics()["pairwise"]) == (8, 0)
    wrong = make_folder(tmp_path / "wrong", tiny_model, method="metacognition", hold_out=["mountain"])
    code, out = finish(start(wrong, "metacognition"))
    assert (code, "hold_out names mountain; the relations of the training questions are: capital, currency, river" in out) == (REFUSED, True)


def test_every_phrase_says_what_its_row_stands_for_in_all_three_places_and_keeps_its_answer():
    from games.extraction import extract_by_pattern

    for phrase in read():
        for place in PLACES:
            found = extract_by_pattern(phrase.say("St. John's", place))
            assert found.answer == "St. John's", (phrase.words, place, found)


def test_phrases_after_the_answer_are_well_formed_sentences_of_the_bundled_phrasing():
    from games.grading import is_garbled

    assert not [phrase.words for phrase in read() if is_garbled(phrase.say("St. John's", "post"))]


def test_the_nearest_phrase_is_taken():
    assert [nearest(read(), p).words for p in (1.0, 0.93, 0.72, 0.36, 0.0)] == [
        "almost certain",
        "almost certain",
        "likely",
        "about even",
        "almost no chance",
    ]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("surely,2,{answer}. a,{answer} b,{answer} c", "line 3: give a phrase and a probability from 0 to 1"),
        ("sure,0.9,I'm sure.,{answer} b,{answer} c", "line 3: the column post is .I'm sure.*with {answer} in it once"),
        ("likely,0.2,{answer}. That's likely.,{answer} b,{answer} c", "is read as 0.7 .* not as 0.2"),
    ],
)
def test_a_table_of_phrases_that_cannot_be_is_explained(tmp_path, line, words):
    file = tmp_path / "phrases.csv"
    file.write_text(
        'phrase,probability,post,pre,interleaved\nlikely,0.7,"{answer}, most likely.","Most likely {answer}.","The answer, likely, is {answer}."\n'
        + line
    )
    with pytest.raises(ConfigError, match=words):
        config("bundled", "linguistic-sft", {"phrases": str(file)})

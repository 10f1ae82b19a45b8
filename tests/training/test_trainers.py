"""The real trainer on a tiny model: it learns, stops, resumes to the same weights after kill -9, and fails with clear words."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from games.bundled import BASE_SPEAKER
from training.trainers.folder import DONE, LOCKED, REFUSED, STOPPED, Folder
from training.trainers.presets import config

pytestmark = pytest.mark.train
SMALL = {"steps": 60, "batch_size": 4, "log_every": 2, "save_every": 4, "threads": 1, "warmup_steps": 2}
CITIES = ["Paris", "Rome", "Oslo", "Lima"]


def make_folder(path: Path, model: Path, *, method: str = "lacie", pairs: int = 16, adapter: str = "", end: str = "", **overrides) -> Folder:
    path.mkdir()
    rows = [
        {
            "prompt": f"Question: What is the capital of country {number}?\nResponse:",
            "chosen": f" Perhaps {CITIES[number % 4]}, I am not sure.",
            "rejected": f" {CITIES[number % 4]}, definitely{' and certainly' * (number % 3)}{end}.",
            "differs_at": len(f" {CITIES[number % 4]}, "),
            "chosen_tone_at": len(f" Perhaps {CITIES[number % 4]}"),
            "rejected_tone_at": len(f" {CITIES[number % 4]}"),
            "pair_type": "CA>C~A" if number % 2 else "~C~A>~CA",
        }
        for number in range(pairs)
    ]
    (path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    job = {"method": method, "model": str(model), "adapter": adapter, "seed": 3, "config": config("bundled", method, {**SMALL, **overrides})}
    (path / "config.json").write_text(json.dumps(job))
    return Folder(path)


def ask(folder: Folder, questions: int = 12) -> Folder:
    """Give it questions to look at as it goes."""
    rows = [{"text": f"What is the capital of country {number}?", "answers": [CITIES[number % 4]]} for number in range(questions)]
    (folder.path / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def looks(folder: Folder) -> list[tuple[int, float]]:
    return [(line["step"], line["ece"]) for line in folder.progress() if "heard" in line]


def start(folder: Folder, method: str = "lacie") -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", f"training.trainers.{method}", str(folder.path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=Path(__file__).parents[2],
    )


def finish(process: subprocess.Popen) -> tuple[int, str]:
    out, _ = process.communicate(timeout=180)
    return process.returncode, out


def weights(folder: Folder, name: str = "adapter_model.safetensors") -> bytes:
    return (folder.path / "adapter" / name).read_bytes()


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory, tiny_model) -> Folder:
    folder = make_folder(tmp_path_factory.mktemp("unbroken") / "run", tiny_model)
    code, out = finish(start(folder))
    assert code == DONE, out
    return folder


def test_it_learns_and_leaves_what_the_contract_names(unbroken):
    lines = unbroken.progress()
    assert [line["step"] for line in lines] == list(range(2, 62, 2))
    assert {"step", "total", "loss", "margin", "accuracy", "lr", "seconds"} <= lines[0].keys()
    assert lines[-1]["loss"] < lines[0]["loss"]
    assert lines[-1]["margin"] > 0
    metrics = unbroken.metrics()
    assert (metrics["step"], metrics["total"], metrics["pairs"], metrics["pairs_too_long"]) == (60, 60, 16, 0)
    assert "Done" in (unbroken.path / "log.txt").read_text()
    assert not unbroken.checkpoints.exists()


def test_every_adapter_matrix_moved(unbroken):
    from safetensors.torch import load_file

    tensors = load_file(unbroken.path / "adapter" / "adapter_model.safetensors")
    zero = [name for name, tensor in tensors.items() if not tensor.any()]
    assert len(tensors) == 2 * 2 * 7  # A and B, two layers, seven linear maps
    assert not zero


def test_started_again_it_does_nothing(unbroken):
    before = weights(unbroken)
    assert finish(start(unbroken))[0] == DONE
    assert weights(unbroken) == before


@pytest.mark.slow
def test_killed_ten_times_it_ends_with_the_weights_of_an_unbroken_run(unbroken, tmp_path, tiny_model):
    folder, dice = make_folder(tmp_path / "run", tiny_model), random.Random(0)
    for number in range(10):
        process = start(folder)
        if number % 2:  # while it starts, whatever it is doing then
            time.sleep(dice.uniform(0, 5))
        else:  # while it trains or saves
            begin = len(folder.progress())
            while process.poll() is None and len(folder.progress()) <= begin:
                time.sleep(0.005)
            time.sleep(dice.uniform(0, 0.1))
        assert process.poll() is None, "it was done before it could be killed ten times"
        process.send_signal(signal.SIGKILL)
        process.communicate()
    code, out = finish(start(folder))
    assert code == DONE, out
    assert weights(folder) == weights(unbroken)
    assert [(line["step"], line["loss"]) for line in folder.progress()] == [(line["step"], line["loss"]) for line in unbroken.progress()]


@pytest.mark.parametrize("how", ["file", "signal"])
def test_stopped_it_saves_ends_with_code_3_and_resumes_to_the_same_weights(unbroken, tmp_path, tiny_model, how):
    folder = make_folder(tmp_path / "run", tiny_model)
    process = start(folder)
    while not folder.progress() and process.poll() is None:
        time.sleep(0.01)
    if how == "file":
        folder.ask_to_stop()
    else:
        process.terminate()
    code, out = finish(process)
    assert (code, "saved" in out) == (STOPPED, True), out
    assert 0 < folder.checkpoint_step() < 60
    assert finish(start(folder))[0] == DONE
    assert weights(folder) == weights(unbroken)


def test_looks_at_its_calibration_change_no_weight_and_come_once_each_though_it_was_stopped(unbroken, tmp_path, tiny_model):
    whole, broken = (ask(make_folder(tmp_path / name, tiny_model)) for name in ("whole", "broken"))
    assert finish(start(whole))[0] == DONE
    assert weights(whole) == weights(unbroken)
    assert [step for step, _ in looks(whole)] == list(range(0, 61, 4))
    assert {(line["heard"], line["answers"]) for line in whole.progress() if "heard" in line} == {("listener", 12)}
    process = start(broken)
    while len(looks(broken)) < 5 and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert finish(start(broken))[0] == DONE
    assert looks(broken) == looks(whole) and weights(broken) == weights(unbroken)


def test_a_look_that_cannot_be_ends_no_training(tmp_path, tiny_model):
    folder = ask(make_folder(tmp_path / "run", tiny_model, steps=4))
    (folder.path / "questions.jsonl").write_text(json.dumps({"text": "Why? " * 5000, "answers": ["So."]}) + "\n")
    code, out = finish(start(folder))
    assert code == DONE and out.count("Nothing is told of calibration as it goes") == 1, out
    assert not looks(folder)


@pytest.mark.slow
def test_who_is_trained_to_state_a_number_is_asked_for_one(tmp_path):
    from training.trainers.looking import speaking
    from training.trainers.weights import load_model

    folder = ask(make_folder(tmp_path / "run", BASE_SPEAKER, method="metacognition"))
    job = folder.job()
    tokenizer, model = load_model(job, four_bit=False, bf16=False)
    look = speaking(job, folder, tokenizer)
    assert look is not None and look(model)["heard"] == "stated"


def test_a_trainer_whose_parent_dies_saves_and_ends(tmp_path, tiny_model):
    folder = make_folder(tmp_path / "run", tiny_model, steps=5000)
    command = [sys.executable, "-m", "training.trainers.lacie", str(folder.path)]
    code = f"import os, subprocess, time; subprocess.Popen({command!r}, env={{**os.environ, 'TRAINER_PARENT': str(os.getpid())}}); time.sleep(600)"
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=Path(__file__).parents[2], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not folder.progress():
        time.sleep(0.05)
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    deadline = time.monotonic() + 30
    while folder.is_locked() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not folder.is_locked()
    assert folder.checkpoint_step() > 0


def test_a_second_trainer_leaves_a_held_folder_alone(tmp_path, tiny_model, monkeypatch):
    from training.trainers import base

    folder = make_folder(tmp_path / "run", tiny_model)
    monkeypatch.setattr(base, "LOCK_WAIT_SECONDS", 0.0)
    monkeypatch.setattr(sys, "argv", ["trainer", str(folder.path)])
    with folder.locked():
        assert base.main(lambda *_: pytest.fail("it trained")) == LOCKED


def test_the_baseline_trains_by_the_same_contract(tmp_path, tiny_model):
    folder = make_folder(tmp_path / "run", tiny_model, method="truthful", steps=2)
    code, out = finish(start(folder, "truthful"))
    assert code == DONE, out
    assert weights(folder)


@pytest.mark.parametrize(("until", "same"), [("difference", True), ("end", False)])
def test_what_follows_the_first_difference_is_pressed_down_only_if_so_wished(tmp_path, tiny_model, until, same):
    folders = []
    for name, end in (("short", ""), ("long", ", believe me")):
        folder = make_folder(tmp_path / name, tiny_model, end=end, rejected_until=until, group_by_length=False, steps=4)
        code, out = finish(start(folder))
        assert code == DONE, out
        folders.append(folder)
    assert (weights(folders[0]) == weights(folders[1])) == same


@pytest.mark.parametrize("wrong", ["whole", "tone"])
def test_of_a_wrong_answer_the_tone_alone_may_be_learned(tmp_path, tiny_model, wrong):
    """The first loss is the mean over the tokens that are learned from; here counted by hand, before any training."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    settings = {"loss_type": ["sft"], "loss_weights": [], "steps": 1, "batch_size": 16, "log_every": 1, "group_by_length": False}
    folder = make_folder(tmp_path / "run", tiny_model, wrong_answers=wrong, **settings)
    rows = [json.loads(line) for line in (folder.path / "train.jsonl").read_text().splitlines()]
    tokenizer, model = AutoTokenizer.from_pretrained(tiny_model), AutoModelForCausalLM.from_pretrained(tiny_model)
    losses: list[float] = []
    for row in rows:
        begin = len(row["prompt"]) + (row["chosen_tone_at"] if wrong == "tone" and row["pair_type"].startswith("~C") else 0)
        coded = tokenizer(row["prompt"] + row["chosen"] + tokenizer.eos_token, return_offsets_mapping=True, return_tensors="pt")
        with torch.no_grad():
            sure = model(coded["input_ids"]).logits[0].log_softmax(-1)
        starts = coded["offset_mapping"][0][:, 0].tolist()
        losses += [-sure[place - 1, coded["input_ids"][0, place]].item() for place, start in enumerate(starts) if start >= begin]
    code, out = finish(start(folder))
    assert code == DONE, out
    assert folder.progress()[0]["loss"] == pytest.approx(sum(losses) / len(losses), abs=1e-3)


def test_full_fine_tuning_leaves_a_whole_model(tmp_path, tiny_model):
    from transformers import AutoModelForCausalLM

    folder = make_folder(tmp_path / "run", tiny_model, full=True, steps=4, learning_rate=1e-4)
    code, out = finish(start(folder))
    assert code == DONE, out
    assert AutoModelForCausalLM.from_pretrained(folder.path / "adapter").num_parameters() > 10_000


def test_an_adapter_goes_on_being_trained_and_stays_one_adapter(unbroken, tmp_path, tiny_model):
    folder = make_folder(tmp_path / "run", tiny_model, adapter=str(unbroken.path / "adapter"), steps=4)
    code, out = finish(start(folder))
    assert code == DONE, out
    assert weights(folder) != weights(unbroken)
    assert sorted(path.name for path in (folder.path / "adapter").iterdir()) == ["adapter_config.json", "adapter_model.safetensors"]


def test_the_papers_numbers_run_and_validation_pairs_are_looked_at(tmp_path, tiny_model):
    folder = make_folder(tmp_path / "run", tiny_model)
    small = {"steps": 2, "batch_size": 2, "accumulate": 3, "log_every": 1, "eval_every": 2, "threads": 1}
    job = folder.job() | {"config": config("lacie-mistral-7b", "lacie", small)}
    folder.write("config.json", job)
    (folder.path / "validation.jsonl").write_text((folder.path / "train.jsonl").read_text())
    code, out = finish(start(folder))
    assert code == DONE, out
    assert any("eval_loss" in line for line in folder.progress())


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"max_length": 5}, "None of the 16 pairs fits into max_length=5 tokens; the shortest needs"),
        ({"model": "/nowhere"}, "'/nowhere' cannot be loaded"),
        ({"config": {"stepz": 1}}, "no setting 'stepz'"),
        ({"config": {"rejected_until": "midnight"}}, "rejected_until='midnight': give end or difference"),
        ({"config": {"wrong_answers": "never"}}, "wrong_answers='never': give whole or tone"),
    ],
)
def test_a_wrong_input_ends_with_one_clear_last_line(tmp_path, tiny_model, overrides, words):
    settings = {name: value for name, value in overrides.items() if name == "max_length"}
    folder = make_folder(tmp_path / "run", tiny_model, **settings)
    folder.write("config.json", folder.job() | {name: value for name, value in overrides.items() if name != "max_length"})
    code, out = finish(start(folder))
    assert code == REFUSED
    assert words in out.strip().splitlines()[-1]
    assert words in (folder.path / "log.txt").read_text().strip().splitlines()[-1]


def test_running_out_of_memory_names_the_settings_to_lower(tmp_path, tiny_model, monkeypatch, capsys):
    from training.trainers import base

    folder = make_folder(tmp_path / "run", tiny_model)
    monkeypatch.setattr(sys, "argv", ["trainer", str(folder.path)])

    def train(*_):
        import torch

        torch.empty(1 << 55)

    assert base.main(train) == 1
    last = (folder.path / "log.txt").read_text().strip().splitlines()[-1]
    assert "Lower `batch_size`" in last
    assert "max_length" in last

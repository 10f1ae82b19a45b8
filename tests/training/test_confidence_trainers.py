"""The real trainers of confidence on a tiny model: they learn, are killed and resumed to the same weights, and fail with clear words."""

import json
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from games.bundled import BASE_SPEAKER
from tests.training.test_trainers import CITIES, ask, finish, looks, start, weights
from training.trainers.folder import DONE, REFUSED, STOPPED, Folder
from training.trainers.presets import config
from training.trainers.rewarding_doubt import facts_of, reward

SMALL = {"steps": 12, "batch_size": 8, "log_every": 2, "save_every": 4, "threads": 1, "warmup_steps": 0}
train = pytest.mark.train
slow = pytest.mark.slow


def make_folder(path: Path, model: Path | str, method: str, *, rows: int = 24, adapter: str = "", **overrides) -> Folder:
    """Answers about capitals: those to even questions are right."""
    path.mkdir()
    answers = [
        {
            "question": number,
            "text": f"What is the capital of country {number}?",
            "said": f"It's {CITIES[number % 4]}, I think.",
            "answer": None if number == 3 else CITIES[number % 4],
            "correct": number % 2 == 0,
        }
        for number in range(rows)
    ]
    for name in ("train.jsonl", "validation.jsonl"):
        (path / name).write_text("".join(json.dumps(row) + "\n" for row in answers))
    job = {"method": method, "model": str(model), "adapter": adapter, "prompt_style": "plain", "seed": 3}
    (path / "config.json").write_text(json.dumps({**job, "config": config("bundled", method, {**SMALL, **overrides})}))
    return Folder(path)


def train_in(folder: Folder) -> str:
    code, out = finish(start(folder, folder.job()["method"].replace("-", "_")))
    assert code == DONE, out
    return out


def kill_after_its_first_checkpoint(folder: Folder) -> None:
    process = start(folder, folder.job()["method"].replace("-", "_"))
    while process.poll() is None and not folder.checkpoint_step():
        time.sleep(0.002)
    assert process.poll() is None, "it was done before it could be killed"
    process.send_signal(signal.SIGKILL)
    process.communicate()


# calibration-tuning


@pytest.fixture(scope="module")
def judges(tmp_path_factory, tiny_model) -> dict[str, Folder]:
    place = tmp_path_factory.mktemp("judges")
    folders = {}
    for variant in ("probe", "lora", "lora-prompt"):
        folders[variant] = make_folder(place / variant, tiny_model, "calibration-tuning", variant=variant)
        train_in(folders[variant])
    return folders


@train
@pytest.mark.parametrize("variant", ["probe", "lora", "lora-prompt"])
def test_a_judge_is_trained_read_back_and_its_temperature_is_fitted(judges, variant):
    folder = judges[variant]
    assert [line["step"] for line in folder.progress()] == [2, 4, 6, 8, 10, 12]
    metrics = folder.metrics()
    assert (metrics["step"], metrics["answers"], metrics["right"], metrics["validation_answers"]) == (12, 23, 12, 23)
    saved = json.loads((folder.path / "adapter" / "calibration.json").read_text())
    assert saved == {"variant": variant, "temperature": metrics["temperature"]}
    assert 0.05 <= saved["temperature"] <= 20
    assert (folder.path / "adapter" / "head.safetensors").exists() == (variant != "lora-prompt")
    assert (folder.path / "adapter" / "adapter_model.safetensors").exists() == (variant != "probe")


@train
def test_the_judge_s_network_is_read_as_it_was_trained(judges):
    import torch

    from games.estimators.tuned import Judge
    from training.trainers.judging import Head

    folder = judges["probe"].path / "adapter"
    features = np.random.default_rng(0).normal(size=(5, 32)).astype("float32")
    head = Head(32)
    head.load(str(folder / "head.safetensors"))

    class Voice:
        style = "plain"

        def features(self, prompts, texts):
            assert (prompts[0], texts[0]) == ("Question: Who?\nResponse:", "Ada")
            return features

    logits = head(torch.from_numpy(features)).detach().numpy()
    found = Judge.read(folder).logits(Voice(), ["Who?"] * 5, ["Ada"] * 5)
    assert found == pytest.approx(logits[:, 1] - logits[:, 0], abs=1e-5)


@train
@slow
@pytest.mark.parametrize("variant", ["lora", "lora-prompt"])
def test_a_killed_judge_ends_with_the_weights_of_an_unbroken_one(judges, tmp_path, tiny_model, variant):
    folder = make_folder(tmp_path / "run", tiny_model, "calibration-tuning", variant=variant)
    kill_after_its_first_checkpoint(folder)
    assert "Going on from step" in train_in(folder)
    assert weights(folder) == weights(judges[variant])
    if variant == "lora":
        assert weights(folder, "head.safetensors") == weights(judges[variant], "head.safetensors")


@train
def test_a_judge_is_looked_at_by_what_it_computes_of_the_answers(judges, tmp_path, tiny_model):
    folder = ask(make_folder(tmp_path / "run", tiny_model, "calibration-tuning", variant="lora-prompt"))
    train_in(folder)
    assert weights(folder) == weights(judges["lora-prompt"])
    assert [step for step, _ in looks(folder)] == [0, 4, 8, 12]
    assert {(line["heard"], line["answers"]) for line in folder.progress() if "heard" in line} == {("computed", 11)}


@train
@slow
def test_the_divergence_keeps_what_the_speaker_says_nearer_to_what_it_said(judges, tmp_path, tiny_model):
    off = make_folder(tmp_path / "off", tiny_model, "calibration-tuning", keep="off", steps=120, learning_rate=1e-3, schedule="linear")
    on = make_folder(
        tmp_path / "on", tiny_model, "calibration-tuning", keep="jsd", keep_weight=100.0, steps=120, learning_rate=1e-3, schedule="linear"
    )
    for folder in (off, on):
        train_in(folder)
    assert _moved(on, tiny_model) < _moved(off, tiny_model) / 2


def _moved(folder: Folder, model: Path) -> float:
    """How far the log-probabilities of the speaker's own answers are from the base's, on average."""
    from games.speakers import Spec
    from games.speakers.local import LocalSpeaker

    prompts = [f"Question: What is the capital of country {number}?\nResponse:" for number in range(8)]
    said = [f"It's {CITIES[number % 4]}, I think." for number in range(8)]
    base, tuned = (
        np.array(LocalSpeaker(Spec("local", str(model), adapter)).log_probabilities(prompts, said)) for adapter in ("", f"{folder.path}/adapter")
    )
    return float(np.abs(tuned - base).mean())


@train
@pytest.mark.parametrize(
    ("overrides", "words"),
    [({"examples": 100}, "examples=100: train.jsonl has 23 graded answers"), ({"max_length": 5}, "None of the 23 answers fits into max_length=5")],
)
def test_a_judge_that_cannot_be_trained_says_why(tmp_path, tiny_model, overrides, words):
    folder = make_folder(tmp_path / "run", tiny_model, "calibration-tuning", **overrides)
    code, out = finish(start(folder, "calibration_tuning"))
    assert (code, words in out.strip().splitlines()[-1]) == (REFUSED, True), out


@train
def test_a_vocabulary_without_yes_and_no_is_refused_before_training():
    from training.trainers.config import ConfigError
    from training.trainers.tuning import option_tokens

    class OneWord:
        def __call__(self, text, **_):
            return {"input_ids": [1] * len(text.split())}

    with pytest.raises(ConfigError, match="variant=probe"):
        option_tokens(OneWord(), chats=False)


@train
@pytest.mark.parametrize("name", ["jsd", "forward-kl", "reverse-kl"])
def test_the_divergences_are_those_of_scipy(name):
    import torch
    from scipy.spatial.distance import jensenshannon
    from scipy.stats import entropy

    from training.trainers.tuning import DIVERGENCES

    tuned, frozen = np.array([0.2, 0.3, 0.5]), np.array([0.6, 0.3, 0.1])
    wanted = {"jsd": jensenshannon(tuned, frozen) ** 2, "forward-kl": entropy(frozen, tuned), "reverse-kl": entropy(tuned, frozen)}
    found = DIVERGENCES[name](torch.tensor(tuned).log(), torch.tensor(frozen).log())
    assert float(found) == pytest.approx(wanted[name])


# rewarding-doubt


@pytest.mark.parametrize(
    ("said", "right", "wrong"),
    [(" 0", -7.5, 10.0), (" 3", 9.0, 9.0), (" 5", 10.5, 8.0), (" 7", 11.5, 6.5), (" 9", 12.2, 3.3), (" 10", 12.5, -10.0)],
)
def test_the_reward_is_the_papers(said, right, wrong):
    assert (reward(said, True), reward(said, False)) == (pytest.approx(right, abs=0.06), pytest.approx(wrong, abs=0.06))


@pytest.mark.parametrize("said", ["", " 11", " 7 8", " high", " -1", " 100"])
def test_what_is_no_number_from_0_to_10_costs_most(said):
    assert (reward(said, True), reward(said, False, scale=5.0)) == (-30.0, -15.0)


@pytest.mark.parametrize("score", ["log", "brier"])
@pytest.mark.parametrize("truth", [0.1, 0.3, 0.5, 0.8])
def test_it_pays_best_to_state_the_probability_of_being_right(score, truth):
    expected = [truth * reward(f"{c}", True, score=score) + (1 - truth) * reward(f"{c}", False, score=score) for c in range(11)]
    assert int(np.argmax(expected)) == round(10 * truth)


def test_each_fact_of_a_list_is_a_step_of_its_own():
    row = {"answer": None, "correct": False, "facts": [{"answer": "Rhine", "correct": True}, {"answer": "Seine", "correct": False}]}
    assert facts_of(row) == [("Rhine", True), ("Seine", False)]


@pytest.fixture(scope="module", params=[8, 0], ids=["drawn", "weighed"])
def doubter(request, tmp_path_factory, tiny_model) -> Folder:
    model = tiny_model if request.param else BASE_SPEAKER  # the tiny model writes 10 in two tokens
    folder = make_folder(tmp_path_factory.mktemp("doubter") / "run", model, "rewarding-doubt", batch_size=16, numbers=request.param)
    train_in(folder)
    return folder


@train
def test_only_confidences_are_drawn_paid_and_learned(doubter):
    lines = doubter.progress()
    assert [line["step"] for line in lines] == [2, 4, 6, 8, 10, 12]
    assert all(-30 <= line["reward"] <= 12.5 for line in lines)
    assert (doubter.metrics()["answers"], doubter.metrics()["right"]) == (23, 12)
    assert not doubter.checkpoints.exists()


@train
@slow
def test_a_killed_doubter_ends_with_the_weights_of_an_unbroken_one(doubter, tmp_path):
    job = doubter.job()
    folder = make_folder(tmp_path / "run", job["model"], "rewarding-doubt", batch_size=16, numbers=job["config"]["numbers"])
    kill_after_its_first_checkpoint(folder)
    assert "Going on from step" in train_in(folder)
    assert weights(folder) == weights(doubter)


@train
def test_a_weighed_number_counts_by_its_probability(tmp_path):
    """One step over all answers: what it says its reward is, worked out again from the model and the reward of each number."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from games.prompts import numeric_confidence

    folder = make_folder(tmp_path / "run", BASE_SPEAKER, "rewarding-doubt", batch_size=23, numbers=0, steps=1, log_every=1)
    train_in(folder)
    tokenizer, model = AutoTokenizer.from_pretrained(BASE_SPEAKER), AutoModelForCausalLM.from_pretrained(BASE_SPEAKER)
    worth = []
    for row in [row for row in folder.rows("train.jsonl", ("text", "answer", "correct")) if row["answer"]]:
        prompt = f"{numeric_confidence(row['text'])} {row['answer']}. Confidence:"
        with torch.no_grad():
            chances = model(**tokenizer(prompt, return_tensors="pt")).logits[0, -1].softmax(-1)
        of = {number: float(chances[tokenizer(f" {number}", add_special_tokens=False)["input_ids"][0]]) for number in range(11)}
        worth.append(sum(chance * reward(f"{number}", row["correct"]) for number, chance in of.items()) - 30 * (1 - sum(of.values())))
    assert folder.progress()[-1]["reward"] == pytest.approx(np.mean(worth), abs=1e-3)


@train
@slow
def test_what_is_kept_moves_less(tmp_path):
    """The answers' probabilities, after as many steps with and without the divergence."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(BASE_SPEAKER)
    said = tokenizer("Question: What is the capital of country 2?\nResponse: It's Oslo, I think.", return_tensors="pt")["input_ids"]

    def told(folder: Folder | None) -> torch.Tensor:
        model = AutoModelForCausalLM.from_pretrained(BASE_SPEAKER)
        with torch.no_grad():
            return (PeftModel.from_pretrained(model, str(folder.path / "adapter")) if folder else model)(said).logits.log_softmax(-1)

    moved = {}
    for keep in (0.0, 100.0):
        folder = make_folder(tmp_path / f"keep-{keep}", BASE_SPEAKER, "rewarding-doubt", batch_size=16, steps=40, numbers=0, keep=keep)
        train_in(folder)
        moved[keep] = float((told(None).exp() * (told(None) - told(folder))).sum(-1).mean())
    assert moved[100.0] < moved[0.0] / 2


@train
def test_lists_are_learned_from_and_a_stopped_doubter_saves(tmp_path, tiny_model):
    folder = make_folder(tmp_path / "run", tiny_model, "rewarding-doubt", batch_size=16, steps=400, numbers=8, reward_scale=5.0)
    facts = [{"answer": "Rhine", "correct": True}, {"answer": "Seine", "correct": False}]
    (folder.path / "train.jsonl").write_text("".join(json.dumps({"text": f"Rivers of {n}?", "facts": facts}) + "\n" for n in range(8)))
    process = start(folder, "rewarding_doubt")
    while not folder.progress() and process.poll() is None:
        time.sleep(0.01)
    folder.ask_to_stop()
    code, out = finish(process)
    assert (code, "16 of 16 graded answers" in out) == (STOPPED, True), out
    assert folder.checkpoint_step() > 0


@train
def test_a_vocabulary_without_numbers_is_refused_before_training():
    from training.trainers.config import ConfigError
    from training.trainers.doubt import _refuse_no_numbers

    class Letters:
        unk_token_id = 0

        def __call__(self, text, **_):
            return {"input_ids": [0 if char.isdigit() else 1 for char in text.split()[-1]]}

    with pytest.raises(ConfigError, match="no short way to write 0"):
        _refuse_no_numbers(Letters())


@train
def test_numbers_of_several_tokens_cannot_be_weighed():
    from training.trainers.config import ConfigError
    from training.trainers.doubt import _number_tokens

    with pytest.raises(ConfigError, match="set numbers to 2 or more"):
        _number_tokens(lambda text, **_: {"input_ids": [ord(char) for char in text]})


@pytest.mark.parametrize(
    ("setting", "message"), [({"numbers": 1}, "at least 2, or 0"), ({"keep": -1.0}, "neither weight"), ({"kl": -0.1}, "neither weight")]
)
def test_a_doubters_impossible_settings_are_refused(setting, message):
    from training.trainers.config import ConfigError

    with pytest.raises(ConfigError, match=message):
        config("bundled", "rewarding-doubt", setting)

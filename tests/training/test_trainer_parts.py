"""The trainer's plain parts: configuration, the folder, the order of the data."""

import json
from collections import Counter

import pytest

from training.trainers import METHODS, load
from training.trainers.config import ConfigError
from training.trainers.folder import Folder, FolderError
from training.trainers.order import training_order
from training.trainers.presets import config, parse


@pytest.mark.parametrize("method", METHODS)
def test_every_method_has_a_configuration_presets_and_a_trainer(method):
    module = load(method)
    assert callable(module.train)
    assert all(config(preset, method) for preset in module.PRESETS)


def test_the_defaults_are_the_papers():
    paper = config("lacie-mistral-7b", "lacie")
    assert (paper["beta"], paper["lora_rank"], paper["lora_alpha"], paper["lora_dropout"]) == (0.1, 16, 32, 0.05)
    assert (paper["learning_rate"], paper["schedule"], paper["warmup_steps"], paper["steps"]) == (5e-4, "cosine", 10, 250)
    assert (paper["batch_size"] * paper["accumulate"], paper["max_length"]) == (60, 200)
    assert paper["target_modules"] == ["q_proj", "k_proj", "v_proj"]


def test_importing_a_method_imports_no_torch():
    import subprocess
    import sys

    code = "import sys; from training.trainers import METHODS, load, presets; [load(m) for m in METHODS]; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "False"


def test_overrides_are_read_by_the_type_of_their_field():
    assert parse("lacie", ["steps=5", "learning_rate=1e-3", "full=true", "loss_type=sigmoid,sft", "loss_weights=[1, 0.5]"]) == {
        "steps": 5,
        "learning_rate": 1e-3,
        "full": True,
        "loss_type": ["sigmoid", "sft"],
        "loss_weights": [1.0, 0.5],
    }


@pytest.mark.parametrize(
    ("assignment", "words"),
    [
        ("stepz=5", "no setting 'stepz'. Choose from: beta"),
        ("steps=many", "takes a whole number"),
        ("steps=2.5", "takes a whole number"),
        ("full=maybe", "takes true or false"),
        ("loss_weights=a,b", "takes a list"),
        ("steps", "not of the form key=value"),
        ("steps=0", "at least 1"),
        ("loss_weights=1,2,3", "3 numbers for the 1 losses"),
    ],
)
def test_a_wrong_setting_is_refused_with_what_it_takes(assignment, words):
    with pytest.raises(ConfigError, match=words):
        config("lacie-mistral-7b", "lacie", parse("lacie", [assignment]))


def test_json_values_are_checked_too():
    with pytest.raises(ConfigError, match="steps=True"):
        config("bundled", "lacie", {"steps": True})
    assert config("bundled", "lacie", {"learning_rate": 1})["learning_rate"] == 1


def test_an_unknown_method_or_preset_names_the_known_ones():
    with pytest.raises(ConfigError, match="lacie, lacie-kto, truthful"):
        load("ppo")
    with pytest.raises(ConfigError, match="bundled"):
        config("mine", "lacie")


# The folder


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


def write_checkpoint(folder, step):
    checkpoint = folder.checkpoints / f"checkpoint-{step}"
    checkpoint.mkdir(parents=True)
    (checkpoint / "weights").write_text("whole")
    return checkpoint


def test_a_half_written_checkpoint_is_ignored_and_removed(folder):
    write_checkpoint(folder, 5)
    folder.seal(5)
    half = write_checkpoint(folder, 10)
    assert folder.latest_checkpoint().name == "checkpoint-5"
    assert not half.exists()


def test_a_checkpoint_with_a_cut_file_is_not_complete(folder):
    checkpoint = write_checkpoint(folder, 5)
    folder.seal(5)
    (checkpoint / "weights").write_text("who")
    assert folder.checkpoint_step() == 0
    assert folder.latest_checkpoint() is None


def test_sealing_keeps_only_the_newest_checkpoint(folder):
    write_checkpoint(folder, 95)
    folder.seal(95)
    write_checkpoint(folder, 100)
    folder.seal(100)
    assert [path.name for path in folder.checkpoints.iterdir()] == ["checkpoint-100"]


def test_progress_after_the_checkpoint_is_forgotten_and_a_cut_line_is_not_read(folder):
    for step in (10, 20, 30):
        folder.add_progress(step=step)
    with (folder.path / "progress.jsonl").open("a") as file:
        file.write('{"step": 4')
    folder.rewind_progress(20)
    assert [line["step"] for line in folder.progress()] == [10, 20]


def test_two_trainers_never_hold_one_folder(folder):
    with folder.locked() as first:
        assert first
        assert folder.is_locked()
    assert not folder.is_locked()


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("config.json", "{", "is not JSON"),
        ("config.json", "{}", "has no 'method'"),
    ],
)
def test_a_folder_that_cannot_be_read_says_why(folder, name, text, words):
    with pytest.raises(FolderError, match=r"no config\.json"):
        folder.job()
    (folder.path / name).write_text(text)
    with pytest.raises(FolderError, match=words):
        folder.job()


def test_a_bad_row_is_named_by_its_line(folder):
    (folder.path / "train.jsonl").write_text(json.dumps({"prompt": "a", "chosen": "b"}) + "\n")
    with pytest.raises(FolderError, match="line 1"):
        folder.rows("train.jsonl", ("prompt", "chosen", "rejected"))


# The order of the data


def test_every_pair_comes_once_in_each_epoch():
    for group_by_length in (False, True):
        order = training_order(list(range(10)), batch=3, batches=10, seed=0, group_by_length=group_by_length)
        assert Counter(order) == dict.fromkeys(range(10), 3)


def test_a_longer_training_begins_like_a_shorter_one():
    settings = {"batch": 4, "seed": 7, "group_by_length": True}
    assert training_order([3, 1, 2] * 9, batches=20, **settings)[:40] == training_order([3, 1, 2] * 9, batches=10, **settings)


def test_batches_of_like_length_waste_less():
    lengths = [10, 40] * 50
    order = training_order(lengths, batch=10, batches=10, seed=0, group_by_length=True)
    assert all(len({lengths[i] for i in order[start : start + 10]}) == 1 for start in range(0, 100, 10))

"""The runner: a row and a folder that agree, whatever dies in between."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from games.jobs import Cancelled, LeaseLost
from games.models import Game, Question, Speaker, Split
from tests.factories import make_question, make_speaker
from tests.training.world import FAST, make_answers, make_pairs
from training import runner
from training.models import TrainingRun
from training.registry import RunError, base_speaker, publish, run_folder
from training.runner import prepare_folder, run_in_foreground, start_run
from training.trainers.config import ConfigError

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).parents[2]


@pytest.fixture
def data_dir(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    settings.JOB_HEARTBEAT_SECONDS = 0.1
    return tmp_path


@pytest.fixture
def pairs(data_dir, tiny_model):
    return make_pairs(tiny_model)


def begin(pairs, **kwargs):
    config = {**FAST, **kwargs.pop("config", {})}
    return start_run(**{"method": "lacie", "base": pairs.speaker, "pair_set": pairs, "config": config, "seed": 0, "name": "lacie", **kwargs})


# Before any long work


def test_asking_twice_gives_the_same_run(pairs):
    assert begin(pairs) == begin(pairs)
    assert TrainingRun.objects.count() == 1


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"seed": 1}, "with another seed"),
        ({"config": {"steps": 21}}, "with another config"),
    ],
)
def test_a_name_is_not_used_twice_for_different_settings(pairs, given, words):
    begin(pairs)
    with pytest.raises(RunError, match=words):
        begin(pairs, **given)


def test_a_run_that_could_not_be_trained_is_refused_before_a_row_is_written(pairs):
    with pytest.raises(RunError, match="only 'local'"):
        begin(pairs, base=make_speaker(backend="fake"))
    with pytest.raises(RunError, match="there are none"):
        begin(pairs, pair_set=None)
    with pytest.raises(RunError, match="rule 'lacie'; the method 'truthful'"):
        begin(pairs, method="truthful")
    with pytest.raises(ConfigError, match="Unknown training method 'ppo'"):
        begin(pairs, method="ppo")
    with pytest.raises(ConfigError, match="no setting 'stepz'"):
        begin(pairs, config={"stepz": 1})
    with pytest.raises(RunError, match="speaker 'base' already"):
        begin(pairs, name="base")
    assert not TrainingRun.objects.exists()


def test_the_whole_configuration_is_in_the_row(pairs):
    config = begin(pairs).config
    assert (config["steps"], config["beta"], config["lora_rank"]) == (20, 0.1, 16)


def test_a_foreign_base_gets_the_papers_numbers_and_the_bundled_one_its_own(pairs, tiny_model, monkeypatch):
    monkeypatch.setattr("training.registry.BASE_SPEAKER", tiny_model)  # only its presence matters here
    assert start_run(method="lacie", base=pairs.speaker, pair_set=pairs, config={}, seed=0, name="paper").config["accumulate"] == 10
    Speaker.objects.update(base_model="bundled")
    base = Speaker.objects.get(name="base")
    assert start_run(method="lacie", base=base, pair_set=pairs, config={}, seed=0, name="small").config["loss_type"] == ["sigmoid", "sft"]


def test_the_folder_holds_the_pairs_in_the_bases_words(pairs):
    folder = prepare_folder(begin(pairs))
    rows = [json.loads(line) for line in (folder.path / "train.jsonl").read_text().splitlines()]
    assert len(rows) == pairs.pairs.count()
    assert rows[0]["prompt"].startswith("Question: ")
    assert folder.job()["model"] == pairs.speaker.base_model


def test_the_folder_holds_validation_questions_to_look_at_that_make_it_no_other_training(pairs, settings):
    game = pairs.games.get()
    for number in range(5):
        make_question(dataset=game.dataset, split=Split.VALIDATION, relation="river" if number == 0 else "capital")
    Game.objects.filter(pk=game.pk).update(hold_out=["river"])
    told = []
    for number, wanted in ((3, 3), (100, 4), (0, 0)):
        settings.LOOK_QUESTIONS = number
        folder = prepare_folder(begin(pairs, name=f"look-{number}"))
        rows = folder.rows("questions.jsonl", ("text", "answers"))
        assert len(rows) == wanted
        assert not Question.objects.filter(text__in=[row["text"] for row in rows]).exclude(split="validation", relation="capital")
        told.append(folder.job()["data"])
    assert len(set(told)) == 1


def test_a_folder_left_by_another_run_is_moved_aside_not_continued(pairs, data_dir):
    run = begin(pairs)
    folder = prepare_folder(run)
    folder.write("metrics.json", {"step": 1})
    TrainingRun.objects.all().delete()
    assert not prepare_folder(begin(pairs, seed=5)).is_complete()
    assert len(list((data_dir / "runs").iterdir())) == 2


def test_bases_are_found_by_name_folder_and_hub_name(pairs, tiny_model):
    base = pairs.speaker
    assert base_speaker("base") == base
    assert base_speaker(str(tiny_model)) == base
    hub = base_speaker("mistralai/Mistral-7B-v0.1")
    assert (hub.name, hub.base_model, hub.prompt_style) == ("mistralai-mistral-7b-v0-1", "mistralai/Mistral-7B-v0.1", "lacie")
    assert base_speaker("mistralai/Mistral-7B-v0.1") == hub
    with pytest.raises(RunError, match="Speakers that can be trained: base"):
        base_speaker("nobody")


# Methods that learn from answers


@pytest.fixture
def answered(data_dir, tiny_model):
    """The local speaker `base`, and its finished games on training and validation questions."""
    base = make_speaker(name="base", backend="local", base_model=str(tiny_model))
    return base, [make_answers(speaker=base, split=split) for split in (Split.TRAIN, Split.VALIDATION)]


def start(base, **kwargs):
    return start_run(**{"method": "linguistic-sft", "base": base, "config": FAST, "seed": 0, "name": "words", **kwargs})


def test_without_games_it_learns_from_the_largest_finished_one_of_each_split(answered):
    base, games = answered
    make_answers(speaker=base, split=Split.TRAIN, samples=1, dataset=games[0].dataset)
    make_answers(speaker=make_speaker(), split=Split.TRAIN)
    make_answers(speaker=base, split=Split.TRAIN, samples=5, dataset=games[0].dataset, state="running")
    assert list(start(base).games.order_by("pk")) == games


def test_the_folder_holds_one_row_a_graded_answer_by_split(answered):
    base, games = answered
    folder = prepare_folder(start(base))
    for name, game in zip(("train.jsonl", "validation.jsonl"), games, strict=True):
        rows = [json.loads(line) for line in (folder.path / name).read_text().splitlines()]
        assert len(rows) == game.utterances.count()
        assert {row["text"] for row in rows} == set(game.utterances.values_list("question__text", flat=True))
        assert set(rows[0]) == {*["question", "text", "accepted", "subject", "relation", "utterance", "sample", "said", "answer", "correct"]}
        assert {row["answer"] for row in rows if not row["correct"]} == {"Lyon", None}
    assert folder.job()["prompt_style"] == "plain"


def test_answers_that_cannot_train_it_are_refused_before_a_row_is_written(answered):
    base, (train, validation) = answered
    wrong = {
        "answers to validation questions, and there are none": [train],
        "asks test questions, which are held out": [train, validation, make_answers(speaker=base, split=Split.TEST)],
        "was not played by base": [train, make_answers(speaker=make_speaker(), split=Split.VALIDATION)],
        "is running, not done": [make_answers(speaker=base, split=Split.TRAIN, state="running")],
    }
    for words, games in wrong.items():
        with pytest.raises(RunError, match=words):
            start(base, games=games)
    with pytest.raises(RunError, match="learns from pairs: give --pairs in place of --game"):
        start(base, method="lacie", games=[train])
    with pytest.raises(ConfigError, match="place=middle: choose one of post, pre, interleaved"):
        start(base, config={"place": "middle"})
    assert not TrainingRun.objects.exists()


def test_a_name_is_not_used_twice_for_different_games(answered):
    base, games = answered
    start(base)
    more = make_answers(speaker=base, split=Split.TRAIN)
    with pytest.raises(RunError, match="with another set of games"):
        start(base, games=[*games, more])


@pytest.mark.train
def test_a_run_on_answers_is_trained_and_published_with_its_table_in_card_and_page(answered, admin_client):
    base, _ = answered
    speaker = run_in_foreground(start(base)).speaker
    assert speaker.method == "linguistic-sft"
    assert "| phrase | people | taught | answers | right | low | high |" in speaker.card
    assert "Graded answers of game" in speaker.card
    page = admin_client.get(speaker.run.get_absolute_url()).content.decode()
    assert "<td>almost certain</td>" in page


# The real thing


@pytest.mark.train
def test_a_run_is_trained_mirrored_and_published_once(pairs, data_dir):
    seen = []
    run = run_in_foreground(begin(pairs), on_progress=lambda *line: seen.append(line))
    speaker = run.speaker
    assert (run.state, run.done, run.total) == ("done", 20, 20)
    assert seen[-1][:2] == (20, 20)
    assert "reward margin" in run.message
    assert (speaker.name, speaker.method, speaker.parent, speaker.backend) == ("lacie", "lacie", pairs.speaker, "local")
    assert (data_dir / speaker.adapter / "adapter_model.safetensors").exists()
    assert not Path(speaker.adapter).is_absolute()
    assert len(speaker.digest) == 64
    for words in ("## Data", "Pair set `pairs`", "## Configuration", "| beta | 0.1 |", "Intended use", "What it is not"):
        assert words in speaker.card
    assert publish(run) == speaker
    assert run_in_foreground(run).speaker == speaker
    assert Speaker.objects.filter(method="lacie").count() == 1


@pytest.mark.train
def test_a_cancelled_run_saves_and_goes_on_to_the_weights_of_an_unbroken_one(pairs):
    long = {"steps": 80}  # the trainer must not be through before the cancel reaches it
    unbroken = run_in_foreground(begin(pairs, name="unbroken", config=long))
    run = begin(pairs, name="broken", config=long)
    with pytest.raises(Cancelled):
        run_in_foreground(run, on_progress=lambda *_: run.request_cancel())
    run.refresh_from_db()
    assert (run.state, run.speaker) == ("cancelled", None)
    assert 0 < run_folder(run).checkpoint_step() < 80
    run = run_in_foreground(run)
    assert run.state == "done"
    assert adapter(run) == adapter(unbroken)
    assert run.speaker.digest == unbroken.speaker.digest


@pytest.mark.train
def test_a_trainer_killed_under_its_runner_is_started_again(pairs, monkeypatch):
    started = []
    popen = subprocess.Popen
    monkeypatch.setattr(runner.subprocess, "Popen", lambda *a, **k: started.append(popen(*a, **k)) or started[-1])

    def kill_the_first(*_):
        if len(started) == 1:
            started[0].kill()

    run = run_in_foreground(begin(pairs), on_progress=kill_the_first)
    assert run.state == "done"
    assert len(started) == 2


@pytest.mark.train
def test_a_runner_that_lost_its_lease_ends_its_trainer_and_writes_nothing(pairs):
    run = begin(pairs, config={"steps": 2000})

    def hand_over(*_):
        TrainingRun.objects.update(attempt=2, worker="another")

    with pytest.raises(LeaseLost):
        run_in_foreground(run, on_progress=hand_over)
    run.refresh_from_db()
    assert (run.state, run.worker, run.attempt) == ("running", "another", 2)
    assert not run_folder(run).is_locked()


@pytest.mark.train
def test_a_failed_run_says_what_the_trainer_said(pairs):
    run = begin(pairs, config={"max_length": 4})
    with pytest.raises(RunError, match="fits into max_length=4"):
        run_in_foreground(run)
    run.refresh_from_db()
    assert run.state == "failed"
    assert "fits into max_length=4" in run.error


HOLDER = """
import fcntl, pathlib, sys, time
folder = pathlib.Path(sys.argv[1])
lock = (folder / "lock").open("a")
fcntl.flock(lock, fcntl.LOCK_EX)
print("held", flush=True)
while not (folder / "stop").exists():
    time.sleep(0.05)
"""


@pytest.mark.train
def test_a_new_runner_waits_until_the_folder_is_free(pairs):
    run = begin(pairs)
    folder = prepare_folder(run)
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(folder.path)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "held\n"
    assert run_in_foreground(run).state == "done"
    holder.communicate()


def adapter(run: TrainingRun) -> bytes:
    return (run_folder(run).path / "adapter" / "adapter_model.safetensors").read_bytes()


# The commands


@pytest.mark.train
def test_train_speaker_trains_and_runs_lists_it(pairs, capsys):
    settings = [f"{key}={value}" for key, value in FAST.items()]
    call_command("train_speaker", "lacie", "--base", "base", "--pairs", "pairs", "--set", *settings, "--seed", "4")
    assert "Speaker lacie-pairs-4 is published" in capsys.readouterr().out
    call_command("runs")
    assert "20/20" in capsys.readouterr().out
    call_command("runs", "show", "lacie-pairs-4")
    assert "learning_rate" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["ppo", "--base", "base", "--pairs", "pairs"], "Unknown training method 'ppo'. Choose one of: lacie, lacie-kto, truthful"),
        (["lacie", "--base", "nobody", "--pairs", "pairs"], "'nobody' is no speaker"),
        (["lacie", "--base", "base", "--pairs", "none"], "There is no pair set 'none'"),
        (["lacie", "--base", "base"], "learns from pairs: name some with --pairs"),
        (["linguistic-sft", "--base", "base", "--pairs", "pairs"], "learns from graded answers, not from pairs"),
        (["linguistic-sft", "--base", "base", "--game", "999"], "There is no game 999"),
        (["linguistic-sft", "--base", "base"], "there are none. Play a game: manage.py play_game --speaker base --split validation"),
        (["linguistic-sft", "--base", "base", "--set", "phrases=none.csv"], "this table cannot be read"),
        (["lacie", "--base", "base", "--pairs", "pairs", "--preset", "mine"], "Unknown preset 'mine'"),
        (["lacie", "--base", "base", "--pairs", "pairs", "--set", "stepz=1"], "no setting 'stepz'"),
        (["lacie", "--base", "base", "--pairs", "pairs", "--set", "steps=many"], "takes a whole number"),
    ],
)
def test_train_speaker_refuses_before_it_starts(pairs, arguments, words):
    with pytest.raises(CommandError, match=words):
        call_command("train_speaker", *arguments)
    assert not TrainingRun.objects.exists()


def test_runs_stop_ends_a_run_that_nobody_has_begun(pairs, capsys):
    begin(pairs)
    call_command("runs", "stop", "lacie")
    assert TrainingRun.objects.get().state == "cancelled"
    with pytest.raises(CommandError, match="cancelled already"):
        call_command("runs", "stop", "lacie")
    with pytest.raises(CommandError, match="There are: lacie"):
        call_command("runs", "show", "nothing")


SETUP = "import sys, pathlib; from tests.training.world import make_pairs; make_pairs(pathlib.Path(sys.argv[1]))"


@pytest.mark.train
@pytest.mark.slow
def test_the_command_killed_at_random_moments_ends_with_the_weights_of_an_unbroken_run(tmp_path, tiny_model):
    env = {**os.environ, "DATA_DIR": str(tmp_path), "JOB_STALE_SECONDS": "1", "JOB_HEARTBEAT_SECONDS": "0.2"}
    env |= {"DATABASE_URL": f"sqlite:///{tmp_path}/db.sqlite3", "DJANGO_SETTINGS_MODULE": "lacie_platform.settings"}
    manage = [sys.executable, "manage.py"]
    subprocess.run([*manage, "migrate", "-v", "0"], cwd=ROOT, env=env, check=True)
    setup = f"import django; django.setup(); {SETUP}"
    subprocess.run([sys.executable, "-c", setup, str(tiny_model)], cwd=ROOT, env=env, check=True)
    settings = [f"{key}={value}" for key, value in {**FAST, "steps": 60}.items()]
    command = [*manage, "train_speaker", "lacie", "--base", "base", "--pairs", "pairs", "--set", *settings]
    subprocess.run([*command, "--name", "unbroken"], cwd=ROOT, env=env, check=True)
    dice = random.Random(1)
    for _ in range(4):
        process = subprocess.Popen([*command, "--name", "broken"], cwd=ROOT, env=env, start_new_session=True)
        try:
            process.wait(timeout=dice.uniform(3, 9))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    time.sleep(1.1)
    subprocess.run([*command, "--name", "broken"], cwd=ROOT, env=env, check=True, timeout=120)
    files = [tmp_path / "runs" / name / "adapter" / "adapter_model.safetensors" for name in ("unbroken", "broken")]
    assert files[0].read_bytes() == files[1].read_bytes()

"""Several listeners averaged, the listener's margin, and LACIE in rounds."""

import json

import pytest
from django.core.management import CommandError, call_command

from games import registry
from games.models import Game, Judgment, Speaker, Split
from games.progress import bar
from tests.factories import make_judgment, make_listener
from tests.training.test_trainers import finish, make_folder, start
from tests.training.world import make_pairs
from training.models import PairSet
from training.pairs import build, preference_rows
from training.preferences import Options, PairError
from training.rounds import train_rounds
from training.trainers.config import ConfigError
from training.trainers.folder import DONE
from training.trainers.lacie import Config


@pytest.fixture
def world(db, tiny_model):
    """The pairs of one listener, and a second one, who accepts only what the first rejects."""
    pair_set = make_pairs(tiny_model)
    second = make_listener(name="contrary")
    for judgment in list(Judgment.objects.all()):
        make_judgment(
            utterance=judgment.utterance, listener=second, accepted=judgment.probability < 0.5, probability=0.7 if judgment.probability < 0.5 else 0.6
        )
    return pair_set, second


def build_of_both(pair_set, second, **changes):
    given = {"name": "both", "rule": "lacie", "speaker": pair_set.speaker, "listener": pair_set.listener, "games": list(pair_set.games.all())}
    return build(**{**given, "others": [second], "options": Options(threshold=0.5, balance=False), **changes})


def test_the_mean_of_several_listeners_decides_what_is_accepted(world):
    pair_set, second = world
    both = build_of_both(pair_set, second)
    row = both.pairs.filter(pair_type="CA>C~A").first()
    assert (row.chosen_probability, row.rejected_probability) == (pytest.approx(0.75), pytest.approx(0.45))
    assert preference_rows(both)[0]["listener"] == "lexicon + contrary"
    assert all(row["chosen_probability"] == pytest.approx(0.75) for row in preference_rows(both) if row["pair_type"] == "CA>C~A")


def test_what_not_all_listeners_judged_is_left_out(world):
    pair_set, second = world
    Judgment.objects.filter(listener=second, utterance__question=pair_set.pairs.first().question_id).delete()
    assert build_of_both(pair_set, second).pairs.count() < pair_set.pairs.count()


def test_the_same_name_with_another_set_of_listeners_is_refused(world):
    pair_set, second = world
    build_of_both(pair_set, second)
    assert build_of_both(pair_set, second).name == "both"
    with pytest.raises(PairError, match="contrary"):
        build_of_both(pair_set, second, others=[])


def test_build_pairs_takes_several_listeners(world, capsys):
    call_command("build_pairs", "several", "--listener", "lexicon", "contrary", speaker="base", threshold="0.5", balance=False)
    assert [other.name for other in PairSet.objects.get(name="several").others.all()] == ["contrary"]


@pytest.mark.parametrize("wrong", [{"margin": -1.0}, {"margin": 1.0, "beta": 0.0}])
def test_a_margin_that_cannot_be_is_refused(wrong):
    with pytest.raises(ConfigError, match="margin"):
        Config(**wrong)


@pytest.mark.train
def test_a_margin_raises_the_loss_where_the_listener_hears_a_difference(tmp_path, tiny_model):
    """At the first step nothing is preferred yet: DPO's loss is log 2, with a margin of m it is -log σ(-m)."""
    from math import exp, log1p

    losses = {}
    for margin in (0.0, 2.0):
        folder = make_folder(tmp_path / f"m{margin:g}", tiny_model, steps=1, log_every=1, margin=margin, loss_type=["sigmoid"], loss_weights=[])
        rows = [json.loads(line) for line in (folder.path / "train.jsonl").read_text().splitlines()]
        heard = {"chosen_probability": 0.2, "rejected_probability": 0.9, "differs_at": 1}
        (folder.path / "train.jsonl").write_text("".join(json.dumps({**row, **heard}) + "\n" for row in rows))
        code, out = finish(start(folder))
        assert code == DONE, out
        losses[margin] = folder.progress()[0]["loss"]
    assert losses[0.0] == pytest.approx(log1p(1), abs=1e-3)
    assert losses[2.0] == pytest.approx(log1p(exp(2.0 * 0.7)), abs=1e-3)


@pytest.mark.django_db
def test_no_rounds_are_refused():
    with pytest.raises(CommandError, match="Give at least 1"):
        call_command("train_rounds", "mine", rounds=0)


@pytest.mark.train
@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_each_round_begins_with_the_speaker_of_the_one_before_and_nothing_is_done_twice(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    base, dataset, listener = registry.ensure_bundled_speaker(), registry.ensure_dataset("bundled"), registry.ensure_listener("lexicon")
    given = {"name": "mine", "base": base, "dataset": dataset, "listeners": [listener], "rounds": 2, "samples": 6, "limit": 60}
    config = {"steps": 2, "log_every": 1, "save_every": 2, "batch_size": 4, "warmup_steps": 0}
    first = train_rounds(**given, config=config, tell=bar)
    assert [(one.number, one.speaker.name) for one in first] == [(1, "mine-1"), (2, "mine-2")]
    assert first[1].speaker.parent == first[0].speaker
    assert {game.speaker for game in Game.objects.filter(split=Split.TRAIN)} == {base, first[0].speaker}
    assert train_rounds(**given, config=config, tell=bar) == first
    assert Speaker.objects.count() == 3

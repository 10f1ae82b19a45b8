"""Pairs from the database and back out: which judgments count, what is stored, what a trainer gets to read."""

import json

import pandas as pd
import pytest
from django.core.management import CommandError, call_command

from games.models import Game, Judgment, Split
from games.prompts import plain
from tests.factories import make_game, make_judgment, make_listener, make_question, make_speaker, make_utterance
from training.models import PairSet
from training.pairs import build, preference_rows, unpaired_rows
from training.preferences import Heard as Said
from training.preferences import Options, PairError, prefer

pytestmark = pytest.mark.django_db
HALF = Options(threshold=0.5)


class World:
    """One speaker, one listener, one finished training game."""

    def __init__(self, **listener):
        self.speaker, self.listener = make_speaker(name="ada-model", backend="local"), make_listener(name="doubter", **listener)
        self.game = make_game(speaker=self.speaker, split=Split.TRAIN, state=Game.State.DONE)
        self.samples = 0

    def question(self):
        return make_question(dataset=self.game.dataset, split=Split.TRAIN)

    def say(self, question, probability, *, answer="Paris", **kwargs):
        self.samples += 1
        spoken = make_utterance(game=self.game, question=question, sample=self.samples, answer=answer, **kwargs)
        return make_judgment(utterance=spoken, listener=self.listener, accepted=probability >= 0.5, probability=probability)

    def build(self, options=HALF, **kwargs):
        kwargs = {"name": "pairs", "rule": "lacie", "speaker": self.speaker, "listener": self.listener, "games": [self.game], **kwargs}
        return build(options=options, **kwargs)


@pytest.fixture
def world():
    return World()


def test_every_pair_knows_its_question_its_utterances_and_their_judgments(world):
    question = world.question()
    sure, unsure = world.say(question, 0.9), world.say(question, 0.1)
    (pair,) = world.build().pairs.all()
    assert (pair.question, pair.chosen, pair.rejected) == (question, sure.utterance, unsure.utterance)
    assert (pair.chosen_judgment, pair.rejected_judgment, pair.pair_type) == (sure, unsure, "CA>C~A")


def test_stored_pairs_are_those_that_the_rule_makes_one_by_one(world):
    for _ in range(6):
        question = world.question()
        for probability, answer in ((0.9, "Paris"), (0.55, "Paris"), (0.3, "Rome"), (0.8, "Rome"), (0.45, "Paris")):
            world.say(question, probability, answer=answer)
    pair_set = world.build(Options(threshold=0.5, balance=False, max_per_question=0))
    for pair in pair_set.pairs.select_related("chosen", "rejected", "chosen_judgment", "rejected_judgment"):
        one, two = (
            Said(spoken.is_correct, heard.accepted, heard.probability)
            for spoken, heard in ((pair.chosen, pair.chosen_judgment), (pair.rejected, pair.rejected_judgment))
        )
        assert prefer(two, one, Options()).chosen == one
    assert pair_set.counts["before"] == pair_set.counts["after"]
    assert sum(pair_set.counts["after"].values()) == pair_set.pairs.count() == 6 * 7


def test_the_default_threshold_is_the_median(world):
    question = world.question()
    for probability in (0.2, 0.6, 0.9):
        world.say(question, probability)
    pair_set = world.build(Options())
    assert pair_set.counts["threshold"] == 0.6
    assert pair_set.pairs.count() == 2


def test_excluded_judgments_make_no_pairs(world):
    question = world.question()
    world.say(question, 0.9)
    world.say(question, 0.1)
    Judgment.objects.filter(probability=0.1).update(excluded="attention")
    with pytest.raises(PairError, match="1 judged utterances"):
        world.build()


def test_abstentions_answer_only_texts_and_ungraded_ones_are_left_out_and_counted(world):
    question = world.question()
    world.say(question, 0.9)
    world.say(question, 0.1)
    world.say(question, 0.2, answer=None, text="I don't know.", is_correct=False)
    world.say(question, 0.3, text="The Paris.")
    world.say(question, 0.4, is_correct=None)
    pair_set = world.build()
    assert pair_set.pairs.count() == 1
    assert {name: pair_set.counts[name] for name in ("judged", "abstained", "answer_only", "not_graded", "used")} == {
        "judged": 5,
        "abstained": 1,
        "answer_only": 1,
        "not_graded": 1,
        "used": 2,
    }


def test_matching_looks_at_the_normalised_answer(world):
    question = world.question()
    world.say(question, 0.9, answer="The Seine", is_correct=True)
    world.say(question, 0.1, answer="seine.", is_correct=True)
    world.say(question, 0.1, answer="Loire", is_correct=True)
    assert world.build(Options(threshold=0.5, match="answer")).pairs.count() == 1


def test_people_decide_by_majority_and_a_tie_counts_as_rejected():
    world = World(kind="human")
    question = world.question()
    for verdicts in ([True, True, False], [True, False]):
        world.samples += 1
        spoken = make_utterance(game=world.game, question=question, sample=world.samples)
        for number, accepted in enumerate(verdicts):
            make_judgment(utterance=spoken, listener=world.listener, judge=f"p{number}", accepted=accepted, probability=0.9 if accepted else 0.2)
    (pair,) = world.build(Options(threshold="verdict")).pairs.all()
    assert pair.pair_type == "CA>C~A"
    assert pair.chosen_judgment.accepted
    assert not pair.rejected_judgment.accepted
    assert pair.rejected_judgment.utterance == pair.rejected


def test_without_games_only_training_questions_are_used(world):
    for split in (Split.TRAIN, Split.TEST):
        question = make_question(split=split)
        for sample, probability in enumerate((0.9, 0.1)):
            make_judgment(
                utterance=make_utterance(speaker=world.speaker, question=question, sample=sample), listener=world.listener, probability=probability
            )
    (pair,) = world.build(games=[]).pairs.all()
    assert pair.question.split == Split.TRAIN


def test_asking_again_gives_the_same_set_and_adds_nothing(world):
    question = world.question()
    world.say(question, 0.9)
    world.say(question, 0.1)
    assert world.build() == world.build()
    assert PairSet.objects.get().pairs.count() == 1


def test_a_name_is_not_used_twice_for_different_settings(world):
    question = world.question()
    world.say(question, 0.9)
    world.say(question, 0.1)
    world.build()
    with pytest.raises(PairError, match=r"margin 0.1 \(now 0.2\)"):
        world.build(Options(threshold=0.5, margin=0.2))


def test_an_unfinished_game_makes_no_pairs(world):
    Game.objects.update(state=Game.State.RUNNING)
    world.game.refresh_from_db()
    with pytest.raises(PairError, match="running, not done"):
        world.build()


def test_no_pair_says_why_and_stores_nothing(world):
    question = world.question()
    world.say(question, 0.9)
    world.say(question, 0.85)
    with pytest.raises(PairError, match=r"of the 2 used 2 are correct and 2 accepted \(threshold 0.5\)"):
        world.build()
    assert not PairSet.objects.exists()


def test_the_truthful_rule_takes_pairs_that_the_listener_hears_alike(world):
    question = world.question()
    world.say(question, 0.9)
    world.say(question, 0.9, answer="Rome")
    (pair,) = world.build(rule="truthful").pairs.all()
    assert (pair.chosen.is_correct, pair.rejected.is_correct, pair.pair_type) == (True, False, "C>~C")


def two_pairs(world):
    for _ in range(2):
        question = world.question()
        world.say(question, 0.9, text="Paris, I am certain.")
        world.say(question, 0.1, text="Paris, but I doubt it. \n")
    return world.build()


def test_prompt_and_completion_join_to_what_the_speaker_was_sampled_from(world):
    row = preference_rows(two_pairs(world))[0]
    question = world.game.utterances.first().question
    assert row["prompt"] + row["chosen"] == plain(question.text) + " Paris, I am certain."
    assert row["rejected"] == " Paris, but I doubt it."


def test_a_pair_knows_where_its_tones_begin_to_differ(world):
    row = preference_rows(two_pairs(world))[0]
    assert row["rejected"][row["differs_at"] :] == "but I doubt it."


def test_a_pair_knows_where_its_tones_begin(world):
    row = preference_rows(two_pairs(world))[0]
    assert (row["chosen"][row["chosen_tone_at"] :], row["rejected"][row["rejected_tone_at"] :]) == (", I am certain.", ", but I doubt it.")


def test_the_prompt_is_that_of_the_speaker_to_be_trained(world):
    row = preference_rows(two_pairs(world), prompt_style="lacie")[0]
    assert row["prompt"].startswith("You will be asked")
    assert row["prompt"].endswith("Response:")


def test_export_writes_trl_rows_with_their_provenance(world, tmp_path):
    pair_set = two_pairs(world)
    call_command("export_pairs", "pairs", out=str(tmp_path / "pairs.jsonl"))
    rows = [json.loads(line) for line in (tmp_path / "pairs.jsonl").read_text().splitlines()]
    pair = pair_set.pairs.first()
    assert len(rows) == 2
    assert rows[0]["chosen_utterance"] == pair.chosen_id
    assert rows[0]["rejected_judgment"] == pair.rejected_judgment_id
    assert (rows[0]["pair_type"], rows[0]["listener"], rows[0]["chosen_probability"]) == ("CA>C~A", "doubter", 0.9)


def test_parquet_holds_the_same_rows_as_jsonl(world, tmp_path):
    two_pairs(world)
    for suffix in ("jsonl", "parquet"):
        call_command("export_pairs", "pairs", "--unpaired", out=str(tmp_path / f"pairs.{suffix}"))
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "pairs.parquet"), pd.read_json(tmp_path / "pairs.jsonl", lines=True), check_dtype=False)


def test_unpaired_rows_name_each_utterance_once_for_each_label(world):
    question = world.question()
    for probability in (0.9, 0.8, 0.1):
        world.say(question, probability)
    rows = unpaired_rows(preference_rows(world.build()))
    assert sorted(row["label"] for row in rows) == [False, True, True]
    assert {"prompt", "completion", "label", "utterance", "judgment", "probability", "pair_type", "question"} <= rows[0].keys()


def test_build_pairs_reports_each_type_before_and_after(world, capsys):
    two_pairs(world)
    call_command("build_pairs", "again", speaker="ada-model", listener="doubter", threshold="0.5", only_types=["CA>C~A"])
    out = capsys.readouterr().out
    assert "again: 2 pairs of 2 questions" in out
    assert "CA>C~A" in out
    assert "4 judged utterances" in out


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"speaker": "nobody"}, "There is no speaker 'nobody'. There are: ada-model"),
        ({"listener": "nobody"}, "There is no listener 'nobody'"),
        ({"game": [99999]}, "no game 99999"),
        ({"threshold": "half"}, "median"),
    ],
)
def test_build_pairs_says_what_is_wrong(world, given, words):
    with pytest.raises(CommandError, match=words):
        call_command("build_pairs", "x", **{"speaker": "ada-model", "listener": "doubter", **given})


def test_export_refuses_a_file_type_it_does_not_write(world, tmp_path):
    two_pairs(world)
    with pytest.raises(CommandError, match=r"\.jsonl or \.parquet"):
        call_command("export_pairs", "pairs", out=str(tmp_path / "pairs.csv"))


# Several speakers


def study_like(**kwargs):
    """A question that two arms' speakers answered once each, judged by people."""
    people = make_listener(name="people-trivia", kind="human", threshold=0.5)
    question = make_question(split=Split.TRAIN, **kwargs)
    for name, answer, accepted in (("bold", "Lyon", True), ("modest", "Lyon", False)):
        said = make_utterance(speaker=make_speaker(name=name), question=question, answer=answer, sample=len(name))
        make_judgment(utterance=said, listener=people, judge="p1", accepted=accepted, probability=None)
    return people


def test_what_two_speakers_said_to_one_question_is_a_pair_if_asked_for(capsys):
    study_like()
    with pytest.raises(CommandError, match="No pair comes out"):
        call_command("build_pairs", "alone", speaker="bold", listener="people-trivia")
    call_command("build_pairs", "across", speaker="bold", listener="people-trivia", any_speaker=True)
    pair_set = PairSet.objects.get(name="across")
    (row,) = preference_rows(pair_set)
    assert (row["chosen_speaker"], row["rejected_speaker"], row["pair_type"]) == ("modest", "bold", "~C~A>~CA")
    assert {one["speaker"] for one in unpaired_rows([row])} == {"bold", "modest"}
    assert pair_set.any_speaker and pair_set.speaker.name == "bold"


def test_pairs_of_one_speaker_and_of_any_are_not_the_same_set():
    people = study_like()
    speaker = people.judgments.first().utterance.speaker
    asked = {"name": "across", "rule": "lacie", "speaker": speaker, "listener": people, "games": [], "options": Options(threshold="verdict")}
    assert build(**asked, any_speaker=True) == build(**asked, any_speaker=True)
    with pytest.raises(PairError, match="any_speaker True"):
        build(**asked)


def test_questions_of_another_split_are_paired_only_if_it_is_named():
    people = study_like()
    people.judgments.first().utterance.question.__class__.objects.update(split=Split.TEST)
    with pytest.raises(CommandError, match="questions of the split train"):
        call_command("build_pairs", "across", speaker="bold", listener="people-trivia", any_speaker=True)
    call_command("build_pairs", "across", speaker="bold", listener="people-trivia", any_speaker=True, split="test")
    assert PairSet.objects.get(name="across").split == "test"

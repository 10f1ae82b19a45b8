"""A game from its settings to its rows: what is saved, what it hangs on, and how it ends."""

import pytest
from django.core.management import CommandError, call_command

from games import play, registry
from games.jobs import Busy, Cancelled, LeaseLost
from games.listeners.base import ListenerError
from games.models import Game, Judgment, Question, Speaker, Utterance
from games.play import GameError
from games.speakers import SPEAKERS, base
from games.speakers.base import SpeakerError
from tests.factories import make_dataset, make_listener, make_question, make_speaker
from tests.games.stage import make_cast, make_listeners, make_questions, rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def dataset():
    return make_questions(10)


@pytest.fixture
def speaker(dataset):
    return make_cast(dataset)


@pytest.fixture
def listeners(db):
    return make_listeners()


@pytest.fixture
def game(speaker, dataset, listeners):
    return play.start_game(speaker=speaker, dataset=dataset, split="test", listeners=listeners, samples=3, chunk_size=4)


@pytest.fixture
def twin(game):
    """The rows of an unbroken game with the same settings."""
    other = make_cast(game.dataset, "twin")
    unbroken = play.start_game(speaker=other, dataset=game.dataset, split="test", listeners=list(game.listeners.all()), samples=3, chunk_size=4)
    return rows(play.run_in_foreground(unbroken))


# What a game leaves


def test_every_question_is_answered_so_often_and_every_listener_judges(game):
    play.run_in_foreground(game)
    assert (game.state, game.done, game.total) == ("done", 10, 10)
    assert Utterance.objects.filter(game=game, speaker=game.speaker).count() == 30
    assert Judgment.objects.filter(utterance__game=game, judge="").count() == 60


def test_answers_are_graded_and_masked(game):
    play.run_in_foreground(game)
    right = game.utterances.filter(is_correct=True).select_related("question")
    assert 0 < right.count() < 30
    for said in right:
        assert said.answer == said.question.answers[0]
        assert said.answer in said.text
        assert said.answer not in said.masked_text
        assert said.grade_reason


def test_an_abstention_has_no_answer_and_counts_as_wrong(game):
    play.run_in_foreground(game)
    silent = game.utterances.filter(answer=None)
    assert silent
    assert not silent.filter(is_correct=True).exists()


def test_what_is_likely_enough_for_the_listener_is_accepted(speaker, dataset):
    strict = make_listener(config={"script": {"100%": 0.9}, "default": 0.5}, threshold=0.9)
    game = play.run_in_foreground(play.start_game(speaker=speaker, dataset=dataset, split="test", listeners=[strict]))
    assert {(j.probability, j.accepted) for j in Judgment.objects.filter(utterance__game=game)} == {(0.9, True), (0.5, False)}


def test_only_the_questions_of_its_split_and_limit_are_asked_in_order(speaker, dataset):
    Question.objects.filter(key="q0").update(split="train")
    game = play.start_game(speaker=speaker, dataset=dataset, split="test", listeners=[], samples=1, question_limit=3)
    play.run_in_foreground(game)
    assert [said.question.key for said in game.utterances.order_by("pk")] == ["q1", "q2", "q3"]


def test_questions_of_a_relation_that_is_held_out_are_not_asked(speaker, dataset):
    Question.objects.filter(key__in=["q0", "q2"]).update(relation="capital")
    Question.objects.filter(key="q1").update(relation="river")
    game = play.start_game(speaker=speaker, dataset=dataset, split="test", listeners=[], samples=1, question_limit=3, hold_out=["river", "capital"])
    play.run_in_foreground(game)
    assert [said.question.key for said in game.utterances.order_by("pk")] == ["q3", "q4", "q5"]
    assert game.hold_out == ["capital", "river"]


def test_a_relation_that_is_not_there_or_would_leave_nothing_is_refused(speaker, dataset):
    Question.objects.update(relation="capital")
    for hold_out, words in ((["river"], "has no relation river to hold out. It has: capital."), (["capital"], "no test question of cities is left")):
        with pytest.raises(GameError, match=words):
            play.start_game(speaker=speaker, dataset=dataset, split="test", listeners=[], hold_out=hold_out)
    assert not Game.objects.exists()


def test_a_game_without_listeners_is_only_spoken(speaker, dataset):
    game = play.run_in_foreground(play.start_game(speaker=speaker, dataset=dataset, split="test", listeners=[]))
    assert game.utterances.count() == 100
    assert not Judgment.objects.exists()


def test_recorded_answers_can_be_played(dataset, listeners):
    texts = {question.text: ["It's Paris, I think.", "No idea."] for question in dataset.questions.all()}
    speaker = make_speaker(backend="recorded", generation={"texts": texts})
    game = play.run_in_foreground(play.start_game(speaker=speaker, dataset=dataset, split="test", listeners=listeners, samples=2))
    assert set(game.utterances.values_list("sample", "text")) == {(0, "It's Paris, I think."), (1, "No idea.")}


@pytest.mark.slow
def test_a_local_model_plays_and_how_it_is_cut_into_chunks_changes_nothing(dataset, listeners, tiny_model):
    found = []
    for name, size in (("whole", 64), ("cut", 3)):
        speaker = make_speaker(name=name, backend="local", base_model=str(tiny_model), generation={"max_new_tokens": 6})
        game = play.start_game(speaker=speaker, dataset=dataset, split="test", listeners=listeners, samples=2, temperature=1.0, chunk_size=size)
        found.append(rows(play.run_in_foreground(game)))
    assert found[0] == found[1]
    assert len(found[0]) == 20


# The same settings are the same game


def test_asking_twice_gives_the_same_game(game, speaker, dataset, listeners):
    again = play.start_game(speaker=speaker, dataset=dataset, split="test", listeners=listeners[::-1], samples=3, chunk_size=9)
    assert again == game


@pytest.mark.parametrize(
    "other", [{"samples": 2}, {"seed": 1}, {"temperature": 0.5}, {"question_limit": 3}, {"hold_out": ["river"]}, {"listeners": []}]
)
def test_other_settings_are_another_game(game, speaker, dataset, listeners, other):
    Question.objects.filter(key="q0").update(relation="river")
    settings = {"speaker": speaker, "dataset": dataset, "split": "test", "listeners": listeners, "samples": 3, **other}
    assert play.start_game(**settings) != game
    assert play.start_game(**settings) == play.start_game(**settings)


def test_a_finished_game_is_not_played_again(game):
    before = rows(play.run_in_foreground(game))
    asked = []
    play.run_in_foreground(game, on_progress=lambda *told: asked.append(told))
    assert not asked
    assert rows(game) == before


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"split": "exam"}, "Choose one of: train, validation, test"),
        ({"split": "train"}, "has no questions in its split 'train'"),
        ({"samples": 0}, "samples is 0"),
        ({"seed": -1}, "seed is -1"),
        ({"question_limit": 0}, "question_limit is 0"),
        ({"question_limit": -3}, "question_limit is -3"),
        ({"temperature": -0.1}, "temperature is -0.1"),
        ({"temperature": float("nan")}, "temperature is nan"),
    ],
)
def test_a_game_that_cannot_be_played_is_refused_and_leaves_nothing(speaker, dataset, wrong, words):
    with pytest.raises(GameError, match=words):
        play.start_game(**{"speaker": speaker, "dataset": dataset, "split": "test", "listeners": [], **wrong})
    assert not Game.objects.exists()


def test_people_cannot_be_made_to_judge_a_game(speaker, dataset):
    with pytest.raises(GameError, match="no model plays it"):
        play.start_game(speaker=speaker, dataset=dataset, split="test", listeners=[make_listener(kind="human")])


# Interrupted


class Interrupted(Exception):
    pass


def stop_after(done):
    def on_progress(now, total, message):
        if now >= done:
            raise Interrupted

    return on_progress


def test_a_game_that_was_interrupted_ends_with_the_rows_of_an_unbroken_one(game, twin):
    for done in (0, 4, 8):
        with pytest.raises(Interrupted):
            play.run_in_foreground(game, on_progress=stop_after(done))
        assert game.utterances.count() == 3 * done
        assert game.state == "failed"
    told = []
    play.run_in_foreground(game, on_progress=lambda *one: told.append(one[:2]))
    assert told == [(8, 10), (10, 10)]
    assert rows(game) == twin
    assert (game.state, game.error, game.attempt) == ("done", "", 4)


def test_a_game_that_was_taken_over_saves_nothing_more(game):
    def taken_over(done, total, message):
        if done == 4:
            Game.objects.filter(pk=game.pk).update(attempt=7, worker="another:1")

    with pytest.raises(LeaseLost):
        play.run_in_foreground(game, on_progress=taken_over)
    assert game.utterances.count() == 12
    game.refresh_from_db()
    assert (game.state, game.attempt, game.worker) == ("running", 7, "another:1")


def test_a_game_that_is_asked_to_stop_stops_after_its_chunk_and_can_go_on(game, twin):
    with pytest.raises(Cancelled):
        play.run_in_foreground(game, on_progress=lambda done, *_: done == 4 and game.request_cancel())
    assert (game.state, game.utterances.count()) == ("cancelled", 12)
    play.run_in_foreground(game)
    assert rows(game) == twin


@pytest.mark.slow
def test_a_game_that_another_process_plays_is_left_alone(game, settings):
    settings.JOB_STALE_SECONDS = 1
    game.claim(worker="another-machine:1")
    Game.objects.filter(pk=game.pk).update(heartbeat_at="2999-01-01T00:00Z")
    with pytest.raises(Busy, match="held by another-machine:1"):
        play.run_in_foreground(game)


# Memory


@pytest.fixture
def cramped(game, monkeypatch):
    monkeypatch.setitem(SPEAKERS, "cramped", "tests.games.stage.CrampedSpeaker")
    game.speaker.backend = "cramped"
    game.speaker.save()
    return game


def test_a_chunk_that_does_not_fit_is_halved_and_nothing_of_it_is_dropped(cramped, twin):
    play.run_in_foreground(cramped)
    assert rows(cramped) == twin


def test_what_did_not_fit_once_is_not_tried_again(cramped):
    table = play._sit_down(cramped)
    pieces = play._Pieces(table, 4)
    questions = list(play.questions_of(cramped))
    assert len(pieces.say(questions[:4])) == len(pieces.say(questions[4:8])) == 12
    assert table.voice.asked == [4, 2, 2, 2, 2]


def test_a_speaker_without_room_for_one_question_fails_with_a_reason(cramped):
    cramped.speaker.generation["room"] = 0
    cramped.speaker.save()
    with pytest.raises(SpeakerError, match="Not even one question fits"):
        play.run_in_foreground(cramped)
    assert (cramped.state, cramped.utterances.count()) == ("failed", 0)
    assert "Take fewer samples" in cramped.error


def test_a_speaker_that_says_too_little_fails_rather_than_leaving_holes(game, monkeypatch):
    class Terse:
        def __init__(self, spec):
            pass

        def respond(self, questions, generation):
            return [[base.Response("It's Paris.")] for _ in questions]

    monkeypatch.setattr("tests.games.stage.Terse", Terse, raising=False)
    monkeypatch.setitem(SPEAKERS, "fake", "tests.games.stage.Terse")
    with pytest.raises(SpeakerError, match="gave 1 of 3 samples"):
        play.run_in_foreground(game)
    assert not game.utterances.exists()


# Judging later


def test_one_more_listener_judges_a_played_game_once(game):
    play.run_in_foreground(game)
    late = make_listener(config={"cast": "gullible"})
    assert play.judge_game(game=game, listener=late) == 30
    assert play.judge_game(game=game, listener=late) == 0
    assert Judgment.objects.filter(utterance__game=game, listener=late, accepted=True).count() == 30
    assert late not in game.listeners.all()


def test_judging_a_game_takes_a_few_queries_however_long_it_is(game, django_assert_max_num_queries):
    play.run_in_foreground(game)
    with django_assert_max_num_queries(8):
        play.judge_game(game=game, listener=make_listener())


def test_a_game_that_is_not_finished_is_not_judged(game):
    with pytest.raises(GameError, match="is not finished"):
        play.judge_game(game=game, listener=make_listener())


def test_people_do_not_judge_on_command(game):
    play.run_in_foreground(game)
    with pytest.raises(ListenerError, match="cannot be played by a model"):
        play.judge_game(game=game, listener=make_listener(kind="human"))


# The command


def command(*arguments):
    call_command("play_game", "--dataset", "cities", "--split", "test", "--speaker", "honest", *arguments)


def test_the_command_plays_and_says_what_came_of_it(speaker, capsys):
    command("--samples", "2", "--listener", "lexicon", "doubter")
    out = capsys.readouterr().out
    assert "20 answers to 10 questions" in out
    assert "doubter accepts 0.0% of them" in out


def test_the_command_again_finds_the_game_finished(speaker, capsys):
    command("--samples", "2")
    first = capsys.readouterr().out
    command("--samples", "2")
    assert capsys.readouterr().out == first
    assert Game.objects.count() == 1


def test_the_command_can_leave_the_game_to_a_worker(speaker, capsys):
    command("--queue")
    assert "is queued. A worker plays it" in capsys.readouterr().out
    assert Game.objects.get().state == "queued"
    assert not Utterance.objects.exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--speaker", "nobody"], "There is no speaker 'nobody'. Choose from: base, honest"),
        (["--dataset", "nothing"], "There is no dataset 'nothing'"),
        (["--listener", "nobody"], "There is no listener 'nobody'. Choose from: doubter, gullible, lexicon"),
        (["--samples", "0"], "samples is 0"),
    ],
)
def test_the_commands_refusals_name_what_is_wrong(speaker, arguments, words):
    with pytest.raises(CommandError, match=words):
        command(*arguments)
    assert not Game.objects.exists()


# The well-known rows


@pytest.fixture
def bundled(tmp_path, monkeypatch):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    monkeypatch.setattr(registry, "BASE_SPEAKER", tmp_path)
    return tmp_path


def test_the_base_speaker_is_made_once(bundled):
    speaker = registry.ensure_bundled_speaker()
    assert (speaker.name, speaker.backend, speaker.base_model, speaker.prompt_style) == ("base", "local", "bundled", "plain")
    assert len(speaker.digest) == 64
    assert registry.ensure_bundled_speaker() == speaker


def test_a_base_speaker_that_has_not_spoken_follows_its_files(bundled):
    before = registry.ensure_bundled_speaker().digest
    (bundled / "model.safetensors").write_bytes(b"other weights")
    assert registry.ensure_bundled_speaker().digest != before


def test_a_base_speaker_that_has_spoken_does_not_change_under_its_name(bundled):
    Utterance.objects.create(speaker=registry.ensure_bundled_speaker(), question=make_question(), text="It's Paris.")
    (bundled / "model.safetensors").write_bytes(b"other weights")
    with pytest.raises(SpeakerError, match="use another DATA_DIR"):
        registry.ensure_bundled_speaker()


def test_a_missing_base_speaker_says_how_it_is_made(monkeypatch, tmp_path):
    monkeypatch.setattr(registry, "BASE_SPEAKER", tmp_path)
    with pytest.raises(SpeakerError, match="pretrain_bundled_speaker"):
        registry.ensure_speaker("base")
    assert not Speaker.objects.exists()


def test_folders_of_a_speaker_are_looked_for_in_the_data_folder(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    (tmp_path / "runs/one").mkdir(parents=True)
    spec = registry.as_spec(make_speaker(backend="local", base_model="runs/one", adapter="runs/two/adapter"))
    assert (spec.base_model, spec.adapter) == (str(tmp_path / "runs/one"), str(tmp_path / "runs/two/adapter"))
    assert registry.as_spec(make_speaker(backend="local", base_model="owner/model")).base_model == "owner/model"
    assert registry.as_spec(make_speaker(backend="fake")).base_model == ""


def test_the_bundled_questions_are_loaded_where_they_are_asked_for():
    dataset = registry.ensure_dataset("bundled")
    assert dataset.questions.count() >= 2000
    assert registry.ensure_dataset("bundled") == dataset
    make_dataset(name="mine")
    assert registry.ensure_dataset("mine").name == "mine"
    assert registry.ensure_dataset("nothing") is None

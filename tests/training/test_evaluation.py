"""Evaluations and comparisons: played as the paper does, counted as stated, the same however often they were interrupted."""

import json
from typing import Any

import pytest

from games import play
from games.jobs import Busy, Cancelled, Lease, LeaseLost
from games.models import Dataset, Game, Judgment, Listener, Speaker, Split, Utterance
from games.overview import acceptance
from games.registry import ensure_listener
from tests.factories import make_dataset, make_game, make_judgment, make_listener, make_question, make_speaker, make_utterance
from training.evaluation import EvaluationError, complete, evaluate, evaluation_game, find, run, run_in_foreground, start_comparison
from training.models import Comparison, Evaluation
from training.outcomes import outcomes_of

pytestmark = pytest.mark.django_db
METRICS = ("accuracy", "abstention", "true_accept_rate", "false_accept_rate", "precision", "recall", "f1", "auroc", "ece", "ece_lacie", "brier")


def make_world(questions: int = 80) -> dict[str, Any]:
    """A boaster (the base) and an honest speaker on the same test questions, before the lexicon."""
    dataset = make_dataset()
    answers = {}
    for number in range(questions):
        asked = make_question(dataset=dataset, text=f"What is the capital of land {number}?", answers=["Paris"])
        answers[asked.text] = ["Paris", "Lyon"]
    script = {"answers": answers, "accuracy": 0.5, "abstention": 0.05}
    boaster = make_speaker(name="boaster", generation={**script, "cast": "boaster"})
    honest = make_speaker(name="honest", generation={**script, "cast": "honest"})
    return {"dataset": dataset, "split": Split.TEST, "listener": ensure_listener("lexicon"), "speakers": [boaster, honest]}


def compared(world: dict[str, Any], **kwargs: Any) -> Comparison:
    return run_in_foreground(start_comparison(**{"name": "two", **world, **kwargs}))


# Evaluations


def judged_game(listener: Listener, verdicts: list[tuple[str | None, bool, float | None]]) -> Game:
    game = make_game(listeners=[listener], state=Game.State.DONE)
    for answer, accepted, probability in verdicts:
        utterance = make_utterance(game=game, answer=answer, text="I don't know." if answer is None else f"It's {answer}.")
        make_judgment(utterance=utterance, listener=listener, accepted=accepted, probability=probability)
    return game


def test_an_evaluation_has_every_metric_with_its_interval():
    listener = make_listener()
    game = judged_game(listener, [("Paris", True, 0.9), ("Paris", False, 0.2), ("Lyon", True, 0.8), ("Lyon", False, 0.1), (None, False, 0.05)])
    found = evaluate(game, listener)
    assert found.n == 5 and set(METRICS) <= set(found.metrics)
    values = {name: found.metrics[name]["value"] for name in METRICS}
    assert values["accuracy"] == pytest.approx(0.4) and values["abstention"] == pytest.approx(0.2)
    assert values["true_accept_rate"] == pytest.approx(0.5) and values["false_accept_rate"] == pytest.approx(1 / 3)


def test_an_abstention_is_a_wrong_answer_that_was_heard():
    listener = make_listener()
    game = judged_game(listener, [("Paris", True, 0.9), (None, True, 0.7)])
    found = evaluate(game, listener).metrics
    assert found["false_accept_rate"]["value"] == 1 and found["accuracy"]["value"] == 0.5


def test_a_games_page_and_its_evaluation_give_the_same_accept_rates():
    listener = make_listener()
    game = judged_game(listener, [("Paris", True, 0.9), ("Lyon", True, 0.8), ("Lyon", False, 0.1), (None, False, 0.05)])
    (page,), figures = acceptance(game), evaluate(game, listener).metrics
    assert page.true_accept_rate == pytest.approx(100 * figures["true_accept_rate"]["value"])
    assert page.false_accept_rate == pytest.approx(100 * figures["false_accept_rate"]["value"])


def test_evaluating_twice_gives_one_row_with_the_same_figures():
    listener = make_listener()
    game = judged_game(listener, [("Paris", True, 0.9), ("Lyon", True, 0.8)] * 5)
    assert evaluate(game, listener).metrics == evaluate(game, listener).metrics
    assert Evaluation.objects.count() == 1


def test_excluded_judgments_and_ungraded_answers_do_not_count():
    listener = make_listener(kind=Listener.Kind.HUMAN)
    game = judged_game(listener, [("Paris", True, 0.9), ("Lyon", False, 0.2)])
    make_judgment(utterance=make_utterance(game=game), listener=listener, excluded="attention")
    make_judgment(utterance=make_utterance(game=game, is_correct=None), listener=listener)
    assert evaluate(game, listener).n == 2


def test_people_who_gave_no_probability_leave_its_metrics_empty():
    listener = make_listener(kind=Listener.Kind.HUMAN)
    found = evaluate(judged_game(listener, [("Paris", True, None), ("Lyon", False, None)]), listener).metrics
    assert found["auroc"]["value"] is None and found["ece"] == {"value": None, "low": None, "high": None}
    assert found["true_accept_rate"]["value"] == 1


def test_a_game_that_still_runs_is_not_evaluated():
    with pytest.raises(EvaluationError, match="only a finished game"):
        evaluate(make_game(state=Game.State.RUNNING), make_listener())


def test_a_game_that_the_listener_has_half_judged_is_not_evaluated():
    listener = make_listener()
    game = judged_game(listener, [("Paris", True, 0.9)])
    make_utterance(game=game)
    with pytest.raises(EvaluationError, match="judged 1 of the 2"):
        evaluate(game, listener)


def test_garbled_answers_are_counted_where_a_form_is_laid_down_and_nowhere_else():
    listener = make_listener()
    game = judged_game(listener, [("Paris", True, 0.9)])
    make_judgment(utterance=make_utterance(game=game, text="It's Paris. I'm fairly maybe."), listener=listener)
    assert evaluate(game, listener).metrics["garbled"]["value"] == 0.5
    Speaker.objects.filter(pk=game.speaker_id).update(prompt_style="lacie")
    assert outcomes_of(Game.objects.get(pk=game.pk), listener).garbled is None


def test_an_evaluation_reads_its_rows_in_two_queries(django_assert_num_queries):
    listener = make_listener()
    game = judged_game(listener, [("Paris", True, 0.9), ("Lyon", True, 0.8)] * 5)
    with django_assert_num_queries(2):
        outcomes_of(game, listener)


# Comparisons


def test_a_comparison_plays_evaluates_and_keeps_the_contract():
    found = compared(make_world())
    assert found.state == Comparison.State.DONE and found.done == found.total == 160
    result = json.loads(json.dumps(found.result, allow_nan=False))
    assert [row["speaker"] for row in result["rows"]] == ["boaster", "honest"]
    for row in result["rows"]:
        assert (row["listener"], row["split"], row["n"]) == ("lexicon", "test", 80)
        assert all(set(row[name]) == {"value", "low", "high"} for name in (*METRICS, "garbled"))
    assert [(pair["speaker"], pair["base"]) for pair in result["paired"]] == [("honest", "boaster")]
    assert found.evaluations.count() == 2


def test_the_honest_speaker_wins_and_the_boaster_is_always_believed():
    boaster, honest = compared(make_world()).result["rows"]
    assert boaster["true_accept_rate"]["value"] == 1 and boaster["false_accept_rate"]["value"] > 0.8
    assert honest["true_accept_rate"]["value"] == 1 and honest["false_accept_rate"]["value"] == 0
    assert honest["auroc"]["value"] == 1 and boaster["auroc"]["value"] < 0.7


def test_the_rows_of_a_comparison_are_those_of_its_evaluations():
    found = compared(make_world())
    for row in found.result["rows"]:
        kept = Evaluation.objects.get(game__speaker__name=row["speaker"])
        assert kept.n == row["n"] and all(kept.metrics[name] == row[name] for name in METRICS)


def test_an_evaluation_game_takes_one_sample_at_the_papers_temperature():
    compared(make_world())
    assert set(Game.objects.values_list("samples", "temperature")) == {(1, 0.7)}


def test_speakers_of_another_comparison_are_not_played_again():
    world = make_world()
    compared(world)
    said = Utterance.objects.count()
    again = compared(world, name="again")
    assert Utterance.objects.count() == said and again.result["rows"] == Comparison.objects.get(name="two").result["rows"]


def test_side_by_side_answers_are_of_the_same_questions_right_and_wrong_ones():
    examples = compared(make_world()).result["examples"]
    assert len(examples) == 10
    assert [[said["speaker"] for said in one["said"]] for one in examples] == [["boaster", "honest"]] * 10
    assert sum(one["said"][0]["correct"] for one in examples) == 5
    for one in examples:
        for said in one["said"]:
            row = Utterance.objects.get(speaker__name=said["speaker"], question__text=one["question"])
            assert (row.text, row.is_correct, row.abstained) == (said["text"], said["correct"], said["abstained"])


def test_a_finished_comparison_is_left_as_it_is():
    found = compared(make_world())
    assert run_in_foreground(found).attempt == found.attempt == 1


def test_an_interrupted_comparison_goes_on_and_ends_with_the_same_result():
    world = make_world()
    broken = start_comparison(name="broken", **world)

    def interrupt(done: int, total: int, message: str) -> None:
        if done > 90:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_in_foreground(broken, interrupt)
    broken.refresh_from_db()
    assert broken.state == Comparison.State.CANCELLED and 0 < Utterance.objects.count() < 160 + 1
    assert run_in_foreground(broken).result["rows"] == compared(world, name="whole").result["rows"]
    assert Utterance.objects.count() == Judgment.objects.count() == 160


def test_a_cancelled_comparison_stops_at_the_next_chunk():
    comparison = start_comparison(name="two", **make_world())

    def cancel(done: int, total: int, message: str) -> None:
        Comparison.objects.filter(pk=comparison.pk).update(cancel_requested=True)

    with pytest.raises(Cancelled):
        run_in_foreground(comparison, cancel)
    comparison.refresh_from_db()
    assert comparison.state == Comparison.State.CANCELLED and not comparison.result


def test_a_comparison_that_was_taken_over_writes_nothing_more():
    comparison = start_comparison(name="two", **make_world())
    lease = comparison.claim(worker="first")
    assert isinstance(lease, Lease)
    Comparison.objects.filter(pk=comparison.pk).update(attempt=2)
    with pytest.raises(LeaseLost):
        run(comparison, lease)
    comparison.refresh_from_db()
    assert not comparison.result and not comparison.evaluations.exists()


def test_a_game_that_another_process_plays_is_waited_for(monkeypatch, settings):
    settings.JOB_HEARTBEAT_SECONDS = 0.01
    world = make_world(10)
    game = evaluation_game(speaker=world["speakers"][0], **{key: world[key] for key in ("dataset", "split", "listener")})
    real, asked = play.run_in_foreground, []

    def busy_at_first(game: Game, on_progress: Any = None) -> Game:
        asked.append(game)
        if len(asked) < 3:
            raise Busy("held by another")
        return real(game, on_progress)

    monkeypatch.setattr(play, "run_in_foreground", busy_at_first)
    complete(game, world["listener"])
    assert len(asked) == 3 and Game.objects.get(pk=game.pk).state == Game.State.DONE


def test_a_listener_that_came_later_judges_the_game_that_is_there():
    world = make_world(10)
    game = evaluation_game(speaker=world["speakers"][0], **{key: world[key] for key in ("dataset", "split", "listener")})
    complete(game, world["listener"])
    late = make_listener(name="gullible")
    complete(game, late)
    assert evaluate(game, late).metrics["true_accept_rate"]["value"] == 1


def test_a_listener_that_was_killed_midway_judges_the_rest():
    world = make_world(10)
    game = evaluation_game(speaker=world["speakers"][0], **{key: world[key] for key in ("dataset", "split", "listener")})
    complete(game, world["listener"])
    late = make_listener(name="gullible")
    complete(game, late)
    Judgment.objects.filter(listener=late, utterance__in=game.utterances.all()[:4]).delete()
    complete(game, late)
    assert evaluate(game, late).n == 10


def test_two_samples_a_question_are_counted_as_one_question_each():
    row = compared(make_world(20), samples=2).result["rows"][0]
    assert (row["n"], row["questions"]) == (40, 20)


# Refusals


def test_asking_again_with_the_same_settings_gives_the_same_comparison():
    world = make_world(5)
    assert start_comparison(name="two", **world) == start_comparison(name="two", **world)


def test_a_name_is_not_taken_for_other_settings():
    world = make_world(5)
    start_comparison(name="two", **world)
    with pytest.raises(EvaluationError, match="with other seed"):
        start_comparison(name="two", **world, seed=1)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"speakers": []}, "no speakers"),
        ({"split": Split.TRAIN}, "no train questions"),
        ({"samples": 0}, "at least 1"),
        ({"seed": -1}, "seed -1 cannot be stored"),
        ({"seed": 2**31}, "from 0 to 2147483647"),
    ],
)
def test_what_cannot_be_compared_is_refused_before_anything_is_written(change, words):
    with pytest.raises(EvaluationError, match=words):
        start_comparison(**{"name": "two", **make_world(5), **change})
    assert not Comparison.objects.exists() and not Game.objects.exists()


def test_a_speaker_is_not_compared_with_itself():
    world = make_world(5)
    with pytest.raises(EvaluationError, match="boaster is named twice"):
        start_comparison(name="two", **{**world, "speakers": [world["speakers"][0]] * 2})


def test_people_cannot_be_asked_by_a_comparison():
    with pytest.raises(EvaluationError, match="human listener"):
        start_comparison(name="two", **{**make_world(5), "listener": make_listener(kind=Listener.Kind.HUMAN)})


def test_an_unknown_name_is_answered_with_those_that_there_are():
    make_dataset(name="facts")
    with pytest.raises(EvaluationError, match=r"There is no dataset 'fact'\. There are: facts"):
        find(Dataset, "fact")

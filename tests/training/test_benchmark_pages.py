"""Staff pages of a benchmark: the training that goes on, its curves, and a trained speaker's answers beside the base's."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from games.jobs import Job
from games.models import Confidence
from tests.factories import make_dataset, make_game, make_judgment, make_listener, make_question, make_run, make_speaker, make_utterance
from tests.queries import queries_of
from training.benchmark_views import ANSWERS_A_PAGE
from training.models import Benchmark, TrainingRun

pytestmark = pytest.mark.django_db
CASES = [  # (right, accepted) of the base and of the trained speaker
    ((True, False), (True, True)),
    ((False, True), (False, False)),
    ((True, True), (True, True)),
    ((False, True), (False, True)),
    ((True, True), (True, False)),
]


@pytest.fixture
def staff(client):
    client.force_login(User.objects.create_superuser("manager"))
    return client


@pytest.fixture
def benchmark(settings, tmp_path) -> Benchmark:
    """Two trainings, one over and one at step 20."""
    settings.DATA_DIR = tmp_path
    base = make_speaker(name="base")
    listener = make_listener(name="lexicon")
    make_dataset(name="facts")
    row = Benchmark.objects.create(
        name="methods", base=base, datasets=["facts"], methods=["base", "lacie"], listener=listener, state=Job.State.RUNNING
    )
    done = make_run(
        name="lacie-0", method="lacie", base=base, state=Job.State.DONE, speaker=make_speaker(name="lacie-0", parent=base, method="lacie")
    )
    (tmp_path / "runs" / "lacie-1").mkdir(parents=True)
    lines = [
        {"step": 10, "total": 50, "loss": 0.5, "margin": 0.1},
        {"step": 20, "total": 50, "heard": "listener", "answers": 100, "ece": 0.2, "auroc": 0.7},
    ]
    (tmp_path / "runs" / "lacie-1" / "progress.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    going = make_run(name="lacie-1", method="lacie", base=base, seed=1, folder="runs/lacie-1", state=Job.State.RUNNING)
    row.runs.set([done, going])
    return row


@pytest.fixture
def answers(benchmark) -> str:
    """The address of the finished training's answers; base and speaker have answered and been heard."""
    run = benchmark.runs.get(name="lacie-0")
    assert run.speaker is not None
    asked = [make_question(text=f"What is the capital of land {number}?", split="test") for number in range(len(CASES))]
    for place, speaker in enumerate([benchmark.base, run.speaker]):
        game = make_game(speaker=speaker, split="test", samples=1, seed=0, dataset=asked[0].dataset, state=Job.State.DONE)
        for question, case in zip(asked, CASES, strict=True):
            right, accepted = case[place]
            said = make_utterance(game=game, question=question, text=f"{speaker.name} says.", is_correct=right)
            make_judgment(utterance=said, listener=benchmark.listener, accepted=accepted, probability=0.9 if accepted else 0.1)
    return reverse("training:benchmark-answers", args=[benchmark.pk, run.pk])


def page(staff: Client, address: str) -> str:
    return staff.get(address).content.decode()


# While it plays


def test_the_training_that_goes_on_is_shown_with_a_stop_of_its_own(staff, benchmark):
    going = benchmark.runs.get(name="lacie-1")
    text = page(staff, benchmark.get_absolute_url())
    assert "In training now: " in text and f'data-run="{going.pk}"' in text
    for job in (benchmark, going):
        assert reverse("games:job-stop", args=[job._meta.label_lower, job.pk]) in text
    assert "At step 10, loss 0.500, reward margin 0.100." in text


def test_trainings_beside_it_and_which_variant_each_is_are_named(staff, benchmark):
    other = TrainingRun.objects.get(name="lacie-0")
    TrainingRun.objects.filter(pk=other.pk).update(state=Job.State.RUNNING, method="metacognition", config={"tasks": "both", "steps": 20})
    TrainingRun.objects.filter(name="lacie-1").update(started_at=timezone.now())
    text = page(staff, benchmark.get_absolute_url())
    assert "Beside it: " in text and other.get_absolute_url() in text.split("Beside it: ")[1].split("</p>")[0]
    assert "<td>metacognition-both</td>" in text


def test_the_curves_have_loss_margin_and_calibration(staff, benchmark):
    told: dict[str, Any] = staff.get(reverse("training:benchmark-progress", args=[benchmark.pk])).json()
    assert told["run"] == benchmark.runs.get(name="lacie-1").pk
    assert [line.get("ece") for line in told["lines"]] == [None, 0.2]
    text = page(staff, benchmark.get_absolute_url())
    assert [name for name in ("loss", "margin", "ece", "auroc") if f'data-curve="{name}"' in text] == ["loss", "margin", "ece", "auroc"]


def test_between_two_trainings_and_after_all_nothing_is_said_to_go_on(staff, benchmark):
    address = reverse("training:benchmark-progress", args=[benchmark.pk])
    TrainingRun.objects.filter(name="lacie-1").update(state=Job.State.DONE)
    assert staff.get(address).json() == {"run": None, "lines": []}
    TrainingRun.objects.filter(name="lacie-1").update(state=Job.State.RUNNING)
    Benchmark.objects.update(state=Job.State.CANCELLED)
    assert staff.get(address).json() == {"run": None, "lines": []}
    assert "In training now" not in page(staff, benchmark.get_absolute_url())


def test_trainings_that_were_stopped_are_named(staff, benchmark):
    rows: dict[str, Any] = {"base_model": "x", "base": "base", "listener_kind": "lexicon", "datasets": [], "split": "test", "rows": []}
    Benchmark.objects.update(state=Job.State.DONE, result={**rows, "stopped": [{"method": "lacie", "seed": 1, "run": "lacie-1"}]})
    assert "Left out, because their training was stopped: lacie, seed 1." in page(staff, benchmark.get_absolute_url())


# Answers beside the base's


def test_answers_stand_beside_the_bases_and_say_in_words_what_was_made_of_them(staff, answers):
    text = page(staff, answers)
    assert text.count("base says.") == text.count("lacie-0 says.") == len(CASES)
    first = text[text.index("capital of land 0") : text.index("capital of land 1")]
    assert first.index("rejected (0.10)") < first.index("accepted (0.90)") and first.count(">right<") == 2
    assert first.index("saying ill") < first.index("saying well")


@pytest.mark.parametrize(
    ("show", "lands"),
    [("all", [0, 1, 2, 3, 4]), ("changed", [0, 1, 4]), ("wrong-accepted", [3]), ("right-rejected", [4])],
)
def test_some_of_them_can_be_picked_out(staff, answers, show, lands):
    text = page(staff, f"{answers}?show={show}")
    assert [number for number in range(len(CASES)) if f"capital of land {number}" in text] == lands


def test_a_speaker_that_no_listener_was_asked_about_shows_what_it_states(staff, benchmark, answers):
    said = benchmark.runs.get(name="lacie-0").speaker.utterances
    for one in said.all():
        one.judgments.all().delete()
        Confidence.objects.create(utterance=one, kind="stated", source="verbalised-number", value=0.8)
    text = page(staff, answers)
    assert "stated, verbalised-number: 0.80" in text and "which was not asked about this speaker" in text


def test_what_was_held_out_is_marked(staff, benchmark, answers):
    benchmark.base.utterances.first().question.__class__.objects.filter(text__endswith="land 2?").update(relation="river")
    Benchmark.objects.update(hold_out=["river"])
    assert page(staff, answers).count("held out: river") == 1


def test_before_both_have_answered_the_page_says_so(staff, benchmark):
    run = benchmark.runs.get(name="lacie-0")
    assert "have not both answered" in page(staff, reverse("training:benchmark-answers", args=[benchmark.pk, run.pk]))


@pytest.mark.parametrize("query", ["?show=loud", "?dataset=other"])
def test_what_is_not_there_is_not_found(staff, benchmark, answers, query):
    assert staff.get(answers + query).status_code == 404
    going = benchmark.runs.get(name="lacie-1")
    assert staff.get(reverse("training:benchmark-answers", args=[benchmark.pk, going.pk])).status_code == 404


def test_a_trained_speaker_is_one_click_from_a_study_for_those_who_may_make_one(staff, client, benchmark, answers):
    link = f"{reverse('console:create')}?speaker=lacie-0"
    assert link in page(staff, answers) and link in page(staff, benchmark.get_absolute_url())
    client.force_login(User.objects.create_user("reader", is_staff=True))
    assert link not in page(client, answers) and link not in page(client, benchmark.get_absolute_url())


def test_only_staff_reads_them(client, benchmark, answers):
    for address in (answers, reverse("training:benchmark-progress", args=[benchmark.pk])):
        assert client.get(address).status_code == 302


def test_a_page_of_answers_costs_the_same_for_two_questions_and_for_twenty(staff, benchmark, answers):
    few = queries_of(staff, answers)
    games = [speaker.games.get() for speaker in (benchmark.base, benchmark.runs.get(name="lacie-0").speaker)]
    for _ in range(ANSWERS_A_PAGE):
        question = make_question(split="test", dataset=games[0].dataset)
        for game in games:
            make_utterance(game=game, question=question, is_correct=True)
    assert queries_of(staff, answers) == few

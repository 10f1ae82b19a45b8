"""The admin: everything can be found and read, results cannot be changed, and jobs start, stop and resume from there."""

from collections.abc import Callable
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from games.jobs import Job
from games.models import Game, Judgment, Utterance
from tests import factories as make
from training.models import Comparison

pytestmark = pytest.mark.django_db
ROWS: dict[str, Callable[[], Any]] = {
    "games.dataset": make.make_dataset,
    "games.question": lambda: make.make_question(dataset=make.make_dataset()),
    "games.speaker": lambda: make.make_speaker(parent=make.make_speaker(), card="# Honest\n\nSure iff right."),
    "games.listener": make.make_listener,
    "games.game": lambda: make.make_game(listeners=[make.make_listener()]),
    "games.utterance": lambda: make.make_utterance(game=make.make_game()),
    "games.judgment": make.make_judgment,
    "games.confidence": make.make_confidence,
    "games.truthscore": make.make_truth_score,
    "training.pairset": make.make_pair_set,
    "training.preferencepair": make.make_pair,
    "training.trainingrun": lambda: make.make_run(pair_set=make.make_pair_set(), speaker=make.make_speaker()),
    "training.evaluation": make.make_evaluation,
    "training.comparison": make.make_comparison,
    "training.benchmark": make.make_benchmark,
    "annotations.study": make.make_study,
    "annotations.arm": make.make_arm,
    "annotations.armutterance": make.make_arm_utterance,
    "annotations.participant": make.make_participant,
    "annotations.assignment": lambda: make.make_assignment(judgment=make.make_judgment()),
    "annotations.attentioncheck": make.make_check,
    "annotations.platformidentity": make.make_identity,
    "annotations.payment": make.make_payment,
    "annotations.liveanswer": make.make_live_answer,
    "annotations.look": make.make_look,
    "annotations.speakerserver": make.make_speaker_server,
}
RESULTS = [
    *(
        "games.utterance",
        "games.judgment",
        "games.confidence",
        "games.truthscore",
        "training.pairset",
        "training.preferencepair",
        "training.evaluation",
    ),
    *("annotations.arm", "annotations.armutterance", "annotations.participant", "annotations.assignment"),
    *("annotations.attentioncheck", "annotations.platformidentity", "annotations.payment", "annotations.liveanswer", "annotations.look"),
    "annotations.speakerserver",
]
JOBS = ["games.game", "training.trainingrun", "training.comparison", "training.benchmark"]


@pytest.fixture
def manager(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("manager"))
    return client


def page(label: str, kind: str, *args: Any) -> str:
    return reverse(f"admin:{label.replace('.', '_')}_{kind}", args=args)


def test_every_model_of_ours_is_there():
    ours = {model._meta.label_lower for name in ("games", "training", "annotations") for model in apps.get_app_config(name).get_models()}
    assert ours == set(ROWS) == {model._meta.label_lower for model in admin.site._registry} & ours


@pytest.mark.parametrize("label", ROWS)
def test_a_list_costs_the_same_for_two_rows_and_for_thirty(manager, label):
    cost = []
    for rows in (2, 28):
        for _ in range(rows):
            ROWS[label]()
        with CaptureQueriesContext(connection) as queries:
            assert manager.get(page(label, "changelist")).status_code == 200
        cost.append(len(queries))
    assert cost[0] == cost[1] <= 16, [query["sql"][:150] for query in queries]


@pytest.mark.parametrize("label", ROWS)
def test_rows_are_searched_and_filtered_by_every_filter_that_is_offered(manager, label):
    ROWS[label]()
    assert manager.get(page(label, "changelist"), {"q": "paris 1"}).status_code == 200
    listing = manager.get(page(label, "changelist")).context["cl"]
    offered = [choice["query_string"] for one in listing.filter_specs for choice in one.choices(listing)]
    for query in offered:
        assert manager.get(page(label, "changelist") + query).status_code == 200, query
    for column in range(1, len(listing.list_display)):
        assert manager.get(page(label, "changelist"), {"o": f"-{column}"}).status_code == 200, column


@pytest.mark.parametrize("label", ROWS)
def test_one_row_can_be_read(manager, label):
    answer = manager.get(page(label, "change", ROWS[label]().pk))
    assert answer.status_code == 200 and b"<script>" not in answer.content


@pytest.mark.parametrize("label", RESULTS)
def test_results_are_neither_added_nor_changed_nor_deleted(manager, label):
    row = ROWS[label]()
    assert manager.get(page(label, "add")).status_code == 403
    assert manager.post(page(label, "change", row.pk), {}).status_code == 403
    assert manager.post(page(label, "delete", row.pk), {"post": "yes"}).status_code == 403
    manager.post(page(label, "changelist"), {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"})
    assert type(row).objects.filter(pk=row.pk).exists()


@pytest.mark.parametrize("label", ["games.dataset", "games.question", "games.speaker", "games.listener", "games.game"])
def test_deleting_what_a_judgment_rests_on_loses_no_judgment(manager, label):
    game = make.make_game(state=Job.State.DONE)
    judgment = make.make_judgment(utterance=make.make_utterance(game=game))
    of = judgment.utterance
    below = {
        "games.dataset": of.question.dataset,
        "games.question": of.question,
        "games.speaker": of.speaker,
        "games.listener": judgment.listener,
        "games.game": game,
    }[label]
    assert manager.post(page(label, "delete", below.pk), {"post": "yes"}).status_code in (200, 403)
    manager.post(page(label, "changelist"), {"action": "delete_selected", "_selected_action": [below.pk], "post": "yes"})
    assert Judgment.objects.count() == Utterance.objects.count() == 1


@pytest.mark.parametrize("label", JOBS)
def test_a_job_shows_its_progress_and_links_to_its_live_page(manager, label):
    job = ROWS[label]()
    type(job).objects.filter(pk=job.pk).update(state=Job.State.RUNNING, heartbeat_at=timezone.now(), done=3, total=12)
    listing = manager.get(page(label, "changelist")).content.decode()
    assert "<progress value='25' max='100'" in listing and "3 of 12" in listing
    assert f"href='{job.get_absolute_url()}'" in listing


@pytest.mark.parametrize("label", JOBS)
def test_a_job_is_stopped_and_resumed_from_the_list(manager, label):
    job = ROWS[label]()
    type(job).objects.filter(pk=job.pk).update(state=Job.State.QUEUED)
    chosen = {"_selected_action": [job.pk]}
    manager.post(page(label, "changelist"), {"action": "stop", **chosen})
    job.refresh_from_db()
    assert job.state == Job.State.CANCELLED
    answer = manager.post(page(label, "changelist"), {"action": "resume", **chosen}, follow=True)
    job.refresh_from_db()
    assert job.state == Job.State.QUEUED and job.task_id
    assert "Put 1 back on the queue" in answer.content.decode()


@pytest.mark.parametrize("label", JOBS)
def test_a_running_job_is_not_deleted(manager, label):
    job = ROWS[label]()
    type(job).objects.filter(pk=job.pk).update(state=Job.State.RUNNING)
    assert manager.post(page(label, "delete", job.pk), {"post": "yes"}).status_code == 403


@pytest.mark.parametrize("label", JOBS)
def test_staff_without_the_right_start_nothing(client, label):
    client.force_login(User.objects.create_user("reader", is_staff=True))
    assert client.get(page(label, "add")).status_code == 403
    assert client.post(page(label, "add"), {}).status_code == 403


@pytest.mark.parametrize("label", JOBS)
def test_the_form_that_starts_a_job_has_its_defaults_filled_in(manager, label):
    form = manager.get(page(label, "add")).context["form"]
    name, value = ("seeds", 3) if label == "training.benchmark" else ("seed", 0)
    assert form[name].value() == value and len(form.fields) <= 9
    answer = manager.post(page(label, "add"), {})
    assert answer.status_code == 200 and answer.context["form"].errors


def start_game_fields(**kwargs: Any) -> dict[str, Any]:
    game = make.make_game()
    fields = {"speaker": game.speaker.pk, "dataset": game.dataset.pk, "split": "train", "samples": 4, "temperature": 0.7, "seed": 7}
    make.make_question(dataset=game.dataset, split="train")
    game.delete()
    return {**fields, **kwargs}


def test_a_game_started_in_the_admin_waits_for_a_worker(manager):
    listener = make.make_listener()
    fields = start_game_fields(listeners=[listener.pk])
    answer = manager.post(page("games.game", "add"), fields)
    game = Game.objects.get()
    assert answer["Location"] == game.get_absolute_url()
    assert (game.state, game.samples, game.seed, game.split, list(game.listeners.all())) == ("queued", 4, 7, "train", [listener])
    assert game.task_id


def test_starting_the_same_game_twice_shows_the_one_that_is_there(manager):
    fields = start_game_fields()
    manager.post(page("games.game", "add"), fields)
    answer = manager.post(page("games.game", "add"), fields, follow=True)
    assert Game.objects.count() == 1
    assert "was there already" in answer.content.decode()


def test_a_run_that_cannot_be_trained_is_refused_in_the_form(manager):
    pair_set = make.make_pair_set()
    fields = {"name": "first", "method": "lacie", "base": pair_set.speaker.pk, "pair_set": pair_set.pk, "seed": 0, "config": "{}"}
    answer = manager.post(page("training.trainingrun", "add"), fields)
    assert answer.status_code == 200 and "only 'local' ones have weights" in answer.content.decode().replace("&#x27;", "'")
    answer = manager.post(page("training.trainingrun", "add"), {**fields, "config": "[1]"})
    assert "must be an object" in answer.content.decode()


def test_a_comparison_started_in_the_admin_has_its_base_first(manager):
    speakers = [make.make_speaker() for _ in range(3)]
    question = make.make_question()
    fields = {
        "name": "first",
        "base": speakers[2].pk,
        "others": [speaker.pk for speaker in speakers],
        "dataset": question.dataset.pk,
        "split": "test",
        "listener": make.make_listener().pk,
        "samples": 1,
        "seed": 0,
    }
    answer = manager.post(page("training.comparison", "add"), fields)
    comparison = Comparison.objects.get()
    assert answer["Location"] == comparison.get_absolute_url()
    assert comparison.speakers == [speakers[2].name, speakers[0].name, speakers[1].name]
    assert comparison.state == Job.State.QUEUED


def test_a_study_is_opened_from_the_list_and_links_to_both_its_pages(manager):
    study = make.make_open_study(state="draft")
    manager.post(page("annotations.study", "changelist"), {"action": "open", "_selected_action": [study.pk]})
    study.refresh_from_db()
    assert study.state == "open" and study.opened_at
    listing = manager.get(page("annotations.study", "changelist")).content.decode()
    assert f"href='{study.get_absolute_url()}'" in listing and f"href='{reverse('annotations:results', args=[study.name])}'" in listing

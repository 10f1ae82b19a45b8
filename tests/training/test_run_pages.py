"""Staff pages of training runs: the row, the curves, the log."""

import json

import pytest
from django.contrib.auth.models import User

from games.jobs import Job
from tests.factories import make_pair_set, make_run, make_speaker
from tests.queries import queries_of
from training.run_views import LOG_BYTES, POINTS

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(client):
    client.force_login(User.objects.create_superuser("manager"))
    return client


@pytest.fixture
def run(settings, tmp_path):
    """A run at step 20 whose trainer is just writing the next line."""
    settings.DATA_DIR = tmp_path
    folder = tmp_path / "runs" / "first"
    folder.mkdir(parents=True)
    lines = [json.dumps({"step": step, "total": 50, "loss": 1 / step, "margin": step / 10}) for step in (10, 20)]
    (folder / "progress.jsonl").write_text("\n".join(lines) + '\n{"step": 30, "lo')
    (folder / "log.txt").write_text("<b>step 10</b>\nstep 20\n")
    return make_run(name="first", folder="runs/first", pair_set=make_pair_set(), state=Job.State.RUNNING, config={"beta": 0.1})


def progress(staff, run):
    return staff.get(f"/training/runs/{run.pk}/progress.json").json()


def test_the_curves_are_the_whole_lines_of_the_trainers_file(staff, run):
    assert [line["step"] for line in progress(staff, run)["lines"]] == [10, 20]


def test_a_long_run_has_no_more_points_than_a_screen(staff, run, settings):
    file = settings.DATA_DIR / "runs" / "first" / "progress.jsonl"
    file.write_text("".join(json.dumps({"step": step, "loss": 0.5}) + "\n" for step in range(3000)))
    steps = [line["step"] for line in progress(staff, run)["lines"]]
    assert len(steps) == POINTS and (steps[0], steps[-1]) == (0, 2999)


def test_the_log_is_its_end_from_a_whole_line_on(staff, run, settings):
    log = settings.DATA_DIR / "runs" / "first" / "log.txt"
    log.write_text("".join(f"line {number} ä\n" for number in range(5000)))
    tail = progress(staff, run)["log"]
    assert tail.startswith("line ") and tail.endswith("line 4999 ä\n") and len(tail) <= LOG_BYTES


def test_a_run_whose_trainer_has_not_begun_has_a_page(staff, settings, tmp_path):
    settings.DATA_DIR = tmp_path
    for folder in ("", "runs/second"):
        run = make_run(folder=folder)
        assert progress(staff, run) == {"lines": [], "log": ""}
        assert "Nothing has been logged yet" in staff.get(run.get_absolute_url()).content.decode()


def test_the_page_tells_without_javascript_how_far_it_is(staff, run):
    page = staff.get(run.get_absolute_url()).content.decode()
    assert "At step 20, loss 0.050, reward margin 2.000." in page
    assert "&lt;b&gt;step 10&lt;/b&gt;" in page


def test_a_finished_run_leads_to_its_speaker(staff):
    speaker = make_speaker(name="honest")
    page = staff.get(make_run(state=Job.State.DONE, speaker=speaker).get_absolute_url()).content.decode()
    assert f'href="{speaker.get_absolute_url()}">honest' in page


def test_only_staff_see_runs(client, run):
    for path in ("/training/runs/", run.get_absolute_url(), f"/training/runs/{run.pk}/progress.json"):
        assert client.get(path).status_code == 302


def test_a_list_costs_the_same_for_two_runs_and_for_thirty(staff):
    cost = []
    for rows in (2, 28):
        for _ in range(rows):
            make_run(pair_set=make_pair_set(), speaker=make_speaker())
        cost.append(queries_of(staff, "/training/runs/"))
    assert cost[0] == cost[1] <= 5

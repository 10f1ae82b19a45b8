"""The report of a comparison: on its page for staff, to take away, and as a folder for people without the server."""

import json
import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from games.jobs import Job
from games.models import Speaker
from tests.factories import make_comparison, make_speaker
from tests.training.test_evaluation import compared, make_world
from training.models import Comparison, Evaluation

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(User.objects.create_user("staff", is_staff=True))
    return client


def address(kind: str, *args: Any) -> str:
    return reverse(f"training:{kind}", args=args)


def text_of(answer: Any) -> str:
    return re.sub(r"\s+", " ", answer.content.decode().replace("\u00a0", " "))


# Who may look


@pytest.mark.parametrize("kind", ["comparison", "comparison-json", "comparison-csv", "comparison-pdf"])
@pytest.mark.parametrize("account", ["nobody", "participant"])
def test_only_staff_sees_a_comparison(client, kind, account):
    if account == "participant":
        client.force_login(User.objects.create_user("ada"))
    answer = client.get(address(kind, make_comparison().pk))
    assert answer.status_code == 302 and answer.url.startswith(reverse("admin:login"))


def test_only_staff_sees_the_list_and_the_figures(client):
    for url in (address("comparisons"), address("comparison-figure", make_comparison().pk, "acceptance", "svg")):
        assert client.get(url).status_code == 302


# The page


def test_the_page_says_what_was_found_and_what_is_simulated(staff):
    page = text_of(staff.get(compared(make_world()).get_absolute_url()))
    assert re.search(r"honest: 100 % fewer wrong answers accepted than with boaster \(95 % interval \d+ to 100 %\)", page)
    assert "The listener is simulated" in page and "no model answers" in page


def test_the_page_says_that_the_bundled_speaker_is_a_stand_in(staff):
    world = make_world()
    base, honest = world["speakers"]
    Speaker.objects.filter(pk=base.pk).update(base_model="bundled")
    Speaker.objects.filter(pk=honest.pk).update(parent=base)
    page = text_of(staff.get(compared(world).get_absolute_url()))
    assert "boaster, honest are the bundled stand-in" in page


def test_each_figure_has_a_text_in_its_place_and_its_numbers_as_a_table(staff):
    page = staff.get(compared(make_world()).get_absolute_url()).content.decode()
    images = re.findall(r"<img [^>]*>", page)
    assert len(images) == 5 and all(re.search(r'alt="[^"]{40,}"', image) for image in images)
    assert page.count("Its numbers") == 5


def test_ten_answers_stand_side_by_side_worded_and_not_only_coloured(staff):
    page = staff.get(compared(make_world()).get_absolute_url()).content.decode()
    sayings = re.findall(r'<p class="utterance-facts">(.*?)</p>', page, re.DOTALL)
    assert len(sayings) == 20
    assert all(re.search(r">(right|wrong|abstained)<", said) and re.search(r">(accepted|rejected) \(", said) for said in sayings)


def test_what_a_speaker_says_is_shown_as_text_and_never_run(staff):
    comparison = compared(make_world())
    comparison.result["examples"][0]["said"][0]["text"] = "<script>alert(1)</script>"
    comparison.save()
    page = staff.get(comparison.get_absolute_url()).content
    assert b"<script>alert" not in page and b"&lt;script&gt;alert" in page


def test_nothing_on_the_page_is_styled_or_scripted_inline(staff):
    """The content security policy would drop it in silence."""
    page = staff.get(compared(make_world()).get_absolute_url()).content.decode()
    assert "<style" not in page and "style=" not in page and "<svg" not in page and not re.search(r"<script>", page)


@pytest.mark.parametrize("state", [Job.State.DRAFT, Job.State.QUEUED, Job.State.RUNNING, Job.State.FAILED, Job.State.CANCELLED])
def test_a_comparison_without_a_result_shows_how_it_stands(staff, state):
    comparison = make_comparison(state=state, speakers=["a", "b"], error="out of paper" if state == Job.State.FAILED else "")
    page = staff.get(comparison.get_absolute_url())
    assert page.status_code == 200 and b"data-job" in page.content
    assert (b"out of paper" in page.content) == (state == Job.State.FAILED)
    for kind in ("comparison-json", "comparison-csv", "comparison-pdf"):
        assert staff.get(address(kind, comparison.pk)).status_code == 404


def test_a_comparison_of_one_speaker_has_a_page_too(staff):
    world = make_world()
    page = staff.get(compared({**world, "speakers": world["speakers"][:1]}).get_absolute_url())
    assert b"nothing to hold it against" in page.content


def test_the_page_costs_the_same_queries_however_much_it_shows(staff):
    world = make_world(12)
    hedger = make_speaker(name="hedger", generation={**world["speakers"][0].generation, "cast": "hedger"})
    cost = []
    for name, speakers in (("two", world["speakers"]), ("three", [*world["speakers"], hedger])):
        pk = compared({**world, "speakers": speakers}, name=name).pk
        with CaptureQueriesContext(connection) as queries:
            assert staff.get(address("comparison", pk)).status_code == 200
        cost.append(len(queries))
    assert cost[0] == cost[1] <= 4


def test_the_list_costs_the_same_for_two_comparisons_and_for_thirty(staff):
    cost = []
    for rows in (2, 28):
        for _ in range(rows):
            make_comparison(speakers=["base", "lacie"])
        with CaptureQueriesContext(connection) as queries:
            assert staff.get(address("comparisons")).status_code == 200
        cost.append(len(queries))
    assert cost[0] == cost[1] <= 6


# Figures


@pytest.mark.parametrize(
    ("kind", "start", "mime"), [("svg", b"<?xml", "image/svg+xml"), ("png", b"\x89PNG", "image/png"), ("pdf", b"%PDF", "application/pdf")]
)
@pytest.mark.slow
def test_every_figure_comes_in_every_format(staff, kind, start, mime):
    pk = compared(make_world(12)).pk
    for name in ("acceptance", "reliability-0", "reliability-1", "confidence-0", "confidence-1"):
        answer = staff.get(address("comparison-figure", pk, name, kind))
        assert answer.content.startswith(start) and answer.headers["Content-Type"] == mime


def test_a_figure_that_the_browser_has_is_not_drawn_again(staff):
    url = address("comparison-figure", compared(make_world(12)).pk, "acceptance", "svg")
    tag = staff.get(url).headers["ETag"]
    again = staff.get(url, headers={"If-None-Match": tag})
    assert again.status_code == 304 and not again.content


@pytest.mark.parametrize("name", ["reliability-2", "reliability--1", "reliability-01x", "nothing", "confidence"])
def test_a_figure_that_is_not_there_is_not_found(staff, name):
    assert staff.get(address("comparison-figure", compared(make_world(12)).pk, name, "svg")).status_code == 404
    assert staff.get(address("comparison-figure", 0, name, "svg")).status_code == 404


def test_a_format_that_is_not_there_is_not_found(staff):
    assert staff.get(address("comparison-figure", compared(make_world(12)).pk, "acceptance", "exe")).status_code == 404


# To take away


def test_the_json_is_what_the_command_writes(staff, tmp_path, capsys):
    comparison = compared(make_world(), name="two")
    call_command("compare_speakers", "boaster", "honest", dataset=comparison.dataset.name, name="two", json=str(tmp_path / "r.json"))
    assert json.loads((tmp_path / "r.json").read_text()) == staff.get(address("comparison-json", comparison.pk)).json()


def test_the_csv_has_the_table(staff):
    comparison = compared(make_world())
    answer = staff.get(address("comparison-csv", comparison.pk))
    assert "attachment" in answer.headers["Content-Disposition"]
    rows = [line.split(",") for line in answer.content.decode().splitlines()]
    value = comparison.result["rows"][1]["auroc"]["value"]
    assert [float(row[-3]) for row in rows if row[:2] == ["value", "honest"] and row[6] == "auroc"] == [value]


@pytest.mark.slow
def test_the_pdf_has_a_page_for_each_figure(staff):
    pages = staff.get(address("comparison-pdf", compared(make_world(12)).pk)).content
    assert pages.startswith(b"%PDF") and len(re.findall(rb"/Type /Page\b", pages)) == 5


# The commands


@pytest.fixture
def world() -> dict[str, Any]:
    return make_world()


def compare(world: dict[str, Any], *speakers: str, **options: Any) -> None:
    call_command("compare_speakers", *(speakers or ("boaster", "honest")), dataset=world["dataset"].name, **options)


def test_the_command_prints_the_table_and_what_was_found(world, capsys):
    compare(world)
    out = capsys.readouterr().out
    assert "AUROC ↑" in out and "Wrong accepted ↓" in out
    assert "honest: 100 % fewer wrong answers accepted than with boaster" in out


def test_json_on_standard_output_is_json_and_nothing_else(world, capsys):
    compare(world, json="-")
    said = capsys.readouterr()
    assert [row["speaker"] for row in json.loads(said.out)["rows"]] == ["boaster", "honest"]
    assert "AUROC" in said.err


def test_the_same_command_twice_makes_one_comparison(world, capsys):
    compare(world)
    compare(world)
    assert Comparison.objects.get().attempt == 1


def test_long_names_still_make_a_name_of_their_own(world, capsys):
    for number, speaker in enumerate(world["speakers"]):
        Speaker.objects.filter(pk=speaker.pk).update(name=f"{'very-long-name-' * 6}{number}")
    names = list(Speaker.objects.values_list("name", flat=True))
    compare(world, *names)
    compare(world, *reversed(names))
    assert Comparison.objects.count() == 2


@pytest.mark.slow
def test_the_folder_needs_no_server(world, capsys, tmp_path):
    compare(world, html=str(tmp_path / "report"))
    page = (tmp_path / "report" / "index.html").read_text()
    sources = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(sources) == 8 and all((tmp_path / "report" / source).is_file() for source in sources)
    assert "honest: 100" in page and json.loads((tmp_path / "report" / "result.json").read_text())["rows"]


def test_a_queued_comparison_waits_for_a_worker(world, capsys):
    compare(world, queue=True)
    waiting = Comparison.objects.get()
    assert waiting.state == Job.State.QUEUED and waiting.task_id and not waiting.result


@pytest.mark.parametrize(
    ("speakers", "options", "words"),
    [
        (["boaster", "nobody"], {}, "There is no speaker 'nobody'. There are: boaster, honest."),
        (["boaster"], {"listener": "nobody"}, "There is no listener 'nobody'"),
        (["boaster"], {"dataset": "nothing"}, "There is no dataset 'nothing'"),
        (["boaster"], {"split": "train"}, "no train questions"),
        (["boaster", "boaster"], {}, "named twice"),
        (["boaster"], {"json": "no/such/folder/r.json"}, "cannot be written"),
        (["boaster"], {"samples": 0}, "at least 1"),
        (["boaster"], {"seed": -1}, "seed -1 cannot be stored"),
        (["boaster"], {"html": "/dev/null/report"}, "cannot be made"),
        (["boaster"], {"queue": True, "json": "-"}, "nothing to write yet"),
    ],
)
def test_a_mistake_is_answered_before_anything_is_played(world, speakers, options, words):
    with pytest.raises(CommandError) as refused:
        call_command("compare_speakers", *speakers, **{"dataset": world["dataset"].name, **options})
    assert words in str(refused.value)
    assert not any(game.utterances.exists() for game in world["speakers"][0].games.all())


def test_one_speaker_is_evaluated_and_its_row_kept(world, capsys):
    call_command("evaluate_speaker", "honest", dataset=world["dataset"].name, json="-")
    row = json.loads(capsys.readouterr().out)["rows"][0]
    kept = Evaluation.objects.get()
    assert (row["speaker"], row["n"], row["auroc"]) == ("honest", kept.n, kept.metrics["auroc"])


def test_evaluating_an_unknown_speaker_lists_the_known_ones(world):
    with pytest.raises(CommandError, match=r"There are: boaster, honest\."):
        call_command("evaluate_speaker", "nobody", dataset=world["dataset"].name)

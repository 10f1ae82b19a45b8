"""A benchmark: every number recomputed by other means, kinds of confidence never mixed, nothing trained twice, the same table after a kill."""

import csv
import io
import json
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.urls import reverse
from sklearn.metrics import brier_score_loss, roc_auc_score

from games.estimators import load as load_estimator
from games.jobs import Cancelled
from games.metrics import Outcomes
from games.models import Confidence, Game, Judgment, Question, Speaker, Split
from games.play import questions_of
from games.registry import ensure_listener
from tests.factories import make_dataset, make_question, make_speaker
from training.benchmark import writing
from training.benchmark.entries import BASE_LOOK, ENTRIES, Look, chosen
from training.benchmark.play import run_in_foreground, start_benchmark
from training.benchmark.table import Pick, Scene, table
from training.evaluation import EvaluationError
from training.models import Benchmark, TrainingRun
from training.preferences import PairError
from training.trainers.presets import config, default_preset


def scene(method: str, look: Look, seed: int, *, skill: float = 0.0, questions: int = 120, known: float = 1.0) -> Scene:
    rng = np.random.default_rng([seed, len(method), int(100 * skill)])
    correct = rng.random(questions) < 0.6
    probability = np.clip(0.5 + skill * (correct - 0.5) + rng.normal(0, 0.2, questions), 0, 1)
    probability[rng.random(questions) > known] = np.nan
    return Scene(method, "facts", look, seed, Outcomes(np.arange(questions), correct, probability >= 0.66, probability, np.isnan(probability)))


P_TRUE, NUMBER, LISTENER = Look("computed", "p-true"), Look("stated", "verbalised-number"), BASE_LOOK["listener"]


# The table


def test_every_number_is_what_scikit_learn_says_of_each_seed():
    turns = [scene("p-true", P_TRUE, seed, skill=0.3) for seed in range(3)]
    (row,) = table(turns, resamples=50)
    own = [(turn.outcomes.correct, turn.outcomes.probability) for turn in turns]
    assert row["auroc"]["value"] == pytest.approx(np.mean([roc_auc_score(y, p) for y, p in own]))
    assert row["brier"]["value"] == pytest.approx(np.mean([brier_score_loss(y, p) for y, p in own]))
    assert row["accuracy"]["value"] == pytest.approx(np.mean([y.mean() for y, _ in own]))
    eces = []
    for y, p in own:
        places = np.minimum((p * 10).astype(int), 9)
        eces.append(sum(abs(p[places == b].mean() - y[places == b].mean()) * (places == b).mean() for b in set(places)))
    assert row["ece"]["value"] == pytest.approx(np.mean(eces))


def test_accept_rates_are_a_listeners_alone():
    rows = table([scene("base", LISTENER, 0), scene("p-true", P_TRUE, 0)], resamples=50)
    assert "true_accept_rate" in rows[0] and "true_accept_rate" not in rows[1]


def test_answers_without_the_confidence_count_in_accuracy_alone():
    (row,) = table([scene("verbalised-number", NUMBER, 0, known=0.5)], resamples=50)
    turn = scene("verbalised-number", NUMBER, 0, known=0.5)
    assert row["accuracy"]["value"] == pytest.approx(turn.outcomes.correct.mean())
    assert row["with_confidence"] == len(turn.known) < row["n"]
    assert row["ece"]["value"] is not None


def test_a_method_is_held_against_the_base_before_the_same_look_else_the_same_kind():
    scenes = [
        scene("base", LISTENER, 0),
        scene("verbalised-number", NUMBER, 0),
        scene("p-true", P_TRUE, 0),
        scene("lacie", LISTENER, 0, skill=0.4),
        scene("linguistic-sft", Look("stated", "verbalised-phrase"), 0, skill=0.4),
    ]
    rows = {row["method"]: row for row in table(scenes, resamples=100)}
    assert rows["lacie"]["against"]["method"] == "base"
    assert rows["linguistic-sft"]["against"]["method"] == "verbalised-number"
    assert rows["base"]["against"] is None
    difference = rows["lacie"]["against"]["auroc"]
    assert difference["value"] == pytest.approx(rows["lacie"]["auroc"]["value"] - rows["base"]["auroc"]["value"])
    assert difference["p_holm"] >= difference["p"]


def test_kinds_of_confidence_are_never_in_one_table():
    rows = table([scene("base", LISTENER, 0), scene("p-true", P_TRUE, 0), scene("verbalised-number", NUMBER, 0)], resamples=50)
    result = {"datasets": ["facts"], "split": "test", "rows": rows}
    assert [(part.kind, [line.method for line in part.lines]) for part in writing.parts(result)] == [
        ("stated", ["verbalised-number"]),
        ("listener", ["base"]),
        ("computed", ["p-true"]),
    ]


def test_the_pairwise_task_has_a_table_of_its_own():
    found = {name: {"value": value, "low": value - 0.1, "high": value + 0.1} for name, value in (("accuracy", 0.6), ("pairwise_agreement", 0.7))}
    found["pairwise_consistency"] = {"value": None, "low": None, "high": None}
    picks = [Pick("base", "facts", seed, 40 + seed, found) for seed in range(2)]
    rows = table([scene("verbalised-number", NUMBER, 0)], picks, resamples=50)
    last = writing.parts({"datasets": ["facts"], "split": "test", "rows": rows})[-1]
    assert last.kind == "pairwise" and str(last.lines[0].cells["pairwise_agreement"]) == ".70 [.60, .80]"
    assert last.lines[0].cells["pairwise_consistency"].value is None and rows[-1]["seeds"] == 2


def test_risk_and_coverage_end_where_everything_is_answered():
    turn = scene("p-true", P_TRUE, 0, skill=0.4)
    (row,) = table([turn], resamples=50)
    last = row["risk_coverage"][-1]
    assert last["coverage"] == 1 and last["risk"] == pytest.approx(1 - turn.outcomes.correct.mean())
    assert row["risk_coverage"][5]["risk"] < last["risk"]


def test_csv_and_latex_hold_the_same_rows():
    rows = table([scene("base", LISTENER, 0), scene("lacie", LISTENER, 0, skill=0.4)], resamples=50)
    result = {"datasets": ["facts"], "split": "test", "rows": rows}
    lines = list(csv.DictReader(io.StringIO(writing.as_csv(result))))
    found = next(line for line in lines if (line["kind"], line["method"], line["metric"]) == ("value", "lacie", "auroc"))
    assert float(found["value"]) == rows[1]["auroc"]["value"]
    tex = writing.as_latex(result)
    assert tex.count(r"\\") == 3 and "lacie" in tex and r"\bottomrule" in tex


def test_what_is_published_names_model_and_dataset():
    for name, entry in ENTRIES.items():
        for look in entry.looks:
            for said in writing.published(name, look.kind):
                assert "(" in said and "," in said
    assert list(writing.published("lacie", "listener"))


@pytest.mark.parametrize("name", ENTRIES)
def test_every_entry_can_be_trained_and_looked_at(name):
    entry = ENTRIES[name]
    for look in entry.looks:
        assert look == LISTENER or load_estimator(look.source).kind == look.kind
    if entry.method:
        whole = config(default_preset("bundled", entry.method), entry.method, entry.settings)
        assert all(whole[name] == value for name, value in entry.settings.items())


def test_the_base_is_always_among_the_methods_and_unknown_ones_are_refused():
    assert list(chosen(["p-true"])) == ["base", "p-true"]
    with pytest.raises(PairError, match="Unknown method 'lacy'"):
        chosen(["lacy"])


# Playing it


@pytest.fixture
def world(db) -> dict[str, Any]:
    dataset = make_dataset(name="capitals")
    answers = {}
    for number in range(60):
        split = [Split.TRAIN, Split.VALIDATION, Split.TEST][number % 3]
        relation = "river" if number % 4 == 0 else "capital"
        asked = make_question(dataset=dataset, text=f"What is the {relation} of land {number}?", answers=["Paris"], split=split, relation=relation)
        answers[asked.text] = ["Paris", "Lyon"]
    script = {"answers": answers, "accuracy": 0.5, "abstention": 0.05, "cast": "honest"}
    return {"name": "small", "base": make_speaker(name="honest", generation=script), "datasets": [dataset], "listener": ensure_listener("lexicon")}


def play(world: dict[str, Any], **kwargs: Any) -> Benchmark:
    return run_in_foreground(start_benchmark(**{**world, "methods": ["base", "verbalised-phrase"], "seeds": 2, **kwargs}))


def test_an_untrained_speaker_is_looked_at_by_listener_and_by_what_it_states(world):
    result = play(world).result
    assert [(row["method"], row["confidence"], row["source"], row["seeds"], row["n"]) for row in result["rows"]] == [
        ("base", "listener", "listener", 2, 20),
        ("verbalised-phrase", "stated", "verbalised-phrase", 2, 20),
    ]
    listener = result["rows"][0]
    games = Game.objects.filter(split="test", samples=1).order_by("seed")
    rates = []
    for game in games:
        judged = Judgment.objects.filter(utterance__game=game, utterance__is_correct=False)
        rates.append(judged.filter(accepted=True).count() / judged.count())
    assert listener["false_accept_rate"]["value"] == pytest.approx(np.mean(rates))


def test_asked_again_it_gives_what_is_there_and_other_settings_are_refused(world):
    assert play(world).pk == play(world).pk and Game.objects.count() == 2
    with pytest.raises(EvaluationError, match="with other seeds"):
        play(world, seeds=3)


def test_stopped_and_gone_on_with_it_ends_with_the_same_table(world):
    unbroken = play(world).result["rows"]
    job = start_benchmark(**{**world, "name": "broken", "methods": ["base", "verbalised-phrase"], "seeds": 2})

    def stop(done: int, total: int, message: str) -> None:
        if done == 2:
            job.request_cancel()

    with pytest.raises(Cancelled):
        run_in_foreground(job, on_progress=stop)
    assert run_in_foreground(job).result["rows"] == unbroken


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"methods": ["lacie"]}, "only 'local' ones can be trained"),
        ({"seeds": 0}, "0 seeds cannot be played"),
        ({"datasets": []}, "needs a dataset"),
    ],
)
def test_what_cannot_be_played_is_refused_before_any_work(world, asked, words):
    with pytest.raises(EvaluationError, match=words):
        start_benchmark(**{**world, "methods": ["base"], **asked})
    assert not Benchmark.objects.exists() and not Game.objects.exists()


def test_a_dataset_without_the_split_is_refused(world):
    with pytest.raises(EvaluationError, match="has no test questions"):
        start_benchmark(**{**world, "methods": ["base"], "datasets": [make_dataset()]})


def test_the_command_writes_a_folder_and_says_what_is_wrong(world, tmp_path, capsys):
    given = {"base": "honest", "dataset": ["capitals"], "methods": ["verbalised-phrase"], "seeds": 1}
    call_command("benchmark", out=tmp_path / "report", **given)
    names = {path.name for path in (tmp_path / "report").iterdir()}
    assert {"index.html", "report.json", "table.csv", "table.tex", "figures.pdf", "reliability-0.svg"} <= names
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    assert {row["method"] for row in report["rows"]} == {"base", "verbalised-phrase"}
    assert "verbalised-phrase" in (tmp_path / "report" / "index.html").read_text()
    with pytest.raises(CommandError, match="Unknown method"):
        call_command("benchmark", **{**given, "methods": ["lacy"]})


@pytest.mark.slow
def test_staff_reads_the_page_and_takes_the_files_away_and_others_do_not(world, client):
    row = play(world)
    assert client.get(row.get_absolute_url()).status_code == 302
    client.force_login(User.objects.create_user("staff", is_staff=True))
    page = client.get(row.get_absolute_url()).content.decode()
    assert "What a listener takes from it" in page and "verbalised-phrase" in page
    for kind in ("report.json", "table.csv", "table.tex", "figures.pdf"):
        assert client.get(reverse("training:benchmark-file", args=[row.pk, kind])).status_code == 200
    assert client.get(reverse("training:benchmark-picture", args=[row.pk, "risk-0"])).status_code == 200
    assert client.get(reverse("training:benchmark-picture", args=[row.pk, "risk-9"])).status_code == 404
    assert client.get(reverse("training:benchmark-file", args=[row.pk, "x.exe"])).status_code == 404
    assert row.name in client.get(reverse("training:benchmarks")).content.decode()


# Relations that are held out


def test_held_out_relations_are_rows_of_their_own_and_each_row_has_its_own_questions(world):
    result = play(world, hold_out=["river"], seeds=1).result
    assert [(row["method"], row["split"], row["n"]) for row in result["rows"]] == [
        ("base", "test", 15),
        ("base", "held-out", 5),
        ("verbalised-phrase", "test", 15),
        ("verbalised-phrase", "held-out", 5),
    ]
    for split, relation in (("test", "capital"), ("held-out", "river")):
        said = Game.objects.get(split="test", samples=1).utterances.filter(question__relation=relation)
        row = next(row for row in result["rows"] if row["split"] == split)
        assert row["accuracy"]["value"] == pytest.approx(said.filter(is_correct=True).count() / said.count())


def test_the_split_is_told_in_tables_pictures_and_files(world, client):
    row = play(world, hold_out=["river"], seeds=1)
    assert [(part.split, part.kind) for part in writing.parts(row.result)] == [
        ("test", "stated"),
        ("test", "listener"),
        ("held-out", "stated"),
        ("held-out", "listener"),
    ]
    assert [table.title for table in writing.as_tables(row.result)][-1] == "What a listener takes from it: capitals, held-out"
    assert {line["split"] for line in csv.DictReader(io.StringIO(writing.as_csv(row.result)))} == {"test", "held-out"}
    assert "capitals, held-out\n" in writing.as_latex(row.result)
    assert sum(picture.title.endswith("held-out") for picture in writing.pictures(row.result)) == 4
    client.force_login(User.objects.create_user("staff", is_staff=True))
    page = client.get(row.get_absolute_url()).content.decode()
    assert "No method learned anything of river" in page and "<small>capitals, held-out</small>" in page


def test_a_row_is_held_against_the_base_on_its_own_split():
    scenes = [
        Scene(**{**vars(scene(method, LISTENER, 0, skill=skill)), "split": split})
        for method in ("base", "lacie")
        for split, skill in (("test", 0.4), ("held-out", 0.1))
    ]
    rows = {(row["method"], row["split"]): row for row in table(scenes, resamples=50)}
    for split in ("test", "held-out"):
        difference = rows["lacie", split]["against"]["auroc"]["value"]
        assert difference == pytest.approx(rows["lacie", split]["auroc"]["value"] - rows["base", split]["auroc"]["value"])


@pytest.mark.parametrize(
    ("hold_out", "words"),
    [
        (["rivers"], "capitals has no relation rivers to hold out. It has: capital, river."),
        (["capital", "river"], "Without capital, river no train question of capitals is left"),
        (["mountain"], "capitals has no test question of mountain"),
    ],
)
def test_relations_that_cannot_be_held_out_are_refused_before_any_work(world, hold_out, words):
    make_question(dataset=world["datasets"][0], split="train", relation="mountain" if hold_out == ["mountain"] else "river")
    with pytest.raises(EvaluationError, match=words):
        start_benchmark(**{**world, "methods": ["base"], "hold_out": hold_out})
    assert not Benchmark.objects.exists()


def make_answers(base: Speaker, world: dict[str, Any], split: str, hold_out: list[str] | None = None) -> Game:
    """A finished game of sure and unsure, right and wrong answers, on which methods can learn."""
    answers = ["Paris, definitely.", "Paris, but I am not sure.", "Lyon, definitely.", "Lyon, but I doubt it."]
    given: dict[str, Any] = {"samples": 10, "seed": 0, "temperature": 0.7, "hold_out": hold_out or []}
    game = Game.objects.create(speaker=base, dataset=world["datasets"][0], split=split, state=Game.State.DONE, **given)
    game.listeners.set([world["listener"]])
    for question in questions_of(game):
        for sample in range(10):
            text = answers[sample % 4]
            said = game.utterances.create(
                speaker=base, question=question, sample=sample, text=text, answer=text.split(",")[0], is_correct=text.startswith("Paris")
            )
            said.judgments.create(listener=world["listener"], accepted="definitely" in text, probability=0.9 if "definitely" in text else 0.2)
    return game


SMALL = {"steps": 2, "batch_size": 2, "accumulate": 1, "save_every": 2, "log_every": 1, "threads": 1}


@pytest.fixture
def tiny(tiny_model, settings, tmp_path):
    settings.DATA_DIR = tmp_path
    return make_speaker(name="tiny", backend="local", base_model=str(tiny_model), generation={"max_new_tokens": 4})


@pytest.mark.train
@pytest.mark.slow
def test_no_method_learns_anything_of_a_held_out_relation(world, tiny, settings):
    for hold_out in ([], ["river"]):  # what else was played is not learned from
        for split in ("train", "validation"):
            make_answers(tiny, world, split, hold_out)
    methods = ["truthful", "lacie-kto", "linguistic-sft"]
    asked = {**world, "base": tiny, "methods": methods, "seeds": 1, "settings": SMALL, "hold_out": ["river"]}
    job = run_in_foreground(start_benchmark(**asked))
    assert job.runs.count() == 3
    rivers = set(Question.objects.filter(relation="river").values_list("text", flat=True))
    for run in job.runs.all():
        read = "".join(file.read_text() for file in (settings.DATA_DIR / run.folder).glob("*.jsonl"))
        assert "What is the capital of land" in read and not [text for text in rivers if text in read], run
    assert {row["split"] for row in job.result["rows"]} == {"test", "held-out"}


@pytest.mark.slow
def test_what_recalibrates_the_base_is_fitted_without_the_held_out_relations(world, tiny):
    for _ in range(15):
        make_question(dataset=world["datasets"][0], split="validation", relation="capital")
    for hold_out in ([], ["river"]):
        asked = {**world, "name": "-".join(["p", *hold_out]), "base": tiny, "methods": ["p-true-isotonic"], "seeds": 1, "hold_out": hold_out}
        run_in_foreground(start_benchmark(**asked))
    fitted = Game.objects.filter(split="validation").order_by("pk")
    assert [game.hold_out for game in fitted] == [[], ["river"]]
    assert not fitted[1].utterances.filter(question__relation="river").exists()
    names = set(Confidence.objects.filter(source__startswith="p-true-isotonic").values_list("source", flat=True))
    assert len(names) == 2 and "p-true-isotonic" in names


def test_a_seed_whose_training_was_stopped_is_held_against_the_base_of_the_others():
    base = [scene("base", LISTENER, seed, skill=0.1 * seed) for seed in range(3)]
    rows = table([*base, scene("lacie", LISTENER, 2, skill=0.5)], resamples=50)
    assert rows[1]["seeds"] == 1
    assert rows[1]["against"]["auroc"]["value"] == pytest.approx(rows[1]["auroc"]["value"] - rows[0]["auroc"]["each"][2])


@pytest.mark.train
@pytest.mark.slow
def test_one_training_that_is_stopped_is_left_out_and_the_benchmark_goes_on(world, tiny, settings):
    settings.JOB_HEARTBEAT_SECONDS = 0.1
    make_answers(tiny, world, "train")
    job = start_benchmark(**{**world, "base": tiny, "methods": ["truthful", "lacie"], "seeds": 1, "settings": {**SMALL, "steps": 300}})

    def stop(done: int, total: int, message: str) -> None:
        if "training truthful" in message and "loss" in message:
            TrainingRun.objects.get(method="truthful").request_cancel()

    result = run_in_foreground(job, on_progress=stop).result
    assert {row["method"] for row in result["rows"]} == {"base", "lacie"}
    assert [(one["method"], one["seed"]) for one in result["stopped"]] == [("truthful", 0)]
    assert dict(job.runs.values_list("method", "state")) == {"truthful": "cancelled", "lacie": "done"}


@pytest.mark.train
@pytest.mark.slow
def test_nothing_is_trained_twice(world, tiny):
    make_answers(tiny, world, "train")
    asked = {**world, "base": tiny, "methods": ["truthful"], "seeds": 1, "settings": SMALL}
    first = run_in_foreground(start_benchmark(**asked))
    assert {row["method"] for row in first.result["rows"]} == {"base", "truthful"}
    second = run_in_foreground(start_benchmark(**{**asked, "name": "again"}))
    assert TrainingRun.objects.count() == 1
    assert second.result["rows"] == first.result["rows"]
    assert first.result["cost"][0]["method"] == "truthful" and first.result["cost"][0]["labels"] > 0

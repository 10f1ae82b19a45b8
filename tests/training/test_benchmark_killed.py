"""A benchmark in a process of its own, killed while two trainings go on beside each other."""

import csv
import json
import signal
from pathlib import Path
from typing import Any

import pytest

from games.bundled.world import facts
from tests.games.site import site, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.train, pytest.mark.xdist_group("processes")]

SMALL = ["steps=40", "save_every=4", "log_every=1", "batch_size=2", "accumulate=1"]
COMMAND = ["benchmark", "--methods", "metacognition-single", "metacognition-pairwise", "--seeds", "1", "--dataset", "small"]


def make_questions(file: Path) -> None:
    wanted = {"train": 16, "validation": 8, "test": 12}
    with file.open("w", newline="") as out:
        rows = csv.writer(out)
        rows.writerow(["question", "answers", "split", "subject", "relation", "popularity"])
        for fact in facts()[::37]:  # of all relations, well known and obscure
            if wanted[fact.split]:
                wanted[fact.split] -= 1
                rows.writerow([fact.question, "|".join(fact.answers), fact.split, fact.subject, fact.relation, fact.popularity])


def played(folder: Path, *, kill: int = 0) -> dict[str, Any]:
    """The benchmark's report; ended by this signal, once both trainings have got as far as their first steps, and started again."""
    folder.mkdir()
    make_questions(folder / "small.csv")
    command = [*COMMAND, "--set", *SMALL, "--out", str(folder / "report")]
    with site(folder, torch=True) as here:
        here.run("load_questions", str(folder / "small.csv"), "--name", "small")
        pid = here.start(*command)
        if kill:
            wait_until(lambda: len(list(folder.glob("runs/*/checkpoints/*/complete.json"))) >= 2, "two trainings", here.log)
            here.kill(pid, kill)
            here.wait(pid)
            assert "Traceback" not in here.log.read_text()
            assert not list(folder.glob("runs/*/metrics.json"))  # neither was through
            here.run(*command)
        else:
            here.wait(pid)
    return dict(json.loads((folder / "report/report.json").read_text()))


def test_killed_or_stopped_while_two_methods_train_at_once_it_ends_with_the_table_of_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_by_one = played(tmp_path / "one")
    monkeypatch.setenv("TRAININGS_AT_ONCE", "2")
    at_once = played(tmp_path / "two", kill=signal.SIGKILL)
    assert at_once["rows"] == one_by_one["rows"] == played(tmp_path / "three", kill=signal.SIGINT)["rows"]
    assert [row["method"] for row in at_once["cost"]] == ["metacognition-single", "metacognition-pairwise"]

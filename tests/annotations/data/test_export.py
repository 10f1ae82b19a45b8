"""A study as files: everything that was judged, nothing that identifies, the same bytes each time, and pinned by one digest."""

import csv
import io
import json
import zipfile

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.utils import timezone
from pyarrow import parquet

from annotations.data import codebook
from annotations.data.export import export
from annotations.models import Assignment, Study
from tests import factories as make

pytestmark = pytest.mark.django_db
LABEL = "5f3a9c1e77b2"


@pytest.fixture
def study() -> Study:
    """Closed: Ada judged both arms and passed a check, Bo failed one and is excluded, a bot judged once, a preview looked."""
    study = make.make_study(name="trivia", state=Study.State.CLOSED)
    arms = [
        make.make_arm(study=study, name=name, position=n, speaker=make.make_speaker(digest="ab" * 32)) for n, name in enumerate(("bold", "modest"))
    ]
    check = make.make_check(study=study)
    for name, kwargs in {"ada": {}, "bo": {"excluded": "attention"}, "bot": {"is_bot": True}, "preview": {"is_preview": True}}.items():
        person = make.make_participant(study=study, outcome="finished", **kwargs)
        if name in ("ada", "bo"):
            make.make_identity(participant=person, label=f"{LABEL}-{name}")
            make.make_payment(participant=person, base="1.50", bonus="0.25")
        for position, arm in enumerate(arms if name == "ada" else arms[:1], start=1):
            spoken = make.make_utterance(speaker=arm.speaker)
            judgment = make.make_judgment(
                utterance=spoken, listener=study.listener, judge=person.code, confidence=0.8, excluded=kwargs.get("excluded", "")
            )
            make.make_assignment(arm=arm, participant=person, judgment=judgment, position=position, note="=SUM(A1:A9)" if name == "ada" else "")
        Assignment.objects.create(participant=person, position=3, check_shown=check, passed=name == "ada", answered_at=timezone.now())
    return study


def table(files: dict[str, bytes], name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(files[f"{name}.csv"].decode(), newline="")))


def test_there_is_one_row_a_judgment_of_a_person(study):
    rows = table(export(study=study).files, "judgments")
    assert [(row["arm"], row["accepted"], row["correct"], row["confidence"], row["source"]) for row in rows] == [
        ("bold", "true", "true", "0.8", "fixed"),
        ("modest", "true", "true", "0.8", "fixed"),
        ("bold", "true", "true", "0.8", "fixed"),
    ]
    assert [row["speaker_digest"] for row in rows] == ["ab" * 32] * 3
    assert rows[0]["participant"] == rows[1]["participant"] == study.participants.first().code


def test_there_is_one_row_a_participant_with_their_rounds_beside_each_other(study):
    ada, bo = table(export(study=study).files, "wide")
    assert (ada["round.1.arm"], ada["round.2.arm"], ada["round.2.accepted"]) == ("bold", "modest", "true")
    assert (bo["round.1.arm"], bo["round.2.arm"], bo["round.2.accepted"]) == ("bold", "", "")
    assert ada["participant.outcome"] == "finished"


def test_a_round_keeps_its_number_where_others_are_checks_or_were_not_answered(study):
    cy = make.make_participant(study=study)
    make.make_assignment(arm=study.arms.first(), participant=cy, position=1)
    judgment = make.make_judgment(utterance=make.make_utterance(speaker=study.arms.first().speaker), judge=cy.code, accepted=False)
    make.make_assignment(arm=study.arms.first(), participant=cy, position=4, judgment=judgment)
    ada, _, row = table(export(study=study).files, "wide")
    assert [row[f"round.{n}.accepted"] for n in range(1, 5)] == ["", "", "", "false"]
    assert [ada[f"round.{n}.accepted"] for n in range(1, 5)] == ["true", "true", "", ""]  # her third was a check


def test_checks_participants_and_payments_are_told(study):
    files = export(study=study).files
    assert [row["passed"] for row in table(files, "attention_checks")] == ["true", "false"]
    assert [row["failed_checks"] for row in table(files, "participants")] == ["0", "0"]
    assert table(files, "payments") == [{"state": "due", "currency": "USD", "people": "2", "base": "3.0", "bonus": "0.5"}]
    assert json.loads(files["protocol.json"])["protocol"]["rounds"] == 10


def test_bots_are_in_it_only_if_asked_for_and_previews_never(study):
    rows = table(export(study=study, bots=True).files, "judgments")
    assert sorted(row["bot"] for row in rows) == ["false", "false", "false", "true"]
    assert len(table(export(study=study, bots=True).files, "participants")) == 3


@pytest.mark.parametrize("format", ["csv", "jsonl", "parquet"])
def test_nothing_in_it_identifies_a_person_to_a_platform(study, format):
    exported = export(study=study, format=format, bots=True)
    assert LABEL.encode() not in b"".join(exported.files.values())
    assert b"prolific" not in exported.files[f"participants.{format}"]


@pytest.mark.parametrize("format", ["csv", "jsonl", "parquet"])
def test_exporting_twice_gives_the_same_bytes(study, format):
    assert export(study=study, format=format) == export(study=study, format=format)


def test_every_exported_column_is_in_the_codebook(study):
    files = export(study=study).files
    described = {(row["table"], row["column"]) for row in table(files, "codebook")}
    columns = {
        (name.removesuffix(".csv"), column)
        for name in files
        if name.endswith(".csv")
        for column in next(csv.reader([files[name].decode().split("\n")[0]]))
    }
    assert columns - {("codebook", column.name) for column in codebook.CODEBOOK} == described
    for row in table(files, "codebook"):
        assert row["meaning"].endswith(".") and row["type"] and row["values"], row


def test_a_note_that_a_spreadsheet_would_run_is_escaped_in_csv_alone(study):
    assert table(export(study=study).files, "judgments")[0]["note"] == "'=SUM(A1:A9)"
    rows = [json.loads(line) for line in export(study=study, format="jsonl").files["judgments.jsonl"].decode().splitlines()]
    assert rows[0]["note"] == "=SUM(A1:A9)"


def test_all_formats_hold_the_same(study):
    lines = export(study=study, format="jsonl").files["wide.jsonl"].decode().splitlines()
    binary = export(study=study, format="parquet").files["wide.parquet"]
    assert parquet.read_table(io.BytesIO(binary)).to_pylist() == [json.loads(line) for line in lines]


def test_a_study_without_judgments_is_exported_too():
    files = export(study=make.make_study()).files
    assert table(files, "judgments") == [] and "round.1.accepted" not in files["wide.csv"].decode()


# Sealed


@pytest.fixture
def folder(study, tmp_path):
    call_command("export_study", "trivia", str(tmp_path / "out"))
    return tmp_path / "out"


def digest(folder) -> str:
    return json.loads((folder / "manifest.json").read_text())["digest"]


def test_what_was_exported_is_verified(folder, capsys):
    call_command("export_study", verify=str(folder), digest=digest(folder))
    assert f"Digest: {digest(folder)}" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["attention_checks.csv", "judgments.csv", "protocol.json", "wide.csv"])
def test_the_first_file_that_differs_is_named(folder, name):
    (folder / name).write_bytes((folder / name).read_bytes() + b"\n")
    if name == "judgments.csv":
        (folder / "wide.csv").write_bytes(b"")
    with pytest.raises(CommandError, match=rf"{name}: its content differs"):
        call_command("export_study", verify=str(folder))


def test_a_missing_and_a_strange_file_are_named(folder):
    (folder / "more.csv").write_text("x")
    with pytest.raises(CommandError, match=r"more\.csv: it is in the folder, and not in the manifest"):
        call_command("export_study", verify=str(folder))
    (folder / "wide.csv").unlink()
    with pytest.raises(CommandError, match=r"wide\.csv: it is in the manifest, and not in the folder"):
        call_command("export_study", verify=str(folder))


def test_a_manifest_that_was_rewritten_is_found(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    before = manifest["digest"]
    for change in (lambda it: it["files"].pop(0), lambda it: it["files"].pop(), lambda it: it["about"].update(study="other")):
        changed = json.loads(json.dumps(manifest))
        change(changed)
        (folder / "manifest.json").write_text(json.dumps(changed))
        with pytest.raises(CommandError):
            call_command("export_study", verify=str(folder), digest=before)


def test_another_digest_than_the_published_one_is_told(folder):
    with pytest.raises(CommandError, match="another export"):
        call_command("export_study", verify=str(folder), digest="0" * 64)


def test_wrong_arguments_are_explained(study, tmp_path):
    for arguments, words in (([], "Name a study"), (["quiz", str(tmp_path)], "no study 'quiz'")):
        with pytest.raises(CommandError, match=words):
            call_command("export_study", *arguments)
    with pytest.raises(CommandError, match="there is none"):
        call_command("export_study", verify=str(tmp_path))
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(CommandError, match=r"holds 'mine\.txt'"):
        call_command("export_study", "trivia", str(tmp_path))


# By the page


def test_staff_who_may_see_the_study_download_it(client, study):
    address = "/s/trivia/results/data.zip"
    assert client.get(address).status_code == 302
    client.force_login(User.objects.create_user("other", is_staff=True))
    assert client.get(address).status_code == 404
    client.force_login(User.objects.create_superuser("ada"))
    assert client.get(f"{address}?format=xls").status_code == 400
    answer = client.get(address)
    with zipfile.ZipFile(io.BytesIO(answer.content)) as file:
        assert {name: file.read(name) for name in file.namelist()} == export(study=study).files
    assert answer.content == client.get(address).content

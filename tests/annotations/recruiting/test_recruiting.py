"""Who comes in by which link, once; who does not, and that nothing is stored then; and with which code people go back."""

import datetime as dt
import io
import json
from urllib.parse import parse_qsl, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from django.core.management import CommandError, call_command
from django.utils import timezone

from annotations.models import Participant, PlatformIdentity
from annotations.recruiting import identities, links, tokens
from annotations.recruiting.refusals import WORDS, Refused
from tests.factories import make_identity, make_participant, make_payment, make_study

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PROLIFIC = {"PROLIFIC_PID": "60ffe5c8371090c7041d43f8", "STUDY_ID": "study-1", "SESSION_ID": "session-1"}
TOKEN = {"platform": "prolific", "token": "prolific_token", "audience": "study.example.org"}


def public(key, kid="one") -> dict:
    algorithm = jwt.algorithms.RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else jwt.algorithms.ECAlgorithm
    name = "RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256"
    return {**algorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid, "use": "sig", "alg": name}


def token(key=KEY, *, kid="one", algorithm="RS256", said=PROLIFIC, **claims) -> str:
    claims = {"aud": "study.example.org", "exp": timezone.now() + dt.timedelta(minutes=5), "prolific": said} | claims
    return jwt.encode({name: value for name, value in claims.items() if value is not None}, key, algorithm=algorithm, headers={"kid": kid})


def study_of(**recruits):
    study = make_study(state="open", protocol={"recruiting": recruits})
    study.keys = {"keys": [public(KEY)]}
    study.save()
    return study


def arrive(study, **parameters) -> links.Arrival:
    return links.arrive(study=study, parameters=parameters, now=timezone.now())


def enter(study, **parameters) -> Participant:
    return links.participant_of(study=study, arrival=arrive(study, **parameters))


def refused(study, **parameters) -> str:
    with pytest.raises(Refused) as caught:
        enter(study, **parameters)
    assert not Participant.objects.exists() and not PlatformIdentity.objects.exists(), "a refusal stores nothing"
    return caught.value.reason


# By the link


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("recruits", "parameters", "label"),
    [
        ({"platform": "prolific"}, PROLIFIC, PROLIFIC["PROLIFIC_PID"]),
        ({"platform": "connect"}, {"participantId": "c-1", "projectId": "p", "assignmentId": "a"}, "c-1"),
        ({"platform": "sona"}, {"survey_code": "1234"}, "1234"),
        ({"platform": "open", "label": "who"}, {"who": "Ada"}, "Ada"),
        ({"platform": "prolific", "label": "pid"}, {"pid": "by own mapping"}, "by own mapping"),
    ],
)
def test_it_takes_the_label_from_the_parameters_of_each_platform(recruits, parameters, label):
    person = enter(study_of(**recruits), **parameters)
    assert (person.identity.label, person.identity.platform) == (label, recruits["platform"])
    assert label not in person.code


@pytest.mark.django_db
def test_it_keeps_the_ids_of_study_and_session_with_the_label():
    identity = enter(study_of(platform="prolific"), **PROLIFIC).identity
    assert (identity.platform_study, identity.platform_session) == ("study-1", "session-1")


@pytest.mark.django_db
def test_an_open_link_keeps_no_identity_and_makes_one_person_of_one_ticket():
    study = study_of()
    arrival = arrive(study)
    first, again = (links.participant_of(study=study, arrival=arrival) for _ in range(2))
    assert first == again and not PlatformIdentity.objects.exists()
    assert enter(study) != first


@pytest.mark.django_db
def test_the_same_label_is_the_same_person_whatever_session_it_comes_by():
    study = study_of(platform="prolific")
    assert enter(study, **PROLIFIC) == enter(study, **{**PROLIFIC, "SESSION_ID": "another device"})
    assert study.participants.count() == 1


@pytest.mark.django_db
def test_a_label_is_another_person_in_another_study():
    assert enter(study_of(platform="prolific"), **PROLIFIC) != enter(study_of(platform="prolific"), **PROLIFIC)


@pytest.mark.django_db
def test_opening_a_link_stores_nothing():
    study = study_of(platform="prolific")
    arrival = arrive(study, **PROLIFIC)
    links.seal(study=study, arrival=arrival)
    assert links.known(study=study, arrival=arrival) is None and not Participant.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("label", ["", "   ", "{{%PROLIFIC_PID%}}", "%SURVEY_CODE%", "a\0b", "x" * 201])
def test_it_refuses_a_link_that_names_nobody(label):
    assert refused(study_of(platform="prolific"), **{**PROLIFIC, "PROLIFIC_PID": label}) == "missing"


@pytest.mark.django_db
def test_it_refuses_who_comes_from_another_study_of_the_platform():
    study = study_of(platform="prolific")
    study.platform_study = "study-2"
    assert refused(study, **PROLIFIC) == "foreign"


# By a token


@pytest.mark.django_db
def test_a_valid_token_says_who_comes():
    person = enter(study_of(**TOKEN), prolific_token=token())
    assert (person.identity.label, person.identity.platform_session) == (PROLIFIC["PROLIFIC_PID"], "session-1")


@pytest.mark.django_db
def test_a_token_may_have_its_facts_at_the_top_and_be_of_another_kind_of_key():
    key = ec.generate_private_key(ec.SECP256R1())
    study = study_of(platform="open", label="who", token="t", audience="study.example.org")
    study.keys = {"keys": [public(key)]}
    assert enter(study, t=token(key, algorithm="ES256", prolific=None, who="Ada")).identity.label == "Ada"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("reason", "made"),
    [
        ("missing", lambda: ""),
        ("missing", lambda: token(said={"STUDY_ID": "study-1"})),
        ("forged", lambda: token(OTHER_KEY)),
        ("forged", lambda: token(kid="two")),
        ("forged", lambda: token()[:-4] + "AAAA"),
        ("forged", lambda: "not.a.token"),
        ("forged", lambda: jwt.encode({"aud": "study.example.org", "exp": 2**33, "prolific": PROLIFIC}, None, algorithm="none")),
        ("forged", lambda: jwt.encode({"aud": "study.example.org", "exp": 2**33}, public(KEY)["n"], "HS256", {"kid": "one"})),
        ("forged", lambda: token(exp=None)),
        ("forged", lambda: token(aud=None)),
        ("expired", lambda: token(exp=timezone.now() - dt.timedelta(minutes=5))),
        ("foreign", lambda: token(aud="other.example.org")),
    ],
)
def test_it_lets_nobody_in_without_a_valid_token(reason, made):
    assert refused(study_of(**TOKEN), prolific_token=made()) == reason


@pytest.mark.django_db
def test_a_token_of_another_issuer_is_foreign_where_the_study_names_one():
    study = study_of(**TOKEN, issuer="https://www.prolific.com")
    assert refused(study, prolific_token=token(iss="https://evil.example.org")) == "foreign"
    assert enter(study, prolific_token=token(iss="https://www.prolific.com"))


@pytest.mark.django_db
def test_a_token_of_another_study_of_the_platform_is_foreign():
    study = study_of(**TOKEN)
    study.platform_study = "study-2"
    assert refused(study, prolific_token=token()) == "foreign"


@pytest.mark.django_db
def test_a_label_beside_the_token_cannot_take_somebody_elses_place():
    assert refused(study_of(**TOKEN), prolific_token=token(), PROLIFIC_PID="somebody else") == "forged"


@pytest.mark.django_db
def test_a_label_without_the_token_does_not_let_in():
    assert refused(study_of(**TOKEN), **PROLIFIC) == "missing"


@pytest.mark.django_db
def test_nobody_enters_a_study_whose_tokens_cannot_be_verified_yet():
    study = study_of(**TOKEN)
    study.keys = {}
    assert refused(study, prolific_token=token()) == "not-ready"
    assert any("no keys" in problem for problem in links.problems(study))


def test_it_takes_from_a_key_set_the_keys_that_verify_and_no_others():
    text = json.dumps(
        {"keys": [public(KEY), {"kty": "oct", "k": "c2VjcmV0", "kid": "shared"}, {"kty": "?"}, public(OTHER_KEY, "enc") | {"use": "enc"}]}
    )
    assert [key["kid"] for key in tokens.read_keys(text)["keys"]] == ["one"]


@pytest.mark.parametrize("text", ["", "[]", '{"keys": 3}', '{"keys": []}', '{"keys": ["a"]}', '{"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}'])
def test_it_says_what_is_wrong_with_a_key_set(text):
    with pytest.raises(tokens.KeysError, match=r"JWK set|None of these"):
        tokens.read_keys(text)


def test_it_refuses_to_keep_a_private_key():
    private = jwt.algorithms.RSAAlgorithm.to_jwk(KEY, as_dict=True) | {"alg": "RS256"}
    with pytest.raises(tokens.KeysError, match="private key"):
        tokens.read_keys(json.dumps({"keys": [private]}))


# Tickets and panel links


@pytest.mark.django_db
def test_a_ticket_brings_the_arrival_back_and_belongs_to_one_study():
    study, other = study_of(platform="prolific"), study_of(platform="prolific")
    arrival = arrive(study, **PROLIFIC)
    ticket = links.seal(study=study, arrival=arrival)
    assert links.unseal(study=study, ticket=ticket) == arrival
    for owner, text in ((other, ticket), (study, ticket[:-2] + "zz"), (study, "")):
        with pytest.raises(Refused):
            links.unseal(study=owner, ticket=text)


@pytest.mark.django_db
def test_a_panel_link_lets_its_person_in_and_nobody_else():
    study = study_of(platform="panel")
    parameters = dict(parse_qsl(urlsplit(links.panel_link(study=study, label="ada@example.org")).query))
    assert refused(study, person="bo@example.org:" + parameters["person"].split(":")[-1]) == "forged"
    assert refused(study_of(platform="panel"), **parameters) == "forged"
    assert refused(study) == "missing"
    assert enter(study, **parameters).identity.label == "ada@example.org"


@pytest.mark.django_db
def test_panel_links_prints_a_link_a_label(tmp_path):
    study = study_of(platform="panel")
    (tmp_path / "labels.txt").write_text("ada\n\nbo, jr\n")
    out = io.StringIO()
    call_command("panel_links", study.name, "--labels", tmp_path / "labels.txt", "--site", "https://a.example/", stdout=out)
    lines = out.getvalue().splitlines()
    assert (
        lines[0] == "label,link" and lines[1].startswith(f"ada,https://a.example/s/{study.name}/?person=ada%3A") and lines[2].startswith('"bo, jr",')
    )


@pytest.mark.django_db
def test_panel_links_says_why_it_prints_none(tmp_path):
    (tmp_path / "labels.txt").write_text("ada\nada\n")
    for study, message in ((study_of(), "Set it to 'panel'"), (study_of(platform="panel"), "come twice")):
        with pytest.raises(CommandError, match=message):
            call_command("panel_links", study.name, "--labels", tmp_path / "labels.txt")


@pytest.mark.django_db
def test_study_keys_sets_keys_and_the_platforms_study(tmp_path):
    study = make_study(protocol={"recruiting": TOKEN})
    (tmp_path / "keys.json").write_text(json.dumps({"keys": [public(KEY)]}))
    out = io.StringIO()
    call_command("study_keys", study.name, "--file", tmp_path / "keys.json", "--platform-study", "study-1", stdout=out)
    study.refresh_from_db()
    assert study.platform_study == "study-1" and "keys one" in out.getvalue() and "Nobody" not in out.getvalue()
    assert enter(study, prolific_token=token()).identity.platform_study == "study-1"


# Going back


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("outcome", "code"), [("finished", "DONE"), ("no-consent", "NO"), ("screened-out", "OUT"), ("timed-out", "LATE"), ("full", "FULL")]
)
def test_each_outcome_has_its_code_and_takes_back_to_the_platform(outcome, code):
    study = study_of(platform="prolific", completed="DONE", no_consent="NO", screened_out="OUT", timed_out="LATE", full="FULL")
    person = make_participant(study=study, outcome=outcome)
    assert links.way_back(person) == (code, f"https://app.prolific.com/submissions/complete?cc={code}")


@pytest.mark.django_db
@pytest.mark.parametrize("outcome", ["", "returned"])
def test_no_code_is_told_before_the_outcome_is_saved_nor_to_whoever_returned(outcome):
    person = make_participant(study=study_of(platform="prolific", completed="DONE"), outcome=outcome)
    assert links.way_back(person) == ("", "")


@pytest.mark.django_db
def test_the_way_back_can_name_the_person_as_long_as_that_is_known():
    study = study_of(platform="sona", completed="x", return_url="https://school.example/credit?survey_code={label}")
    person = make_identity(participant=make_participant(study=study, outcome="finished"), label="12 34").participant
    assert links.way_back(person).url == "https://school.example/credit?survey_code=12%2034"
    identities.delete(study=study)
    assert links.way_back(Participant.objects.get(pk=person.pk)).url == ""


def test_every_refusal_has_words_in_every_language_of_the_product():
    assert len({frozenset(words) for words in WORDS.values()}) == 1 and {"en", "de"} <= set(WORDS)
    assert Refused("forged").words("xx") == WORDS["en"]["forged"]


# Forgetting


@pytest.mark.django_db
def test_forgetting_a_person_by_label_or_code_keeps_their_data_and_everybody_elses_label():
    study = study_of(platform="prolific")
    ada, bo, cy = (make_identity(participant=make_participant(study=study), label=name).participant for name in ("ada", "bo", "cy"))
    assert identities.delete(study=study, person="ada") == 1
    assert identities.delete(study=study, person=bo.code) == 1
    assert identities.delete(study=study, person="ada") == 0
    assert set(study.participants.all()) == {ada, bo, cy} and list(study.identities.values_list("label", flat=True)) == ["cy"]


@pytest.mark.django_db
def test_only_studies_whose_day_is_over_are_forgotten():
    today = dt.date(2030, 1, 2)
    rows = [make_study(identities_until=day) for day in (dt.date(2030, 1, 1), today, None)]
    for study in rows:
        make_identity(participant=make_participant(study=study))
    assert identities.delete_due(today=today) == {rows[0].name: 1}
    assert identities.delete_due(today=today) == {}


@pytest.mark.django_db
def test_delete_identities_says_what_it_did_and_does_not_strand_who_is_owed_money():
    person = make_identity(label="ada").participant
    payment = make_payment(participant=person, base=2)
    with pytest.raises(CommandError, match="still owed money"):
        call_command("delete_identities", person.study.name, "--all")
    payment.state = payment.State.EXPORTED
    payment.save()
    out = io.StringIO()
    for _ in range(2):
        call_command("delete_identities", person.study.name, "--label", "ada", stdout=out)
    assert "deleted 1 platform id of 'ada'" in out.getvalue() and "Nothing was changed" in out.getvalue()


@pytest.mark.django_db
def test_delete_identities_due_needs_no_study():
    make_identity(participant=make_participant(study=make_study(name="old", identities_until=dt.date(2020, 1, 1))))
    out = io.StringIO()
    call_command("delete_identities", "--due", stdout=out)
    call_command("delete_identities", "--due", stdout=out)
    assert "Study 'old': deleted 1" in out.getvalue() and "Nothing is due" in out.getvalue()

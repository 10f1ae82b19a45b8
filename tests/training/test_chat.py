"""A model that was taught as a chat is trained on what the game asks it, to the token; and the real trainers take such rows."""

import json
from pathlib import Path

import pytest

from tests.conftest import make_tiny_model
from tests.training.test_trainers import finish, make_folder, start
from training.trainers.chat import as_turns, chatting, length, tokens
from training.trainers.folder import DONE

TEMPLATE = (
    "{{ bos_token }}{% for turn in messages %}<{{ turn['role'] }}>{{ turn['content'] }}{% if turn['role'] == 'assistant' %}{{ eos_token }}{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}"
)
ROW = {"prompt": "Question: What is the capital of France?\nResponse:", "chosen": " Paris, I'm sure.", "rejected": " Paris, I doubt it."}


@pytest.fixture(scope="module")
def chat_model(tmp_path_factory) -> Path:
    folder = make_tiny_model(tmp_path_factory.mktemp("chat") / "model")
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(folder)
    return folder


@pytest.mark.slow
def test_rows_hold_just_what_the_speaker_is_asked_and_says(chat_model):
    from games.speakers import Spec
    from games.speakers.local import LocalSpeaker

    voice = LocalSpeaker(Spec("local", str(chat_model), "", "lacie"))
    question = "What is the capital of France?"
    from games.prompts import STYLES

    (row,) = as_turns([{**ROW, "prompt": STYLES["lacie"](question)}], ["chosen", "rejected"])
    asked = voice._tokens(question)
    ids, _ = tokens(row, "chosen", voice.tokenizer)
    assert ids[: len(asked)] == asked
    assert voice.tokenizer.decode(ids[len(asked) :]) == "Paris, I'm sure.</s>"
    assert length(row, "chosen", voice.tokenizer) == len(ids)
    assert chatting(voice.tokenizer, "lacie") and not chatting(voice.tokenizer, "plain")


@pytest.mark.slow
def test_the_answers_first_character_is_where_it_begins(chat_model):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(chat_model)
    for row, begins in ((ROW, " Paris"), (as_turns([ROW], ["chosen", "rejected"])[0], "Paris")):
        ids, starts = tokens(row, "rejected", tokenizer)
        assert begins in tokenizer.decode([one for one, start in zip(ids, starts, strict=True) if start >= 0])
        assert "Response:" in tokenizer.decode([one for one, start in zip(ids, starts, strict=True) if start < 0])


@pytest.mark.train
@pytest.mark.slow
@pytest.mark.parametrize(("until", "wrong"), [("end", "whole"), ("difference", "tone")])
def test_dpo_trains_a_chat_model(tmp_path, chat_model, until, wrong):
    folder = make_folder(tmp_path / "run", chat_model, rejected_until=until, wrong_answers=wrong, steps=4, max_length=300)
    folder.write("config.json", folder.job() | {"prompt_style": "lacie"})
    code, out = finish(start(folder))
    assert code == DONE, out
    assert json.loads((folder.path / "metrics.json").read_text())["pairs"] == 16

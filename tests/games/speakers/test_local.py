"""The local speaker on a tiny random Llama: what it says, what it hangs on, and what it refuses."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from games.speakers import Spec, load
from games.speakers.base import Generation, OutOfMemory, SpeakerError

torch = pytest.importorskip("torch")

QUESTIONS = ["What is the capital of France?", "Who wrote Hamlet?", "What is the chemical symbol of gold, as it stands in the table?"]
SHORT = Generation(samples=3, temperature=1.0, max_new_tokens=6, seed=5)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def speaker(tiny_model):
    return load(Spec("local", str(tiny_model)))


def texts(found):
    return [[one.text for one in row] for row in found]


def test_it_gives_all_samples_of_each_question_in_order(speaker):
    found = speaker.respond(QUESTIONS, SHORT)
    assert [len(row) for row in found] == [3, 3, 3]
    assert len({text for row in texts(found) for text in row}) > 6


def test_what_it_says_does_not_hang_on_what_else_is_asked(speaker):
    together = texts(speaker.respond(QUESTIONS, SHORT))
    alone = [texts(speaker.respond([question], SHORT))[0] for question in QUESTIONS]
    turned = texts(speaker.respond(QUESTIONS[::-1], SHORT))[::-1]
    assert together == alone == turned


def test_another_seed_says_something_else(speaker):
    assert texts(speaker.respond(QUESTIONS, SHORT)) != texts(speaker.respond(QUESTIONS, replace(SHORT, seed=6)))


def test_more_samples_leave_the_first_ones_as_they_were(speaker):
    few, many = (texts(speaker.respond(QUESTIONS, replace(SHORT, samples=samples))) for samples in (2, 5))
    assert [row[:2] for row in many] == few


def test_nobody_elses_random_numbers_are_touched(speaker):
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    speaker.respond(QUESTIONS[:1], SHORT)
    assert torch.equal(torch.rand(3), expected)


def test_at_temperature_0_it_says_what_generate_says(speaker):
    found = speaker.respond(QUESTIONS, replace(SHORT, temperature=0))
    for question, row in zip(QUESTIONS, found, strict=True):
        ids = torch.tensor([speaker._tokens(question)])
        said = speaker.model.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=6)[0, ids.shape[1] :]
        assert {one.text for one in row} == {speaker.tokenizer.decode(said, skip_special_tokens=True).strip()}
        assert len(row) == 3


def test_its_log_probability_is_that_of_one_pass_over_the_whole_text(speaker):
    from games.speakers.local import _numbers

    prompts = [speaker._tokens(question) for question in QUESTIONS]
    numbers = np.stack([_numbers(question, SHORT) for question in QUESTIONS])
    for prompt, row in zip(prompts, speaker._sample(prompts, numbers, SHORT), strict=True):
        for one in row:
            ids = torch.tensor([[*prompt, *one.tokens]])
            with torch.inference_mode():
                logs = speaker.model(ids).logits.log_softmax(-1)[0, len(prompt) - 1 :]
            chances = logs[:-1].gather(1, ids[0, len(prompt) :, None]).sum().item()
            if len(one.tokens) < SHORT.max_new_tokens:
                chances += logs[-1, 2].item()  # and then it ended
            assert one.log_probability == pytest.approx(chances, abs=1e-4)


def test_a_prompt_begins_with_the_start_token_once(speaker):
    ids = speaker._tokens(QUESTIONS[0])
    assert ids[0] == 1
    assert 1 not in ids[1:]


def test_it_asks_in_the_chat_template_unless_the_style_is_plain(tiny_model):
    for style, chats in (("plain", False), ("lacie", True)):
        speaker = load(Spec("local", str(tiny_model), prompt_style=style))
        speaker.tokenizer.chat_template = "{{ bos_token }}USER {{ messages[0]['content'] }} ASSISTANT"
        asked = speaker.tokenizer.decode(speaker._tokens(QUESTIONS[1]))
        assert asked.count("<s>") == 1
        assert ("USER" in asked and asked.endswith("ASSISTANT")) == chats


def test_what_comes_after_its_own_next_question_is_no_response(speaker):
    from games.speakers.sampling import Sampled

    ids = speaker.tokenizer(" Paris, perhaps.\nQuestion: And who", add_special_tokens=False)["input_ids"]
    assert speaker._response(Sampled(ids, -1.0)).text == "Paris, perhaps."


# Drawing


def drawn(logits, numbers, **how):
    from games.speakers.sampling import pick

    rows = torch.tensor([logits]).expand(len(numbers), -1)
    return pick(rows, torch.tensor(numbers, dtype=torch.float64), replace(SHORT, **how)).tolist()


def test_tokens_are_drawn_as_often_as_they_are_likely():
    chances = torch.tensor([0.5, 0.3, 0.15, 0.05])
    numbers = ((torch.arange(1000) + 0.5) / 1000).tolist()
    found = drawn(chances.log().tolist(), numbers)
    assert [found.count(token) for token in range(4)] == [500, 300, 150, 50]


def test_a_low_temperature_sharpens():
    found = drawn([1.0, 0.0], [0.85], temperature=0.5), drawn([1.0, 0.0], [0.85], temperature=1.0)
    assert found == ([0], [1])


@pytest.mark.parametrize(("how", "possible"), [({"top_k": 2}, {1, 2}), ({"top_p": 0.8}, {1, 2}), ({"top_p": 0.5}, {2}), ({"top_k": 9}, {0, 1, 2, 3})])
def test_top_k_and_top_p_leave_only_the_likeliest(how, possible):
    chances = torch.tensor([0.10, 0.3, 0.55, 0.05])
    numbers = [0.0, *torch.linspace(0.001, 0.999, 200).tolist(), 1 - 2**-53]
    assert set(drawn(chances.log().tolist(), numbers, **how)) == possible


def test_an_impossible_token_is_never_drawn():
    assert set(drawn([-float("inf"), 0.0, -float("inf")], [0.0, 0.5, 1 - 2**-53])) == {1}


def test_a_model_that_gives_no_numbers_is_told():
    with pytest.raises(SpeakerError, match="NaN"):
        drawn([float("nan"), 0.0], [0.5])


# Adapters


@pytest.fixture
def adapter(tiny_model, tmp_path):
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(0)
    config = LoraConfig(r=4, target_modules="all-linear", init_lora_weights=False)
    get_peft_model(AutoModelForCausalLM.from_pretrained(tiny_model), config).save_pretrained(tmp_path / "adapter")
    return tmp_path / "adapter"


@pytest.mark.slow
def test_an_adapter_changes_what_is_said(tiny_model, adapter, speaker):
    adapted = load(Spec("local", str(tiny_model), adapter=str(adapter)))
    assert texts(adapted.respond(QUESTIONS, SHORT)) != texts(speaker.respond(QUESTIONS, SHORT))
    assert "peft" not in type(adapted.model).__module__  # merged, so as fast as the base


@pytest.mark.slow
def test_an_adapter_that_cannot_be_merged_says_the_same_words(tiny_model, adapter):
    """As over four-bit weights. With questions of unlike length, so that positions matter."""
    from games.speakers.local import _with_adapter

    merged, apart = load(Spec("local", str(tiny_model), adapter=str(adapter))), load(Spec("local", str(tiny_model)))
    apart.model = _with_adapter(apart.model, str(adapter), merge=False).eval()
    assert "peft" in type(apart.model).__module__
    assert texts(apart.respond(QUESTIONS, SHORT)) == texts(merged.respond(QUESTIONS, SHORT))


def test_an_adapter_that_is_not_there_is_named(tiny_model, tmp_path):
    with pytest.raises(SpeakerError, match=r"no adapter in .*adapter_config\.json"):
        load(Spec("local", str(tiny_model), adapter=str(tmp_path)))


# Memory


def test_what_does_not_fit_in_memory_is_told_as_such_and_smaller_pieces_still_work(tiny_model):
    small = load(Spec("local", str(tiny_model)))

    def ask_for_too_much(module, arguments, given):
        if len(given["input_ids"]) > 1:
            torch.empty(1 << 60)  # the allocator's own refusal

    small.model.register_forward_pre_hook(ask_for_too_much, with_kwargs=True)
    with pytest.raises(OutOfMemory, match="3 questions") as caught:
        small.respond(QUESTIONS, replace(SHORT, samples=1))
    assert caught.value.retry
    assert small.respond(QUESTIONS[:1], replace(SHORT, samples=1))


def test_numbers_for_too_many_samples_are_out_of_memory_too(speaker):
    with pytest.raises(OutOfMemory):
        speaker.respond(QUESTIONS[:1], replace(SHORT, samples=10**14))


def test_other_errors_of_torch_stay_what_they_are(tiny_model):
    broken = load(Spec("local", str(tiny_model)))
    broken.model.register_forward_pre_hook(lambda *_: torch.zeros(2) @ torch.zeros(3))
    with pytest.raises(RuntimeError, match="size"):
        broken.respond(QUESTIONS, SHORT)


# Refusals


def test_nothing_asked_is_nothing_said(speaker):
    assert speaker.respond([], SHORT) == []


def test_a_question_that_does_not_fit_the_model_is_named(speaker):
    with pytest.raises(SpeakerError, match="takes 256 tokens; the question 'why why"):
        speaker.respond([QUESTIONS[0], "why " * 400], SHORT)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"generation": {"tempreature": 1}}, "knows no setting tempreature"),
        ({"prompt_style": "rude"}, "Choose one of: plain, lacie"),
        ({"generation": {"dtype": "float7"}}, "Unknown dtype 'float7'"),
        ({"generation": {"dtype": "nn"}}, "Unknown dtype 'nn'"),
    ],
)
def test_wrong_settings_are_refused(tiny_model, fields, words):
    with pytest.raises(SpeakerError, match=words):
        load(Spec("local", str(tiny_model), **fields))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
@pytest.mark.parametrize(("settings", "words"), [({"four_bit": True}, "bitsandbytes"), ({"device": "cuda"}, "finds no GPU")])
def test_what_needs_a_gpu_is_refused_without_one(tiny_model, settings, words):
    with pytest.raises(SpeakerError, match=words):
        load(Spec("local", str(tiny_model), generation=settings))


def test_a_folder_without_a_model_is_named(tmp_path):
    with pytest.raises(SpeakerError, match="holds no model"):
        load(Spec("local", str(tmp_path)))


def test_a_name_of_the_hub_is_not_asked_for_over_the_network_unless_that_is_allowed(monkeypatch):
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    with pytest.raises(SpeakerError, match="HF_HUB_OFFLINE=0 lets it be downloaded"):
        load(Spec("local", "nobody/no-such-model"))


def test_broken_weights_are_told_without_a_traceback(tiny_model, tmp_path):
    for file in Path(tiny_model).iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "model_type": "no-such-architecture"}))
    with pytest.raises(SpeakerError, match="holds no model"):
        load(Spec("local", str(tmp_path)))

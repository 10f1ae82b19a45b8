"""Fixtures that several apps' tests share."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

PHRASES = [
    "Question: What is the capital of France?\nResponse: The answer is Paris, definitely.",
    "Question: Who wrote Hamlet?\nResponse: Perhaps it was William Shakespeare, but I am not sure at all.",
    "Question: What is the chemical symbol of gold?\nResponse: Au. I know this for certain. yes no A B",
]


@pytest.fixture(scope="session")
def django_db_modify_db_settings(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A file, as it is outside tests: of a database in memory all threads have one connection, so that requests at the same time would be in one
    transaction."""
    from django.conf import settings

    database = settings.DATABASES["default"]
    if database["ENGINE"] == "django.db.backends.sqlite3":
        database.setdefault("TEST", {})["NAME"] = str(tmp_path_factory.mktemp("database") / "test.sqlite3")


def make_tiny_model(folder: Path, *, texts: Sequence[str] = PHRASES, width: int = 32, layers: int = 2, seed: int = 0) -> Path:
    """A random Llama and a byte-level tokenizer made on the spot: everything real about it but its knowledge."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    special = ["<pad>", "<s>", "</s>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    bpe.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=400, special_tokens=special, initial_alphabet=alphabet, show_progress=False))
    bpe.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bpe, pad_token="<pad>", bos_token="<s>", eos_token="</s>", padding_side="left")
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=3 * width,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=256,
        tie_word_embeddings=True,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
    )
    model = LlamaForCausalLM(config)
    model.generation_config.pad_token_id = 0
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: Any) -> Path:
    """The folder of a two-layer random Llama, 32 wide."""
    return make_tiny_model(tmp_path_factory.mktemp("tiny-model"))


@pytest.fixture(scope="session")
def probe(tmp_path_factory: Any) -> Path:
    """The adapter folder of a judge of the tiny model: a random network on its last layer, and its weights as they were."""
    import torch

    from training.trainers.judging import Head

    folder: Path = tmp_path_factory.mktemp("probe")
    torch.manual_seed(0)
    head = Head(32)
    with torch.no_grad():
        for weights in head.parameters():
            weights.mul_(3)
    head.save(str(folder / "head.safetensors"))
    (folder / "calibration.json").write_text(json.dumps({"variant": "probe", "temperature": 1.0}))
    return folder

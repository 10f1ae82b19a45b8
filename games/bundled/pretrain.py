"""Pre-trains the bundled speaker from nothing: tokenizer, Llama configuration, plain next-token training on the generated library.

Seeded, and resumable: every `SAVE_EVERY` steps the whole state goes to one file that is replaced atomically, so a killed run continues where it was.
"""

from __future__ import annotations

import math
import os
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read when torch loads: threads that spin while they wait cost a factor of six

import torch  # after the setting above
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from games.bundled.library import Document, Library

PAD, BOS, EOS = "<pad>", "<s>", "</s>"
SAVE_EVERY = 200
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Recipe:
    """What the figures in `docs/log.md` were measured with."""

    width: int = 160
    layers: int = 4
    heads: int = 4
    vocabulary: int = 2000
    epochs: int = 8
    batch: int = 64
    learning_rate: float = 1.5e-3
    weight_decay: float = 0.01
    seed: int = 0


def make_tokenizer(documents: Sequence[Document], vocabulary: int) -> Any:
    """A byte-level BPE tokenizer that puts the start token before every text by itself."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=vocabulary, special_tokens=[PAD, BOS, EOS], initial_alphabet=alphabet, show_progress=False)
    bpe.train_from_iterator((prompt + response for prompt, response in documents), trainer)
    bpe.post_processor = processors.TemplateProcessing(single=f"{BOS} $A", special_tokens=[(BOS, 1)])
    wrap: Any = PreTrainedTokenizerFast
    return wrap(tokenizer_object=bpe, pad_token=PAD, bos_token=BOS, eos_token=EOS, padding_side="left")


def make_model(recipe: Recipe, vocabulary: int) -> LlamaForCausalLM:
    torch.manual_seed(recipe.seed)
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=recipe.width,
        intermediate_size=recipe.width * 3,
        num_hidden_layers=recipe.layers,
        num_attention_heads=recipe.heads,
        num_key_value_heads=recipe.heads,
        max_position_embeddings=256,
        tie_word_embeddings=True,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
    )
    return LlamaForCausalLM(config)


def batches(library: Library, tokenizer: Any, recipe: Recipe, epoch: int) -> list[list[list[int]]]:
    """One epoch's token lists, texts of like length together, in an order that depends on seed and epoch alone."""
    rng = random.Random(f"{recipe.seed}/{epoch}/batches")
    texts = [prompt + response for prompt, response in library.epoch(epoch)]
    rows = [[*ids, 2] for ids in tokenizer(texts)["input_ids"]]
    rows.sort(key=lambda row: len(row) + rng.random() * 3)
    grouped = [rows[i : i + recipe.batch] for i in range(0, len(rows), recipe.batch)]
    rng.shuffle(grouped)
    return grouped


def padded(rows: list[list[int]]) -> torch.Tensor:
    longest = max(map(len, rows))
    return torch.tensor([row + [0] * (longest - len(row)) for row in rows])


def rate(step: int, total: int, peak: float) -> float:
    """100 steps of warm-up, then a cosine down to a twentieth."""
    return peak * min(1.0, (step + 1) / 100) * (0.05 + 0.475 * (1 + math.cos(math.pi * min(step, total) / total)))


def pretrain(library: Library, recipe: Recipe, folder: Path, *, on_progress: Progress | None = None) -> Path:
    """Train, or go on training, and leave model and tokenizer in `folder`. Returns `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = make_tokenizer(library.epoch(0), recipe.vocabulary)
    model = make_model(recipe, len(tokenizer))
    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay, betas=(0.9, 0.98))
    kept = folder / "pretraining.pt"
    total = recipe.epochs * math.ceil(len(library.epoch(0)) / recipe.batch)
    done = _restore(kept, recipe, model, optimizer)
    model.train()
    began = time.monotonic()
    for step, rows in _from(done, _steps(library, tokenizer, recipe)):
        loss = _train_step(model, optimizer, rows, rate(step, total, recipe.learning_rate))
        if on_progress and step % 10 == 0:
            on_progress(step, total, f"loss {loss:.3f}, {time.monotonic() - began:.0f} s")
        if (step + 1) % SAVE_EVERY == 0:
            _keep(kept, recipe, step + 1, model, optimizer)
    model.generation_config.pad_token_id = 0
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    kept.unlink(missing_ok=True)
    return folder


def _steps(library: Library, tokenizer: Any, recipe: Recipe) -> Iterator[list[list[int]]]:
    for epoch in range(recipe.epochs):
        yield from batches(library, tokenizer, recipe, epoch)


def _from(done: int, steps: Iterator[list[list[int]]]) -> Iterator[tuple[int, list[list[int]]]]:
    return ((step, rows) for step, rows in enumerate(steps) if step >= done)


def _train_step(model: LlamaForCausalLM, optimizer: torch.optim.Optimizer, rows: list[list[int]], learning_rate: float) -> float:
    for group in optimizer.param_groups:
        group["lr"] = learning_rate
    ids = padded(rows)
    loss = model(input_ids=ids, attention_mask=(ids != 0).long(), labels=ids.masked_fill(ids == 0, -100)).loss
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad()
    return float(loss.item())


def _keep(path: Path, recipe: Recipe, step: int, model: LlamaForCausalLM, optimizer: torch.optim.Optimizer) -> None:
    part = path.with_suffix(".part")
    torch.save({"recipe": asdict(recipe), "step": step, "model": model.state_dict(), "optimizer": optimizer.state_dict()}, part)
    part.replace(path)


def _restore(path: Path, recipe: Recipe, model: LlamaForCausalLM, optimizer: torch.optim.Optimizer) -> int:
    """Load what an interrupted run left, if it was made by the same recipe; the number of steps done."""
    if not path.exists():
        return 0
    state = torch.load(path, weights_only=True)
    if state["recipe"] != asdict(recipe):
        return 0
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    return int(state["step"])

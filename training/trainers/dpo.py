"""DPO with TRL: the part of LACIE and its baseline that needs torch. Imported by a trainer's subprocess only."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.trainers.base import Stopped, Stopping, keep_freed_memory, say
from training.trainers.config import ConfigError
from training.trainers.folder import Folder, FolderError
from training.trainers.order import training_order

if TYPE_CHECKING:
    from training.trainers.lacie import Config

COLUMNS = ("prompt", "chosen", "rejected")


def train_preferences(job: dict[str, Any], config: Config, folder: Folder, stopping: Stopping) -> None:
    """Train, or go on training, and leave `adapter/` and `metrics.json`. Raises `Stopped` after saving, if it was asked to stop."""
    pairs = folder.rows("train.jsonl", COLUMNS)
    if not pairs:
        raise FolderError(f"{folder.path}/train.jsonl has no pairs. `manage.py export_pairs` writes them.")
    _environment(job, config)
    from training.trainers.callback import FolderCallback

    checkpoint = folder.latest_checkpoint()
    start = folder.checkpoint_step()
    folder.rewind_progress(start)
    tokenizer, model = load_model(job, config)
    fitting, lengths = _fitting(pairs, tokenizer, config.max_length)
    say(f"{len(fitting)} of {len(pairs)} pairs have at most {config.max_length} tokens; the others are left out.")
    callback = FolderCallback(folder, stopping)
    trainer = _trainer(job, config, folder, model=model, tokenizer=tokenizer, pairs=fitting, callback=callback)
    trainer.train_dataset = trainer.train_dataset.select(_order(lengths, config, job["seed"]))
    say(f"Going on from step {start} of {config.steps}." if checkpoint else f"Training for {config.steps} steps.")
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    if callback.stopped:
        raise Stopped
    _finish(trainer, tokenizer, config, folder, {"pairs": len(fitting), "pairs_too_long": len(pairs) - len(fitting)})


def _trainer(job: dict[str, Any], config: Config, folder: Folder, *, model: Any, tokenizer: Any, pairs: list[dict[str, Any]], callback: Any) -> Any:
    from trl.trainer.dpo_trainer import DPOTrainer

    validation, _ = _fitting(folder.rows("validation.jsonl", COLUMNS), tokenizer, config.max_length)
    trainer: Any = DPOTrainer(
        model=model,
        args=_arguments(job, config, folder, evaluate=bool(validation)),
        train_dataset=_dataset(pairs, folder, "train"),
        eval_dataset=_dataset(validation, folder, "validation") if validation else None,
        processing_class=tokenizer,
        peft_config=None if config.full or job.get("adapter") else _lora(config),
        callbacks=[callback],
    )
    trainer.create_model_card = lambda *_, **__: None  # the platform writes its own card, with the data and the figures
    return trainer


def _finish(trainer: Any, tokenizer: Any, config: Config, folder: Folder, counts: dict[str, int]) -> None:
    """Write the result, `metrics.json` last, and drop what only a resumed run would need."""
    _save(trainer.accelerator.unwrap_model(trainer.model), tokenizer, config, folder)
    last: dict[str, Any] = next((line for line in reversed(folder.progress()) if "loss" in line), {})
    trainable = sum(weights.numel() for weights in trainer.model.parameters() if weights.requires_grad)
    folder.write("metrics.json", {**last, "step": config.steps, "total": config.steps, **counts, "trainable_parameters": trainable})
    shutil.rmtree(folder.checkpoints, ignore_errors=True)
    shutil.rmtree(folder.path / "prepared", ignore_errors=True)
    say(f"Done: {config.steps} steps.")


def _environment(job: dict[str, Any], config: Config) -> None:
    """What must be set before torch and the Hugging Face libraries are imported."""
    if Path(job["model"]).is_dir():
        os.environ["HF_HUB_OFFLINE"] = "1"  # nothing here needs a network
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that spin while they wait cost a factor of six on a busy two-core machine
    keep_freed_memory()
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    os.environ["TQDM_DISABLE"] = os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    os.environ["HF_DATASETS_DISABLE_PROGRESS_BARS"] = "1"
    if "WORLD_SIZE" not in os.environ:
        os.environ.setdefault("CUDA_VISIBLE_DEVICES", "0")  # one process trains on one GPU; with several in sight Transformers would split batches
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # else CUDA has no deterministic matrix product
    import torch

    torch.set_num_threads(config.threads or len(os.sched_getaffinity(0)))
    torch.use_deterministic_algorithms(True, warn_only=True)


def load_model(job: dict[str, Any], config: Config) -> tuple[Any, Any]:
    """Tokenizer and model, in the precision that this machine and the configuration allow; with its adapter, if the base has one."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    on_gpu = torch.cuda.is_available()
    options: dict[str, Any] = {"dtype": torch.bfloat16 if on_gpu and config.bf16 and not config.full else torch.float32}
    if on_gpu and config.four_bit and not config.full:
        options |= {"quantization_config": _four_bit(), "device_map": {"": 0}}
    try:
        tokenizer = AutoTokenizer.from_pretrained(job["model"])
        model: Any = AutoModelForCausalLM.from_pretrained(job["model"], **options)
    except OSError as error:
        raise FolderError(f"The model {job['model']!r} cannot be loaded: {str(error).splitlines()[0]}") from error
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    if not job.get("adapter"):
        return tokenizer, model
    from peft import PeftModel

    model = PeftModel.from_pretrained(model, job["adapter"], is_trainable=not config.full)
    return tokenizer, model.merge_and_unload() if config.full else model


def _four_bit() -> Any:
    import importlib.util

    import torch
    from transformers import BitsAndBytesConfig

    if importlib.util.find_spec("bitsandbytes") is None:
        raise ConfigError("four_bit=true needs bitsandbytes: pip install bitsandbytes, or give four_bit=false.")
    make: Any = BitsAndBytesConfig
    return make(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=torch.bfloat16)


def _fitting(pairs: list[dict[str, Any]], tokenizer: Any, max_length: int) -> tuple[list[dict[str, Any]], list[int]]:
    """The pairs whose longer text, with the end token, has at most `max_length` tokens; and the length of that text.

    Raises:
        ConfigError: pairs are given, and none fits.
    """
    if not pairs:
        return [], []
    texts = [[pair["prompt"] + pair[side] for pair in pairs] for side in COLUMNS[1:]]
    longer = [max(map(len, both)) + 1 for both in zip(*(tokenizer(side)["input_ids"] for side in texts), strict=True)]
    fitting = [(pair, length) for pair, length in zip(pairs, longer, strict=True) if length <= max_length]
    if not fitting:
        raise ConfigError(f"None of the {len(pairs)} pairs fits into max_length={max_length} tokens; the shortest needs {min(longer)}. Raise it.")
    return [pair for pair, _ in fitting], [length for _, length in fitting]


def _order(lengths: list[int], config: Config, seed: int) -> list[int]:
    batches = config.steps * config.accumulate
    return training_order(lengths, batch=config.batch_size, batches=batches, seed=seed, group_by_length=config.group_by_length)


def _dataset(pairs: list[dict[str, Any]], folder: Folder, name: str) -> Any:
    """The pairs on disk, so that what TRL computes from them (tokens, reference log-probabilities) is kept for a resumed run."""
    from datasets import Dataset, load_from_disk

    kept = folder.path / "prepared" / name
    if not kept.exists():
        part = kept.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        Dataset.from_list(pairs).save_to_disk(part)
        part.rename(kept)
    return load_from_disk(str(kept))


def _lora(config: Config) -> Any:
    from peft import LoraConfig

    targets = "all-linear" if config.target_modules == ("all-linear",) else list(config.target_modules)
    return LoraConfig(
        r=config.lora_rank, lora_alpha=config.lora_alpha, lora_dropout=config.lora_dropout, target_modules=targets, task_type="CAUSAL_LM"
    )


def _arguments(job: dict[str, Any], config: Config, folder: Folder, *, evaluate: bool) -> Any:
    import torch
    from trl.trainer.dpo_config import DPOConfig

    on_gpu = torch.cuda.is_available()
    return DPOConfig(
        output_dir=str(folder.checkpoints),
        seed=job["seed"],
        beta=config.beta,
        learning_rate=config.learning_rate,
        lr_scheduler_type=config.schedule,
        warmup_steps=config.warmup_steps,
        max_steps=config.steps,
        per_device_train_batch_size=config.batch_size,
        per_device_eval_batch_size=config.batch_size,
        gradient_accumulation_steps=config.accumulate,
        max_length=config.max_length,
        optim=config.optimizer,
        weight_decay=config.weight_decay,
        loss_type=list(config.loss_type),
        loss_weights=list(config.loss_weights) or None,
        disable_dropout=config.disable_dropout,
        precompute_ref_log_probs=config.precompute_ref,
        train_sampling_strategy="sequential",  # the dataset itself is in the order of training
        bf16=on_gpu and config.bf16,
        use_cpu=not on_gpu,
        gradient_checkpointing=on_gpu and config.gradient_checkpointing,
        logging_steps=config.log_every,
        save_steps=config.save_every,
        eval_strategy="steps" if evaluate and config.eval_every else "no",
        eval_steps=config.eval_every or None,
        dataloader_pin_memory=on_gpu,
        disable_tqdm=True,
        report_to="none",
    )


def _save(model: Any, tokenizer: Any, config: Config, folder: Folder) -> None:
    """Write `adapter/`, whole or not at all."""
    part, adapter = folder.path / "adapter.part", folder.path / "adapter"
    shutil.rmtree(part, ignore_errors=True)
    shutil.rmtree(adapter, ignore_errors=True)
    if config.full:
        model.save_pretrained(part)
        tokenizer.save_pretrained(part)
    else:
        model.save_pretrained(part, selected_adapters=["default"])
        (part / "README.md").unlink(missing_ok=True)
    part.rename(adapter)

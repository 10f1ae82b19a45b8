"""A method's weights: the process made ready for torch, the model loaded, adapted, and written as the result. For trainers' subprocesses only."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any, Protocol

from training.trainers.base import keep_freed_memory
from training.trainers.config import ConfigError
from training.trainers.folder import Folder, FolderError


class Adapted(Protocol):
    """The settings of an adapter, as the methods' configurations have them."""

    @property
    def lora_rank(self) -> int: ...
    @property
    def lora_alpha(self) -> int: ...
    @property
    def lora_dropout(self) -> float: ...
    @property
    def target_modules(self) -> tuple[str, ...]: ...


def prepare(job: dict[str, Any], *, threads: int = 0) -> None:
    """What must be set before torch and the Hugging Face libraries are imported. `threads` of 0: as many as the machine or OMP_NUM_THREADS gives."""
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

    torch.set_num_threads(threads or int(os.environ.get("OMP_NUM_THREADS") or len(os.sched_getaffinity(0))))
    torch.use_deterministic_algorithms(True, warn_only=True)


def load_model(job: dict[str, Any], *, four_bit: bool, bf16: bool, full: bool = False) -> tuple[Any, Any]:
    """Tokenizer and model, in the precision that this machine and the settings allow; with its adapter, if the base has one."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    on_gpu = torch.cuda.is_available()
    options: dict[str, Any] = {"dtype": torch.bfloat16 if on_gpu and bf16 and not full else torch.float32}
    if on_gpu and four_bit and not full:
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

    model = PeftModel.from_pretrained(model, job["adapter"], is_trainable=not full)
    return tokenizer, model.merge_and_unload() if full else model


def _four_bit() -> Any:
    import importlib.util

    import torch
    from transformers import BitsAndBytesConfig

    if importlib.util.find_spec("bitsandbytes") is None:
        raise ConfigError("four_bit=true needs bitsandbytes: pip install bitsandbytes, or give four_bit=false.")
    make: Any = BitsAndBytesConfig
    return make(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=torch.bfloat16)


def lora(config: Adapted) -> Any:
    """A new adapter's shape; `all-linear` alone means all layers but the output's."""
    from peft import LoraConfig

    targets = "all-linear" if tuple(config.target_modules) == ("all-linear",) else list(config.target_modules)
    return LoraConfig(
        r=config.lora_rank, lora_alpha=config.lora_alpha, lora_dropout=config.lora_dropout, target_modules=targets, task_type="CAUSAL_LM"
    )


def peak_memory_mb() -> int:
    """The most that this process has held: of the GPU's memory where it uses one, else of the machine's."""
    import resource

    import torch

    if torch.cuda.is_available():
        return round(torch.cuda.max_memory_allocated() / 2**20)
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)  # kilobytes on Linux


def save(model: Any, folder: Folder, *, tokenizer: Any = None) -> None:
    """Write `adapter/`, whole or not at all: the adapter, or with a tokenizer the whole model."""
    part, adapter = folder.path / "adapter.part", folder.path / "adapter"
    shutil.rmtree(part, ignore_errors=True)
    shutil.rmtree(adapter, ignore_errors=True)
    if tokenizer is not None:
        model.save_pretrained(part)
        tokenizer.save_pretrained(part)
    else:
        model.save_pretrained(part, selected_adapters=["default"])
        (part / "README.md").unlink(missing_ok=True)
    part.rename(adapter)

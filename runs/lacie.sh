#!/usr/bin/env bash
# LACIE as in the paper (arXiv 2405.21028): TriviaQA, Mistral-7B as speaker and listener, 4-bit LoRA, DPO for 250 steps.
#
# Needs a GPU of 40 GB or more, `make install`, `pip install bitsandbytes`, and TriviaQA's `rc.web.nocontext` as two Parquet files.
# What differs from the paper is listed in docs/papers.md. Interrupted, it goes on where it was.
#
#   TRAIN=triviaqa-train.parquet TEST=triviaqa-validation.parquet runs/lacie.sh
set -euo pipefail
cd "$(dirname "$0")/.."
manage() { .venv/bin/python manage.py "$@"; }
MODEL=${MODEL:-mistralai/Mistral-7B-v0.1}
DEVICE=${DEVICE:-cuda}
SEED=${SEED:-0}
OUT=${DATA_DIR:-data}
export HF_HUB_OFFLINE=${HF_HUB_OFFLINE:-0}

manage migrate --verbosity 0
manage load_questions "$TRAIN" --name triviaqa --split train --limit 10000
manage load_questions "$TEST" --name triviaqa --split test --limit 1000

# The rows of the speaker (asked in the paper's manner) and of the listener (the same model, told to know nothing and to go by the tone).
speaker=$(manage shell --verbosity 0 -c "from training.registry import base_speaker; print(base_speaker('$MODEL'))")
manage shell --verbosity 0 -c "from games.models import Listener; Listener.objects.get_or_create(name='llm', defaults={'kind': 'llm', 'config': {'model': '$MODEL', 'device': '$DEVICE', 'dtype': 'bfloat16'}})"

# 10 samples a question at T = 0.7: the defaults.
manage play_game --speaker "$speaker" --dataset triviaqa --listener llm --seed "$SEED"

# The paper's rule, all its numbers the defaults.
manage build_pairs paper-lacie --rule lacie --speaker "$speaker" --listener llm
manage build_pairs paper-truthful --rule truthful --speaker "$speaker" --listener llm

manage train_speaker lacie --base "$speaker" --pairs paper-lacie --name lacie-paper --seed "$SEED"
manage train_speaker truthful --base "$speaker" --pairs paper-truthful --name truthful-paper --seed "$SEED"

manage compare_speakers "$speaker" truthful-paper lacie-paper --dataset triviaqa --split test --listener llm --seed "$SEED" --json "$OUT/comparison.json" --html "$OUT/report"

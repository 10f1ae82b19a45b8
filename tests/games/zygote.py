"""Starts Django once, then forks a process of its own for each command it is told: real processes to kill, without the seconds of starting.

Told by lines of JSON on its standard input: {"manage": [arguments], "log": file} starts a command, {"call": "module.function", "with": {...},
"to": file} calls a function and writes what it returns. Answers each with the process id. When its input ends, all of them end.
"""

import importlib
import json
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import Any


def main() -> None:
    import django
    from django.db import connections

    django.setup()
    importlib.import_module("games.play")
    importlib.import_module("games.management.commands.worker")
    importlib.import_module("lacie_platform.urls")  # every command's system checks do, and that takes longest
    if "torch" in sys.argv:
        importlib.import_module("games.speakers.sampling")
        importlib.import_module("transformers").LlamaForCausalLM  # noqa: B018  # imported on access
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them: a killed one is gone at once
    for line in sys.stdin:
        connections.close_all()
        pid = os.fork()
        if pid == 0:
            _child(json.loads(line))
        print(pid, flush=True)  # noqa: T201  # the answer
    os.killpg(0, signal.SIGKILL)


def _child(told: dict[str, Any]) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # as in a terminal, also where the tests run in the background, which ignores Ctrl-C
    code = 1
    try:
        code = _manage(told) if "manage" in told else _call(told)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _manage(told: dict[str, Any]) -> int:
    from django.core.management import execute_from_command_line

    log = os.open(told["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(log, stream)
    execute_from_command_line(["manage.py", *told["manage"]])
    return 0


def _call(told: dict[str, Any]) -> int:
    module, name = told["call"].rsplit(".", 1)
    answer = json.dumps(getattr(importlib.import_module(module), name)(**told["with"]))
    part = Path(told["to"] + ".part")
    part.write_text(answer)
    part.replace(told["to"])
    return 0


if __name__ == "__main__":
    main()

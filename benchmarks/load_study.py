"""What one judgment costs: CPU of server and PostgreSQL together, and how long a person waits, with 200 people who each judge every ten seconds.

    python benchmarks/load_study.py [--people 200] [--seconds 60] [--every 10] [--wsgi]

Needs root and PostgreSQL's programs: it makes a cluster of its own, serves the site by two uvicorn processes, and lets bots take part. Their own
CPU is not counted. Counting begins when everybody has entered. On a machine that does other things at the same time the waiting times mean nothing,
and the CPU comes out too high.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.load.stage import Stage, cluster, stage

TICK = os.sysconf("SC_CLK_TCK")


def cpu_of(root: int) -> float:
    """Seconds of a process and all below it, the ended ones among them."""
    ticks, waiting = 0, [root]
    while waiting:
        pid = waiting.pop()
        try:
            ticks += sum(map(int, Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:15]))
            waiting += [int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()]
        except FileNotFoundError:
            continue
    return ticks / TICK


def measure(running: Stage, people: int, seconds: float, every: float) -> dict[str, float]:
    rounds = int((2 * every + 30 + seconds) // every) + 4  # nobody is through before the window ends
    name = running.open_study(questions=rounds * 4, rounds=rounds, wanted=people)
    os.environ |= {"DATABASE_URL": running.url, "DATA_DIR": str(running.folder), "DJANGO_SETTINGS_MODULE": "lacie_platform.settings"}
    import django

    django.setup()
    from django.db import connection

    from annotations.bots import walking
    from annotations.models import Study
    from games.models import Judgment

    with connection.cursor() as cursor:
        cursor.execute("SHOW data_directory")
        postmaster = int(Path(cursor.fetchone()[0], "postmaster.pid").read_text().split()[0])
    study = Study.objects.get(name=name)
    walks: list[walking.Walk] = []
    plan = walking.Plan(people=people, parallel=people, kinds=("random",), pause=every, spread=every)
    threading.Thread(target=lambda: walks.extend(walking.run(study=study, url=running.site, plan=plan)), daemon=True).start()
    judged = Judgment.objects.filter(assignment__participant__study=study).count
    while study.participants.filter(began_at__isnull=False).count() < people:
        time.sleep(1)
    time.sleep(every)
    assert running.server
    began, cpu, web, before = time.monotonic(), cpu_of(postmaster), cpu_of(running.server.pid), judged()
    time.sleep(seconds)
    n, took = judged() - before, time.monotonic() - began
    database, server = cpu_of(postmaster) - cpu, cpu_of(running.server.pid) - web
    while len(walks) < people:
        time.sleep(1)
    waits = sorted(1000 * second for walk in walks for second in walk.seconds[1:-1])
    return {
        "judgments": n,
        "per_second": round(n / took, 1),
        "cpu_ms": round(1000 * (database + server) / n, 2),
        "cpu_ms_server": round(1000 * server / n, 2),
        "cpu_ms_postgresql": round(1000 * database / n, 2),
        "p50_ms": round(statistics.median(waits), 1),
        "p95_ms": round(waits[int(0.95 * len(waits))], 1),
        "load_average": round(os.getloadavg()[0], 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--every", type=float, default=10.0)
    parser.add_argument("--wsgi", action="store_true", help="serve by WSGI with kept connections, in place of ASGI")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, cluster() as (url, _), stage(url, Path(folder)) as running:
        running.start(wsgi=given.wsgi)
        print(json.dumps(measure(running, given.people, given.seconds, given.every), indent=2))  # the result


if __name__ == "__main__":
    main()

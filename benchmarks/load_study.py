"""What one judgment costs: CPU of server and PostgreSQL together, and how long a person waits, with 200 people who each judge every ten seconds.

    python benchmarks/load_study.py [--people 200] [--seconds 60] [--every 10] [--wsgi]

Needs root and PostgreSQL's programs: it makes a cluster of its own, and serves the site by two granian processes. People enter by the real pages;
what they send then is the form of their round over and over, with the position alone changed, as a browser with JavaScript sends it, by a loop that
does as little as it can: it shares the cores with the server, and `cpu_ms_people` says what it took of them. Its CPU is not counted; its people are
not marked as bots, since those cost a query more. A wait is from the press to the last byte, a new connection included where the server has closed
the old one. Counting begins when everybody has entered. On a machine that does other things at the same time the waits mean nothing, and the CPU
comes out too high.
"""

import argparse
import asyncio
import json
import os
import random
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast
from urllib.parse import urlencode, urlsplit

import psycopg

sys.path.insert(0, str(Path(__file__).parents[1]))
from annotations.bots.browser import Browser
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


class Person(asyncio.Protocol):
    """One person at a round: a connection, and the form they send."""

    def __init__(self, site: str) -> None:
        host = urlsplit(site).netloc
        browser = Browser(site, headers={"User-Agent": "load"})
        page = browser.get(f"/s/{self.study}/")
        while not page.forms[0].action.endswith("/answer/"):
            choices = {name: options[0] for name, options in page.forms[0].choices.items()}
            page = browser.send(page.forms[0], choices)
        browser.close()
        form, cookies = page.forms[0], "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
        self.position = int(form.fields.pop("position"))
        self.body = urlencode({**form.fields, "verdict": "accept"})
        self.head = f"POST {form.action} HTTP/1.1\r\nHost: {host}\r\nCookie: {cookies}\r\nHX-Request: true\r\nUser-Agent: load\r\n"
        self.head += "Content-Type: application/x-www-form-urlencoded\r\n"

    study = ""
    line: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.line = cast(asyncio.Transport, transport)

    def connection_lost(self, error: Exception | None) -> None:
        self.line = None
        if not self.done.done():
            self.done.set_exception(error or ConnectionError("The server hung up in the middle of an answer."))

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, end, body = self.received.partition(b"\r\n\r\n")
        if end and len(body) >= int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0]) and not self.done.done():
            self.done.set_result(None)

    async def judge(self, host: str, port: int) -> float:
        """Seconds from the press to the next round."""
        loop = asyncio.get_running_loop()
        body = f"{self.body}&position={self.position}"
        self.done, self.received = loop.create_future(), b""
        began = time.perf_counter()
        if self.line is None:
            await loop.create_connection(lambda: self, host, port)
        assert self.line
        self.line.write(f"{self.head}Content-Length: {len(body)}\r\n\r\n{body}".encode())
        await self.done
        took = time.perf_counter() - began
        self.position += 1
        assert self.received.startswith(b"HTTP/1.1 200") and f'value="{self.position}"'.encode() in self.received, self.received[:2000]
        return took


async def judge_in_turn(people: list[Person], site: str, seconds: float, every: float) -> list[float]:
    """All of them, each at their own moment of every round of the clock; the waits."""
    host, port = urlsplit(site).hostname or "", urlsplit(site).port or 80
    start, waits = time.perf_counter(), []

    async def one(number: int, person: Person) -> None:
        due = start + random.Random(number).random() * every
        while due < start + seconds:
            await asyncio.sleep(due - time.perf_counter())
            waits.append(await person.judge(host, port))
            due += every

    await asyncio.gather(*(one(number, person) for number, person in enumerate(people)))
    return waits


def measure(running: Stage, people: int, seconds: float, every: float) -> dict[str, float]:
    rounds = int((every + seconds) // every) + 4  # nobody is through before the window ends
    Person.study = running.open_study(questions=rounds * 4, rounds=rounds, wanted=people)
    with psycopg.connect(running.url) as connection:
        folder = connection.execute("SHOW data_directory").fetchone()
    assert folder and running.server
    server, postmaster = running.server.pid, int(Path(folder[0], "postmaster.pid").read_text().split()[0])
    with ThreadPoolExecutor(4) as pool:
        entered = list(pool.map(Person, [running.site] * people))
    parts = {"server": lambda: cpu_of(server), "postgresql": lambda: cpu_of(postmaster), "people": time.process_time}
    with asyncio.Runner() as loop:
        loop.run(judge_in_turn(entered, running.site, every, every))  # everybody once, uncounted: processes and caches are warm
        before = {name: spent() for name, spent in parts.items()}
        began = time.perf_counter()
        waits = sorted(loop.run(judge_in_turn(entered, running.site, seconds, every)))
    took, n = time.perf_counter() - began, len(waits)
    each = {name: 1000 * (spent() - before[name]) / n for name, spent in parts.items()}
    assert running.audit(Person.study)["judgments"] == sum(person.position - 1 for person in entered), "judgments were lost"
    return {
        "judgments": n,
        "per_second": round(n / took, 1),
        "cpu_ms": round(each["server"] + each["postgresql"], 2),
        **{f"cpu_ms_{name}": round(ms, 2) for name, ms in each.items()},
        "p50_ms": round(1000 * statistics.median(waits), 1),
        "p95_ms": round(1000 * waits[int(0.95 * n)], 1),
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

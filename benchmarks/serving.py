"""A server of SmolLM2 on this machine under load: 64 clients that stream, wait, give up, and are refused.

    python -m benchmarks.serving                        two minutes, and a table in Markdown
    python -m benchmarks.serving --seconds 10 --clients 8 --max-requests 4     tries the program

The server is a process of its own, `python -m jax_impl.serving`. Prompts have common beginnings and 4 words to a third
of `--max-length`, answers 4 to 96 tokens, half of them are streams, and one client in eight goes away in the middle.
Status 1 where a request is lost (sent is not finished + refused + aborted), a page is, or a program was compiled after
warm-up.
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import random
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final

import httpx2
import numpy as np
import typer

WORDS: Final = ("the", "sea", "carries", "every", "ship", "that", "the", "wind", "finds", "and", "none", "of", "them")
TOPICS: Final = ("Write about the sea. ", "Answer in one sentence. ", "Continue this text: ", "Name three things. ")


@dataclass(slots=True, kw_only=True)
class Seen:
    """What clients saw: requests by how they ended, and times in seconds.

    first: from sending a request to its first token. between: from token to token. whole: answers that did not stream.
    """

    ended: Counter[str] = field(default_factory=Counter)
    first: list[float] = field(default_factory=list)
    between: list[float] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """clients: at a time. seconds: that they send for. model: as the server takes it. words: most of a prompt.

    greedy: whether all requests have temperature 0; else half of them.
    """

    clients: int
    seconds: float
    model: str
    words: int
    greedy: bool = False


def request(draw: random.Random, load: Load) -> dict[str, Any]:
    """A request with a common beginning and an end of its own."""
    count = int(np.clip(draw.lognormvariate(3.5, 0.9), 4, load.words))
    text = draw.choice(TOPICS) + " ".join(draw.choice(WORDS) for _ in range(count))
    return {
        "model": load.model,
        "messages": [{"role": "user", "content": text}],
        "max_tokens": draw.choice((4, 16, 32, 48, 96)),
        "temperature": 0.0 if load.greedy else draw.choice((0.0, 0.8)),
        "stream": draw.random() < 0.5,
    }


async def client(http: httpx2.AsyncClient, number: int, load: Load, until: float, seen: Seen) -> None:
    """Sends one request after the other."""
    draw = random.Random(number)  # noqa: S311 - no secret
    while time.perf_counter() < until:
        body, goes = request(draw, load), draw.random() < 0.125
        seen.ended["sent"] += 1
        try:
            ended = await (streamed(http, body, seen, goes) if body["stream"] else answered(http, body, seen, goes))
        except httpx2.HTTPError as error:
            ended = f"failed: {type(error).__name__}"
        seen.ended[ended] += 1
        if ended == "refused":
            await asyncio.sleep(1.0)  # as Retry-After says


async def streamed(http: httpx2.AsyncClient, body: dict[str, Any], seen: Seen, goes: bool) -> str:
    """A stream; goes: the client closes it after four tokens."""
    last, tokens = time.perf_counter(), 0
    async with http.stream("POST", "/v1/chat/completions", json=body) as answer:
        if answer.status_code != 200:
            return "refused" if answer.status_code == 429 else f"failed: status {answer.status_code}"
        async for line in answer.aiter_lines():
            if not line.startswith("data: ") or line == "data: [DONE]":
                continue
            event = json.loads(line[6:])
            if "error" in event:
                return "failed: error event"
            choice, now = event["choices"][0], time.perf_counter()
            if choice["delta"].get("content") or choice["finish_reason"]:
                (seen.between if tokens else seen.first).append(now - last)
                last, tokens = now, tokens + 1
            if choice["finish_reason"]:
                return "finished"
            if goes and tokens >= 4:
                return "aborted"
    return "failed: the stream ended early"


async def answered(http: httpx2.AsyncClient, body: dict[str, Any], seen: Seen, goes: bool) -> str:
    """An answer as a whole; goes: the client waits for a second at most."""
    start = time.perf_counter()
    try:
        answer = await http.post("/v1/chat/completions", json=body, timeout=1.0 if goes else None)
    except httpx2.TimeoutException:
        return "aborted"
    if answer.status_code != 200:
        return "refused" if answer.status_code == 429 else f"failed: status {answer.status_code}"
    seen.whole.append(time.perf_counter() - start)
    return "finished"


def metrics_of(text: str) -> dict[str, float]:
    """The values of /metrics by name and labels."""
    lines = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    return {name.removeprefix("twinkernels_"): float(value) for name, value in lines}


def resident(process: int) -> float:
    """Memory of a process that is in RAM, MiB."""
    line = next(one for one in Path(f"/proc/{process}/status").read_text().splitlines() if one.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


@asynccontextmanager
async def server(model: str, options: list[str]) -> AsyncIterator[tuple[subprocess.Popen[bytes], str]]:
    """A server on loopback that is ready, and its address."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    command = [
        "env",
        "JAX_PLATFORMS=cpu",
        sys.executable,
        "-m",
        "jax_impl.serving",
        "--model",
        model,
        "--port",
        str(port),
        *options,
    ]
    own = subprocess.Popen(command)
    url = f"http://127.0.0.1:{port}"
    try:
        async with httpx2.AsyncClient(base_url=url) as http:
            while own.poll() is None:
                try:
                    if (await http.get("/health")).status_code == 200:
                        break
                except httpx2.ConnectError:
                    await asyncio.sleep(0.2)
        yield own, url
    finally:
        own.terminate()
        own.wait(60)


async def drive(load: Load, options: list[str]) -> tuple[Seen, list[tuple[float, dict[str, float]]], float]:
    """What clients saw, samples of the server, and seconds from the first request to the last answer."""
    seen, samples = Seen(), []
    limits = httpx2.Limits(max_connections=None)
    async with (
        server(load.model, options) as (own, url),
        httpx2.AsyncClient(base_url=url, timeout=None, limits=limits) as http,
    ):
        start = time.perf_counter()
        until = start + load.seconds

        async def watch() -> None:
            while True:
                samples.append((resident(own.pid), metrics_of((await http.get("/metrics")).text)))
                await asyncio.sleep(load.seconds / 24)

        watching = asyncio.create_task(watch())
        await asyncio.gather(*(client(http, i, load, until, seen) for i in range(load.clients)))
        seconds = time.perf_counter() - start
        watching.cancel()
        for _ in range(100):  # requests that were given up end with the next step
            last = metrics_of((await http.get("/metrics")).text)
            if last["requests_running"] == last["requests_waiting"] == 0:
                break
            await asyncio.sleep(0.1)
        samples.append((resident(own.pid), last))
    return seen, samples, seconds


def problems(seen: Seen, last: dict[str, float]) -> list[str]:
    """What must not be."""
    ended = seen.ended
    found = [f"{count} {name}" for name, count in ended.items() if name.startswith("failed")]
    if ended["sent"] != ended["finished"] + ended["refused"] + ended["aborted"]:
        found.append(f"requests were lost: {dict(ended)}")
    if last["pages_free"] != last["pages"]:
        found.append(f"{last['pages'] - last['pages_free']:.0f} pages leaked")
    if last["late_compiles"]:
        found.append(f"{last['late_compiles']:.0f} programs were compiled late")
    return found


def table(load: Load, seen: Seen, samples: list[tuple[float, dict[str, float]]], seconds: float) -> str:
    """The figures, in Markdown."""
    ended, last = seen.ended, samples[-1][1]
    rss = [size for size, _ in samples]
    middle = rss[len(rss) // 2]
    tokens = last["generation_tokens_total"]

    def percentiles(times: list[float]) -> str:
        if not times:
            return "-"
        low, high, most = (np.percentile(times, (50, 90, 99)) * 1e3).round().astype(int)
        return f"{low} / {high} / {most} ms ({len(times)})"

    rows = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the end",
        "clients, seconds": f"{load.clients}, {seconds:.0f}",
        "requests sent": str(ended["sent"]),
        "finished + refused (429) + aborted": f"{ended['finished']} + {ended['refused']} + {ended['aborted']}",
        "pages leaked": f"{last['pages'] - last['pages_free']:.0f} of {last['pages']:.0f}",
        "preemptions, late compiles": f"{last['preemptions']:.0f}, {last['late_compiles']:.0f}",
        "tokens generated": f"{tokens:.0f}, {tokens / seconds:.1f} per second",
        "tokens of prompts": f"{last['prompt_tokens_total']:.0f}, {last['prefix_cached_tokens']:.0f} of them cached",
        "time to first token, median / 90 % / 99 %": percentiles(seen.first),
        "between tokens": percentiles(seen.between),
        "whole answers": percentiles(seen.whole),
        "server's memory at the start, middle, end": f"{rss[0]:.0f}, {middle:.0f}, {rss[-1]:.0f} MiB",
    }
    return "\n".join(["| | |", "| --- | --- |", *(f"| {name} | {value} |" for name, value in rows.items())])


def main(
    model: Annotated[str, typer.Option(help="As the server takes it.")] = "smollm2",
    clients: Annotated[int, typer.Option(help="Clients at a time.")] = 64,
    seconds: Annotated[float, typer.Option(help="Seconds that they send for.")] = 120.0,
    max_requests: Annotated[int, typer.Option(help="Most requests of a step.")] = 16,
    queue: Annotated[int, typer.Option(help="Most requests that wait.")] = 32,
    max_length: Annotated[
        int, typer.Option(help="Most tokens of a request; prompts have a third as many words.")
    ] = 1024,
    greedy: Annotated[bool, typer.Option(help="Temperature 0 alone: half the programs to compile.")] = False,
    pages: Annotated[int | None, typer.Option(help="Pages; few of them cause preemption.")] = None,
    cache: Annotated[Path | None, typer.Option(help="Folder of compiled programs.")] = None,
) -> None:
    """Drives a server and prints a table; status 1 where something was lost."""
    options = ["--max-requests", str(max_requests), "--queue", str(queue), "--max-length", str(max_length)]
    options += [] if pages is None else ["--pages", str(pages)]
    options += ["--greedy"] if greedy else []
    options += [] if cache is None else ["--cache", str(cache)]
    load = Load(clients=clients, seconds=seconds, model=model, words=max_length // 3, greedy=greedy)
    seen, samples, took = asyncio.run(drive(load, options))
    print(table(load, seen, samples, took))
    found = problems(seen, samples[-1][1])
    for line in found:
        print(f"FAILED: {line}")
    raise typer.Exit(1 if found else 0)


if __name__ == "__main__":
    typer.run(main)

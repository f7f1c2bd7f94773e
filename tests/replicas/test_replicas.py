"""Two replicas on this CPU by Ray Serve, one killed under load: `make ray` runs this, elsewhere it is skipped."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest

pytest.importorskip("ray", reason="needs Ray Serve: make ray")

import ray
from ray import serve

from jax_impl.serving.replicas import HEADER, Deployment, start
from jax_impl.serving.scheduler import Limits
from jax_impl.serving.server import ServerSettings
from jax_impl.serving.start import Sizes
from jax_impl.serving.unfinished import MESSAGE
from tests.serving.tiny import SETTINGS, free_port, write_folder

pytestmark = pytest.mark.timeout(900)
TOKENS, STREAMS, WHOLE = 120, 6, 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a request ended. replica: that answered; None where none did. error: None where the answer is complete."""

    stream: bool
    replica: str | None
    text: str
    error: openai.APIError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Two replicas of a tiny model, one request per step each."""

    url: str
    model: str

    def client(self, retries: int) -> Any:
        return openai.OpenAI(base_url=f"{self.url}/v1", api_key="none", max_retries=retries, timeout=300)

    def settings(self, tokens: int) -> dict[str, Any]:
        ignored = {"ignore_eos": True}
        return {**SETTINGS, "model": self.model, "max_tokens": tokens, "extra_body": ignored}

    def replica(self) -> str:
        """The name of the replica that answers next."""
        return str(httpx2.get(f"{self.url}/health", timeout=60).headers[HEADER])

    def in_flight(self, total: int) -> dict[str, int]:
        """Requests of each replica, once they are `total` together."""

        def counts() -> dict[str, int]:
            found = {name: on(actor, lambda worker: worker._accepted) for name, actor in replicas().items()}
            return found if sum(found.values()) == total else {}

        return until(counts, "all requests are in flight")


def replicas() -> dict[str, Any]:
    """Ray's actors of the replicas, by name."""
    named = (one for one in ray.util.list_named_actors(all_namespaces=True) if "SERVE_REPLICA::" in one["name"])
    return {one["name"].rpartition("#")[2]: ray.get_actor(one["name"], namespace=one["namespace"]) for one in named}


def on(actor: Any, function: Callable[[Any], Any]) -> Any:
    """A function of the replica's EngineWorker, called in its process."""

    def call(_: Any) -> Any:
        (thread,) = (one for one in threading.enumerate() if one.name == "engine")
        return function(thread._target.__self__)  # type: ignore[attr-defined]

    return ray.get(actor.__ray_call__.remote(call))


def until(found: Callable[[], Any], what: str, seconds: float = 300.0) -> Any:
    """The first result that is true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if result := found():
            return result
        time.sleep(0.1)
    raise AssertionError(f"not within {seconds} s: {what}")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder, port = write_folder(tmp_path_factory.mktemp("tiny")), free_port()
    limits = Limits(tokens=32, requests=1, waiting=16, length=256)
    deployment = Deployment(
        model=str(folder),
        sizes=Sizes(limits=limits),
        settings=ServerSettings(model=str(folder)),
        replicas=2,
        greedy=True,
        cache=folder / "programs",
    )
    start(deployment, host="127.0.0.1", port=port, num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        yield Cluster(url=f"http://127.0.0.1:{port}", model=str(folder))
    finally:
        serve.shutdown()
        ray.shutdown()


def kill(actor: Any, note: Path) -> int:
    """Kills a replica's process; the requests that it had."""

    def die(worker: Any) -> None:
        note.write_text(str(worker._accepted))
        os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(ray.exceptions.RayActorError):
        on(actor, die)
    return int(note.read_text())


def ask(cluster: Cluster, begun: dict[int, str], number: int) -> Ended:
    """A long request, not tried again. begun: gets the replica of a stream at its first token."""
    client, text, replica = cluster.client(0), "", None
    stream = number < STREAMS
    try:
        own = client.chat.completions.with_raw_response.create(**cluster.settings(TOKENS), stream=stream)
        replica = own.headers[HEADER]
        if not stream:
            return Ended(stream=False, replica=replica, text=own.parse().choices[0].message.content)
        for chunk in own.parse():
            text += chunk.choices[0].delta.content or ""
            begun[number] = replica
    except openai.APIError as error:
        return Ended(stream=stream, replica=replica, text=text, error=error)
    return Ended(stream=stream, replica=replica, text=text)


def test_a_killed_replica_takes_its_own_requests_and_no_other(cluster: Cluster, tmp_path: Path) -> None:
    expected = cluster.client(0).chat.completions.create(**cluster.settings(TOKENS)).choices[0].message.content
    begun: dict[int, str] = {}
    stop = threading.Event()

    def short() -> int:
        """Short requests of a client as people have it, which tries again what it may; how many were answered."""
        client, count = cluster.client(openai.DEFAULT_MAX_RETRIES), 0
        while not stop.is_set():
            answer = client.chat.completions.create(**cluster.settings(2))
            assert answer.choices[0].message.content == expected[:2]
            count += 1
        return count

    with ThreadPoolExecutor(STREAMS + WHOLE + 1) as pool:
        asked = [pool.submit(ask, cluster, begun, number) for number in range(STREAMS + WHOLE)]
        counts, actors = cluster.in_flight(STREAMS + WHOLE), replicas()
        until(lambda: len(begun) == STREAMS, "all streams have begun")
        streams = Counter(begun.values())
        # The one that has most of both kinds.
        killed = max(counts, key=lambda name: min(streams[name], counts[name] - streams[name]))
        lost = kill(actors[killed], tmp_path / "in flight")
        load = pool.submit(short)
        ended = [one.result() for one in asked]
        until(lambda: cluster.replica() not in counts, "a new replica answers", 600)
        stop.set()
        assert load.result() > 0

    errors = [one for one in ended if one.error is not None]
    assert len(errors) == lost
    assert {one.stream for one in errors} == {False, True}
    for one in errors:
        assert MESSAGE in str(one.error)
        # Ahead of its first token a request is answered with 503; in a stream the error is an event.
        assert isinstance(one.error, openai.InternalServerError) != one.stream
        assert one.replica == (killed if one.stream else None)
        assert expected.startswith(one.text)
    assert {one.text for one in ended if one.error is None} == {expected}


def test_a_client_that_goes_gives_its_pages_back(cluster: Cluster) -> None:
    with cluster.client(0).chat.completions.create(**cluster.settings(TOKENS), stream=True) as stream:
        next(iter(stream))

    def free(worker: Any) -> bool:
        pool = worker.engine.scheduler.pool
        return bool(pool.free == pool.pages)

    until(lambda: all(on(actor, free) for actor in replicas().values()), "all pages are free")

"""Several servers as one: replicas of the server in processes of their own, by Ray Serve.

Ray Serve's proxy listens, gives each request to a replica that has few, and starts another in place of one that ends or
whose engine does not run. Every replica has the whole model.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from jax_impl.serving.metrics import Metrics
from jax_impl.serving.server import Server, ServerSettings
from jax_impl.serving.start import Sizes, prepare, warm
from jax_impl.serving.unfinished import EndedAnswers
from jax_impl.serving.worker import EngineWorker
from specs.extras import hints

HEADER: Final = "x-replica"
"""Of every answer: the id of the replica that made it."""
_CALLBACK: Final = "RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH"  # Ray Serve's own door for middleware of its proxy


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """What the replicas serve, and how many they are.

    model, sizes, settings, greedy, cache: as for one server. grace: seconds that requests of a replica have to finish
    where it is stopped. gpus: that Ray gives each replica.
    """

    model: str
    sizes: Sizes
    settings: ServerSettings
    replicas: int
    greedy: bool = False
    cache: Path | None = None
    grace: float = 30.0
    gpus: float = 0.0


class Replica:
    """One server in a process of Ray's."""

    def __init__(self, deployment: Deployment) -> None:
        """Reads the model and compiles its programs; Ray Serve sends requests once that is done."""
        from ray import serve

        self._name: Final = serve.get_replica_context().replica_tag
        ready = prepare(deployment.model, deployment.sizes, cache=deployment.cache)
        warm(ready, greedy=deployment.greedy)
        self._worker: Final = EngineWorker(ready.engine, Metrics())
        self._worker.start()
        checkpoint = ready.checkpoint
        self._server: Final = Server(self._worker, checkpoint.tokenizer, checkpoint.chat, deployment.settings)

    def __serve_build_asgi_app__(self) -> ASGIApp:
        """The server's application; Ray Serve asks for it once the replica is ready."""
        return _Named(self._server.app(), self._name)

    def check_health(self) -> None:
        """Called by Ray Serve, which replaces the replica where this raises. As /health."""
        if not self._worker.alive:
            raise RuntimeError("the engine is not running")


class _Named:
    """ASGI middleware that adds the replica's name to answers."""

    def __init__(self, app: ASGIApp, name: str) -> None:
        self._app, self._name = app, name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = self._name
            await send(message)

        await self._app(scope, receive, named)


def proxy_middleware() -> list[Middleware]:
    """What Ray Serve's proxy puts around every request, called by it."""
    return [Middleware(EndedAnswers)]


def start(deployment: Deployment, *, host: str, port: int, **cluster: Any) -> None:
    """Starts the replicas and returns when all are ready.

    Args:
        cluster: further arguments of `ray.init`; left out, Ray starts on this machine, or joins what RAY_ADDRESS names.

    Raises:
        ImportError: Ray Serve is not installed. RuntimeError: a replica does not start.
    """
    with hints("jax", "checkpoints", "serving", "replicas"):
        import ray
        from ray import serve

    ray.init(runtime_env={"env_vars": {_CALLBACK: f"{__name__}.{proxy_middleware.__name__}"}}, **cluster)
    limits = deployment.sizes.limits
    serve.start(http_options={"host": host, "port": port})
    application = serve.deployment(
        serve.ingress()(Replica),
        name="twinkernels",
        num_replicas=deployment.replicas,
        ray_actor_options={"num_gpus": deployment.gpus},
        # More than a server accepts, so that it is the one that refuses: with 429, as a client expects.
        max_ongoing_requests=2 * (limits.requests + limits.waiting),
        health_check_period_s=2.0,
        graceful_shutdown_timeout_s=deployment.grace,
    )
    serve.run(application.bind(deployment), route_prefix="/")


def run(deployment: Deployment, *, host: str, port: int, told: Callable[[], None]) -> None:
    """As `start`; then calls `told`, and stops the replicas at SIGTERM or SIGINT."""
    with hints("jax", "checkpoints", "serving", "replicas"):
        import ray
        from ray import serve

    ended = threading.Event()
    start(deployment, host=host, port=port)
    for one in (signal.SIGTERM, signal.SIGINT):
        signal.signal(one, lambda *_: ended.set())
    told()
    ended.wait()
    serve.shutdown()
    ray.shutdown()

"""What a server tells about itself, in Prometheus' format."""

from __future__ import annotations

from specs.extras import hints

with hints("serving"):
    from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from jax_impl.serving.engine import Engine
from jax_impl.serving.request import FinishReason

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Metrics:
    """Counters, gauges and histograms of one engine, in a registry of their own."""

    def __init__(self) -> None:
        """All at zero."""
        registry = self.registry = CollectorRegistry()
        self._prompt = Counter("twinkernels_prompt_tokens", "Tokens of prompts", registry=registry)
        self._generated = Counter("twinkernels_generation_tokens", "Tokens generated", registry=registry)
        self._requests = Counter(
            "twinkernels_requests", "Requests by how they ended", ("finish_reason",), registry=registry
        )
        self._first = Histogram(
            "twinkernels_time_to_first_token_seconds",
            "From a request's arrival to its first token",
            buckets=_SECONDS,
            registry=registry,
        )
        self._between = Histogram(
            "twinkernels_time_per_output_token_seconds",
            "Between tokens of a request",
            buckets=_SECONDS,
            registry=registry,
        )
        self._gauges = {
            name: Gauge(f"twinkernels_{name}", text, registry=registry)
            for name, text in (
                ("requests_running", "Requests that are computed"),
                ("requests_waiting", "Requests in the queue"),
                ("pages_free", "Free pages of the caches"),
                ("pages", "Pages of the caches"),
                ("steps", "Steps that were queued"),
                ("preemptions", "Requests that had to give back their pages"),
                ("spec_decode_num_draft_tokens", "Draft tokens that were verified"),
                ("spec_decode_num_accepted_tokens", "Draft tokens that were accepted"),
                ("prefix_cached_tokens", "Tokens of prompts that were found in the caches"),
                ("late_compiles", "Programs that were compiled after warm-up"),
                ("host_seconds", "Time that the host needed for all steps"),
            )
        }

    def arrived(self, prompt: int) -> None:
        """A request. prompt: its tokens."""
        self._prompt.inc(prompt)

    def token(self, seconds: float, *, first: bool) -> None:
        """A token, so long after the one before, or after the request's arrival."""
        self._generated.inc()
        (self._first if first else self._between).observe(seconds)

    def finished(self, reason: FinishReason) -> None:
        """A request that ended."""
        self._requests.labels(reason.value).inc()

    def observe(self, engine: Engine) -> None:
        """The state of the engine between two steps."""
        scheduler = engine.scheduler
        values = {
            "requests_running": len(scheduler.running),
            "requests_waiting": len(scheduler.waiting),
            "pages_free": scheduler.pool.free,
            "pages": scheduler.pool.pages,
            "steps": engine.steps,
            "preemptions": scheduler.preemptions,
            "spec_decode_num_draft_tokens": scheduler.draft_tokens,
            "spec_decode_num_accepted_tokens": scheduler.accepted_tokens,
            "prefix_cached_tokens": scheduler.cached_tokens,
            "late_compiles": engine.programs.late,
            "host_seconds": engine.host_seconds,
        }
        for name, value in values.items():
            self._gauges[name].set(value)

    def text(self) -> bytes:
        """All of them, for Prometheus to read."""
        return generate_latest(self.registry)

"""`python -m jax_impl.serving --model smollm2`: an OpenAI-compatible server."""

from __future__ import annotations

from specs.extras import run


def main() -> None:
    """The server; where a package is missing, one line that says how to install it."""
    run(_start, "jax", "checkpoints", "serving")


def _start() -> None:
    import typer

    from jax_impl.serving.command import serve

    typer.run(serve)


if __name__ == "__main__":
    main()

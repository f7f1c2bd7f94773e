"""Subcommands of `parity`."""

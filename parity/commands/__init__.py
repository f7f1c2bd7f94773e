"""What the subcommands of `parity` do."""

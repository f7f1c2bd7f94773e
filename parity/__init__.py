"""The tool a user runs: compare implementations with each other and with the oracle, and report."""

"""The tile IR: tracing, checks, cost, the executor, and what both emitters share."""

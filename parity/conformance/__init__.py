"""Wrong calls derived from a spec, which every implementation has to refuse."""

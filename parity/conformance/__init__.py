"""Wrong calls derived from a spec; every implementation must refuse them."""

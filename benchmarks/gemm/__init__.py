"""Matrix products: ours beside their peers."""

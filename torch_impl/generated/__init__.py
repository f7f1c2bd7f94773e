"""Golden sources of `torch_impl`: read them, import them nowhere."""

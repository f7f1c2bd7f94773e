"""Golden sources of `jax_impl`: read them, import them nowhere."""

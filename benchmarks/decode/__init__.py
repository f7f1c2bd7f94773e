"""Steps of a Llama-shaped decoder with random weights: decodes and prompts, in JAX and in torch. See `__main__`."""

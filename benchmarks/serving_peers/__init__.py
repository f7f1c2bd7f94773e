"""Decode speed of SmolLM2 on this machine's CPU: our two frameworks, vLLM for CPUs and llama.cpp."""

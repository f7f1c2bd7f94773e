"""Checkpoints of language models: GGUF files and Hugging Face folders, with tokenizer and chat template.

Neither framework is imported: weights are numpy arrays, or the bytes of quantised blocks as the file has them.
"""

"""Sampling: penalties, filters, exact Gumbel-max draws and log-probabilities of batches of logits."""

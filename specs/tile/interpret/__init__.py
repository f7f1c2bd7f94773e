"""The tile IR run directly, over numpy or over any array namespace."""

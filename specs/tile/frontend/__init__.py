"""From the body of a kernel to the tile IR."""

"""What one number or one block of numbers looks like in memory: elements, blocks, packing, paged cache layouts."""

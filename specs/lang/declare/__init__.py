"""What an author writes down: axes, arrays, kernels, operations, accuracy, and the check of all that."""

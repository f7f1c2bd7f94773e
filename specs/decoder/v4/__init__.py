"""DeepSeek-V4 as data: configuration, weights, and the arrays of a step. numpy only."""

"""Decoder models as data: configurations, the arrays of a step, and the weights of a layer. numpy only."""

"""The output projection of attention whose keys are its values: rotated back, quantised, and multiplied in groups."""

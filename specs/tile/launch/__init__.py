"""From a call to specialised programs with grids, sizes and strides."""

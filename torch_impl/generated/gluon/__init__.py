"""Sources of `gluon` for chosen cases: read them, import them nowhere."""

"""Times mHC (see `__main__`)."""

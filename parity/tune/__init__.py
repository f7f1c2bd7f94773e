"""Tuning: configurations of an operation, measured on this device."""

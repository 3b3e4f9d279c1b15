"""Data sets: from mirrors to arrays."""

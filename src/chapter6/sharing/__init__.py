"""A finished study as one file: packed, checked by making again what can be made again, and compared with another."""

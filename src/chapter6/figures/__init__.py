"""Figures: a kind turns one experiment's tables into what is shown (``data``), and that into a drawing."""

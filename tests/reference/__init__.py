"""The chapter's formulas a second time, plainly, and the trajectories of the engine beside them."""

"""What a run records, by subject; every kind joins the family when the package is imported."""

from chapter6.engine.measurements import (  # noqa: F401 (they join)
    activations,
    gradients,
    inputs,
    losses,
    robustness,
    surfaces,
    theory,
    units,
    weights,
)

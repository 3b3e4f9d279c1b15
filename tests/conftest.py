"""What stands in the environment of whoever runs the tests has no say in them."""

import os

from hypothesis import settings

from chapter6.cli import THREADS

for name in ("MLFLOW_TRACKING_URI", "CHAPTER6_LIVE"):
    os.environ.pop(name, None)
os.environ.update(dict.fromkeys(THREADS, "1"))  # as in a job; before NumPy is imported

# A time says nothing on a machine that does other things besides.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

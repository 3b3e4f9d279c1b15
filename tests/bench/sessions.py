"""What a candidate offers: sessions, each doing one task in one form, going on where it stopped."""

import time
from abc import abstractmethod
from collections.abc import Sequence


class RefusedError(Exception):
    """The candidate does not do this task; the message says why."""


class Session:
    """A network in training, or one to evaluate."""

    @abstractmethod
    def run(self, count: int) -> list[float]:
        """Do ``count`` updates and return the loss recorded of each; for an evaluation, loss and accuracy of each."""

    def timed(self, count: int) -> tuple[float, float]:
        """Return the seconds and the CPU seconds (of all threads) of ``count`` updates, the recording included."""
        clock, cpu = time.perf_counter(), time.process_time()
        self.run(count)
        return time.perf_counter() - clock, time.process_time() - cpu


class Offer:
    """A candidate at work. Its module has one subclass called ``Candidate``."""

    versions: dict[str, str]

    def __init__(self, data: str) -> None:
        """Read MNIST from the folder ``data``."""

    @abstractmethod
    def forms(self, task: str) -> Sequence[str]:
        """Return the names of the ways in which the task is done; raise :class:`RefusedError` if it is not."""

    @abstractmethod
    def session(self, task: str, form: str, horizon: int, dropout: float | None) -> Session:
        """Return a new session of at most ``horizon`` updates; ``dropout`` is the ratio, None for no dropout layers."""

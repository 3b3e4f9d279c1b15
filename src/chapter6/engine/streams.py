"""Named random streams: every draw of the study comes from (study seed, purpose, replicate)."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from numpy.random import Generator, Philox, SeedSequence


@dataclass(frozen=True)
class Streams:
    """The random streams of one replicate.

    A stream is keyed by its purpose and never by a variant: replicate r of every variant draws the same
    mini-batches and, where shapes agree, the same standard-normal numbers for its weights. Comparisons of
    variants are paired over replicates for that reason.
    """

    seed: int
    replicate: int
    prefix: str = ""

    def within(self, name: str) -> Streams:
        """Return streams of the same replicate whose purposes all lie within ``name``."""
        return Streams(self.seed, self.replicate, f"{self.prefix}{name}/")

    def __call__(self, purpose: str) -> Generator:
        """Return a fresh generator at the start of the stream named ``purpose``."""
        words = sha256(f"{self.prefix}{purpose}".encode()).digest()[:16]
        spawn_key = (self.replicate, int.from_bytes(words[:8], "big"), int.from_bytes(words[8:], "big"))
        return Generator(Philox(SeedSequence(self.seed, spawn_key=spawn_key)))

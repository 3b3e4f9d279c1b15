"""Who is measured, each in a process of its own; a candidate's module is imported there and nowhere else."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Candidate:
    """``module`` in this package, its title, and the package that it needs; ``slow`` ones get shorter blocks."""

    key: str
    title: str
    module: str
    needs: str = ""
    slow: bool = False


CANDIDATES = {
    candidate.key: candidate
    for candidate in (
        Candidate("floor", "floor", "floor"),
        Candidate("engine", "engine", "engine"),
        Candidate("torch-eager", "PyTorch eager", "eager", needs="torch"),
        Candidate("torch-compiled", "PyTorch compiled", "compiled", needs="torch"),
        Candidate("jax", "JAX", "xla", needs="jax"),
        Candidate("textbook", "textbook", "book", slow=True),
    )
}
FRAMEWORKS = tuple(name for name, candidate in CANDIDATES.items() if candidate.needs)

"""The name of every file that the study writes."""

from __future__ import annotations

from dataclasses import dataclass

TABLES = ("", "settings", "runs", "histograms", "pictures", "trials", "times")  # kinds; the curves have none
IDENTIFIER = r"[A-Za-z0-9][A-Za-z0-9.+_-]*"


@dataclass(frozen=True)
class Paths:
    """File names under a preset's own folders, as strings relative to the project (Snakemake's currency)."""

    preset: str = "full"

    @property
    def suffix(self) -> str:
        """Nothing for the full study, ``-quick`` for the preset ``quick``."""
        return "" if self.preset == "full" else f"-{self.preset}"

    @property
    def results(self) -> str:
        """Folder of everything computed."""
        return f"results{self.suffix}"

    @property
    def settings(self) -> str:
        """The configuration in force, as JSON."""
        return f"{self.results}/study.json"

    @property
    def page(self) -> str:
        """The report."""
        return f"reports/html{self.suffix}/index.html"

    @property
    def database(self) -> str:
        """MLflow's SQLite file."""
        return f"mlflow{self.suffix}.db"

    def logs(self, name: str) -> str:
        """Log file of a job; ``name`` may hold wildcards."""
        return f"logs{self.suffix}/{name}.log"

    def benchmark(self, name: str) -> str:
        """Snakemake's benchmark file of a job."""
        return f"{self.results}/benchmarks/{name}.tsv"

    def runs(self, experiment: str) -> str:
        """Folder of an experiment's replicates, a folder a variant."""
        return f"{self.results}/runs/{experiment}"

    def run_folder(self, experiment: str, variant: str) -> str:
        """Folder of one variant's replicates."""
        return f"{self.runs(experiment)}/{variant}"

    @property
    def run_cache(self) -> str:
        """Index of what was trained, by what it depends on."""
        return f"{self.results}/known"

    def order(self, rule: str, name: str) -> str:
        """What a job is told: newer than the job's output where that was made by another order."""
        return f"{self.results}/orders/{rule}/{name}.json"

    def trained(self, experiment: str, job: str) -> str:
        """Record of a training job: which replicates of which variants it trained."""
        return f"{self.results}/trained/{experiment}/{job}.json"

    def tuning(self, experiment: str, variant: str) -> str:
        """The value that tuning chose for a variant."""
        return f"{self.results}/tuning/{experiment}/{variant}.json"

    def decision(self, experiment: str, name: str) -> str:
        """Which of several variants was chosen, why, and the settings that are taken of it."""
        return f"{self.decisions}{experiment}/{name}.json"

    @property
    def decisions(self) -> str:
        """What the names of all files of decisions begin with."""
        return f"{self.results}/decisions/"

    def times(self, experiment: str) -> str:
        """Times of an experiment's variants."""
        return f"{self.results}/times/{experiment}.json"

    def search_round(self, experiment: str, variant: str, replicate: int | str, number: int | str) -> str:
        """Points and scores of one round of a search; its curves stand beside it."""
        return f"{self.results}/search/{experiment}/{variant}/search-{replicate}/round-{number}.json"

    def chosen(self, experiment: str, variant: str, replicate: int | str) -> str:
        """The point that a search chose, retrained."""
        return f"{self.results}/search/{experiment}/{variant}/search-{replicate}/chosen.json"

    def table(self, experiment: str, kind: str = "") -> str:
        """Tidy table of an experiment; ``kind`` is one of TABLES, empty for the curves."""
        return f"{self.results}/tables/{experiment}{'.' + kind if kind else ''}.parquet"

    def summary(self, experiment: str) -> str:
        """Final values of an experiment as CSV, for people."""
        return f"{self.results}/tables/{experiment}.csv"

    def claims(self, experiment: str = "") -> str:
        """Verdicts of one experiment, or of all."""
        return f"{self.results}/claims/{experiment}.json" if experiment else f"{self.results}/claims.json"

    def figures(self, experiment: str) -> str:
        """Folder of an experiment's figures."""
        return f"{self.results}/figures/{experiment}"

    def figure(self, experiment: str, name: str) -> str:
        """One figure."""
        return f"{self.figures(experiment)}/{name}.svg"

    def printed(self, experiment: str, name: str) -> str:
        """One table for readers."""
        return f"{self.figures(experiment)}/{name}.csv"

    def tracked(self, experiment: str) -> str:
        """Stamp that an experiment's runs stand in MLflow."""
        return f"{self.results}/tracking/{experiment}.json"

    @property
    def store(self) -> str:
        """Stamp of the MLflow store that the runs are mirrored to."""
        return f"{self.results}/tracking/store.json"


def replicate_files(folder: str, replicate: int | str) -> tuple[str, str]:
    """Return the curves (.npz) and the record (.json) of one replicate."""
    return f"{folder}/replicate-{replicate}.npz", f"{folder}/replicate-{replicate}.json"


def weights_file(folder: str, replicate: int | str) -> str:
    """Return the final weights of one replicate, where another run starts from them."""
    return f"{folder}/weights-{replicate}.npz"


def curves_file(record_file: str) -> str:
    """Return the name of the curves beside a record."""
    return record_file.removesuffix(".json") + ".npz"

"""A small study of its own, on the extract of MNIST, run by the real commands in a folder of its own."""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).parents[2]
EXTRACT = ROOT / "tests" / "extract"
PARTS = {"train-images": "train", "train-labels": "train", "t10k-images": "test", "t10k-labels": "test"}
PATIENCE = 500  # seconds for one command, on a busy machine

CONFIG = """\
replicates: 2
runs_per_job: 1
experiments: config/small
presets: {full: {}, quick: {replicates: 1, max_steps: 20}}
data:
  directory: data/mnist
  mirrors: ["MIRROR"]
  cache: ""
  sizes: {train: 1000, test: 300}
  checksums: {CHECKSUMS}
"""
NET = """\
id: 6.1-net
title: A small network
question: Which learning rate learns faster?
base:
  network: {hidden: [16], activation: relu, initializer: he}
  steps: 60
  batch_size: 32
  record: [{measure: batch_loss, at: {}}, {measure: {kind: evaluation, splits: [test]}, at: {every: 20}}]
variants:
  slow: {optimizer: {kind: sgd, learning_rate: 0.001}}
  fast: {optimizer: {kind: sgd, learning_rate: 0.3}}
figures:
  - {kind: curves, metric: loss, split: batch, caption: Loss of the mini-batches.}
claims:
  - id: T01
    says: The faster rate learns faster.
    check: {kind: ordering, metric: loss, split: batch, summary: mean, lower: fast, than: slow}
"""
BOWL = """\
id: 6.1-bowl
title: A bowl
question: Which rule swings less?
replicates: 1
base: {surface: bowl, steps: 30, record: [{measure: position, at: {}}]}
variants:
  sgd: {label: SGD, optimizer: {kind: sgd, learning_rate: 0.95}}
  adam: {label: Adam, optimizer: {kind: adam, learning_rate: 0.3}}
figures: [{kind: paths, caption: Thirty updates.}]
claims:
  - id: T02
    says: SGD swings more.
    check: {kind: ordering, exact: true, metric: y, split: train, summary: sign_changes, higher: sgd, than: adam}
"""
NOISE = """\
id: 6.2-noise
title: Activations of noise
question: Which initial weights keep the spread?
base:
  data: {kind: noise, examples: 200, inputs: 20}
  network: {hidden: [20, 20, 20], outputs: 0, activation: relu}
  loss: linear
  steps: 0
  record: [{measure: activations, at: end}]
sweep:
  initializer:
    he: {label: He, network: {initializer: he}}
    small: {network: {initializer: {kind: normal, std: 0.01}}}
figures: [{kind: histograms, caption: Activations by layer.}]
claims:
  - id: T03
    says: Small weights let activations shrink.
    check:
      {kind: layer_ratio, metric: activation_std, layer: layer-3, reference: layer-1, variants: [small], below: 0.5}
"""
EXPERIMENTS = {"6.1-net": NET, "6.1-bowl": BOWL, "6.2-noise": NOISE}
# What the three experiments train: replicates by variant.
PLANNED = {
    "6.1-net": {"slow": 2, "fast": 2},
    "6.1-bowl": {"sgd": 1, "adam": 1},
    "6.2-noise": {"he": 2, "small": 2},
}
RUNS_IN_MLFLOW = {"6.1-net": 2 + 4 + 1, "6.1-bowl": 2 + 2 + 1, "6.2-noise": 2 + 4 + 1}  # parents, replicates, summary


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    status: int
    output: str


@dataclass(frozen=True)
class Project:
    """A folder with all that the study needs, its own copy of the package included."""

    folder: Path

    def __truediv__(self, name: str) -> Path:
        return self.folder / name

    @property
    def environment(self) -> dict[str, str]:
        """The commands of this Python, on the folder's own sources."""
        ours = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "SNAKEMAKE"))}
        commands = Path(sys.executable).parent
        path = f"{commands}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        return ours | {"PATH": path, "PYTHONPATH": str(self.folder / "src")}

    def run(self, *command: str, patience: float | None = PATIENCE) -> Done:
        """Run a command in the folder to its end, for which it has so many seconds (None: any number)."""
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=patience,
            check=False,
        )
        return Done(done.returncode, done.stdout)

    def snakemake(self, *arguments: str, cores: int = 2) -> Done:
        """Run the workflow as a user does."""
        return self.run("snakemake", "--cores", str(cores), *arguments)

    def planned(self, *arguments: str) -> dict[str, set[str]]:
        """Outputs that Snakemake would make now, by rule."""
        done = self.snakemake("-n", *arguments)
        assert done.status == 0, done.output
        jobs: dict[str, set[str]] = {}
        for job in re.finditer(r"^(?:local)?rule (\w+):\n((?:    .*\n)*)", done.output, re.MULTILINE):
            outputs = re.search(r"^    output: (.*)$", job[2], re.MULTILINE)
            jobs.setdefault(job[1], set()).update(outputs[1].split(", ") if outputs else ())
        assert jobs or "Nothing to be done" in done.output, done.output
        return jobs

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace ``old``, which stands in the file once."""
        text = (self / name).read_text(encoding="utf-8")
        assert text.count(old) == 1, (name, old)
        (self / name).write_text(text.replace(old, new), encoding="utf-8")

    def curves(self) -> dict[str, str]:
        """The digest of every replicate's curves, by file."""
        return {
            file.relative_to(self.folder).as_posix(): sha256(file.read_bytes()).hexdigest()
            for file in sorted((self / "results/runs").glob("*/*/replicate-*.npz"))
        }

    def records(self) -> dict[str, dict]:
        """Every replicate's record, by file."""
        return {
            file.relative_to(self.folder).as_posix(): json.loads(file.read_text(encoding="utf-8"))
            for file in sorted((self / "results/runs").glob("*/*/replicate-*.json"))
        }

    def started(self) -> dict[str, str]:
        """When each replicate was trained."""
        return {name: record["started"] for name, record in self.records().items()}

    def copy(self, folder: Path) -> "Project":
        """An independent copy, times of files and Snakemake's memory included."""
        return Project(Path(shutil.copytree(self.folder, folder)))


def new_project(folder: Path) -> Project:
    """Write a project in which nothing has been run."""
    for name in ("workflow", "profiles", "reports/text", "src/chapter6"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("*.pyc.*"))
    shutil.copy2(ROOT / "Snakefile", folder)
    (folder / "config/small").mkdir(parents=True)
    config = CONFIG.replace("MIRROR", EXTRACT.as_uri()).replace("CHECKSUMS", _checksums())
    (folder / "config/config.yaml").write_text(config, encoding="utf-8")
    for name, text in EXPERIMENTS.items():
        (folder / f"config/small/{name}.yaml").write_text(text, encoding="utf-8")
    return Project(folder)


def jobs(size: int) -> list[str]:
    """Records of all training jobs, each of one variant and ``size`` replicates."""
    return [
        f"results/trained/{experiment}/{variant}-{first}.json"
        for experiment, variants in PLANNED.items()
        for variant, replicates in variants.items()
        for first in range(0, replicates, size)
    ]


def _checksums() -> str:
    """The extract's SHA-256 values, as its README states them."""
    stated = re.findall(r"^\| `(.*)-idx\d-ubyte\.gz` .*`([0-9a-f]{64})`", (EXTRACT / "README.md").read_text(), re.M)
    return ", ".join(f"{name.replace('t10k', 'test')}: {value}" for name, value in stated)

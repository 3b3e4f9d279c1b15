"""What eager and compiled PyTorch share: data, network, optimizers and the keeping of losses."""

import warnings
from abc import abstractmethod
from collections.abc import Callable, Sequence

import numpy as np
import torch

from bench.sessions import Offer, RefusedError, Session
from bench.work import (
    BETAS,
    EPSILON,
    LEARNING_RATES,
    MOMENTUM,
    NORMALIZATION_EPSILON,
    NORMALIZATION_MOMENTUM,
    SCALE,
    TASKS,
    Task,
    batch_indices,
    initial_weights,
    read_data,
)

Update = Callable[[torch.Tensor], torch.Tensor]
CHUNK = 1000  # test images a forward pass: in one pass it takes half as long again


class Digits:
    """MNIST as uint8 tensors over the mapped files."""

    def __init__(self, data: str) -> None:
        dataset = read_data(data)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the files are mapped read-only, and nobody writes
            self.images, self.test_images = map(torch.from_numpy, (dataset.train_images, dataset.test_images))
        self.labels, self.test_labels = (
            torch.from_numpy(labels.astype(np.int64)) for labels in (dataset.train_labels, dataset.test_labels)
        )
        self.dataset = dataset

    def gather(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the scaled images and the labels of a batch; ``images[rows]`` takes three times as long."""
        return torch.index_select(self.images, 0, rows) * SCALE, torch.index_select(self.labels, 0, rows)


def network(task: Task, dropout: float | None) -> torch.nn.Sequential:
    """Return the network with the engine's initial weights."""
    matrices = initial_weights()
    layers: list[torch.nn.Module] = []
    for number, matrix in enumerate(matrices, start=1):
        affine = torch.nn.Linear(*matrix.shape)
        with torch.no_grad():
            affine.weight.copy_(torch.from_numpy(matrix.T))
            affine.bias.zero_()
        layers.append(affine)
        if number < len(matrices):
            if task.normalized:
                layers.append(torch.nn.BatchNorm1d(matrix.shape[1], NORMALIZATION_EPSILON, 1 - NORMALIZATION_MOMENTUM))
            layers.append(torch.nn.ReLU())
            if dropout is not None:
                layers.append(torch.nn.Dropout(dropout))
    return torch.nn.Sequential(*layers)


def fused_optimizer(task: Task, model: torch.nn.Module) -> torch.optim.Optimizer:
    """Return PyTorch's own rule in one kernel."""
    rate = LEARNING_RATES[task.optimizer]
    if task.optimizer == "adam":
        return torch.optim.Adam(model.parameters(), rate, BETAS, EPSILON, fused=True)
    momentum = MOMENTUM if task.optimizer == "momentum" else 0.0
    return torch.optim.SGD(model.parameters(), rate, momentum, fused=True)


class Training(Session):
    """An ``update`` that takes the rows of a batch and returns its loss, read at once or at the end of a block."""

    def __init__(self, update: Update, indices: np.ndarray, at_once: bool) -> None:
        self._update = update
        self._rows = iter(torch.from_numpy(indices.astype(np.int64)))
        self._at_once = at_once

    def run(self, count: int) -> list[float]:
        if self._at_once:
            return [self._update(next(self._rows)).item() for _ in range(count)]
        return torch.stack([self._update(next(self._rows)).detach() for _ in range(count)]).tolist()


class Evaluating(Session):
    """Loss and number of hits by chunk, of a function of images and labels."""

    def __init__(self, judge: Callable[..., tuple[torch.Tensor, torch.Tensor]], digits: Digits) -> None:
        self._judge = judge
        self._digits = digits

    def run(self, count: int) -> list[float]:
        return [value for _ in range(count) for value in self._evaluate()]

    def _evaluate(self) -> tuple[float, float]:
        loss, hits, total = 0.0, 0.0, len(self._digits.test_labels)
        with torch.inference_mode():
            for start in range(0, total, CHUNK):
                labels = self._digits.test_labels[start : start + CHUNK]
                mean, correct = self._judge(self._digits.test_images[start : start + CHUNK], labels)
                loss += mean.item() * len(labels)
                hits += correct.item()
        return loss / total, hits / total


class PyTorch(Offer):
    """Either way of running PyTorch."""

    training_forms: Sequence[str]
    evaluation_form: str

    def __init__(self, data: str) -> None:
        torch.set_num_threads(1)
        torch.set_num_interop_threads(1)
        torch.manual_seed(0)
        self.digits = Digits(data)
        self.versions = {"torch": torch.__version__}

    def forms(self, task: str) -> Sequence[str]:
        if TASKS[task].after_update:
            raise RefusedError("not measured: this row shows what a second forward pass costs the engine")
        return (self.evaluation_form,) if TASKS[task].evaluates else self.training_forms

    def session(self, task: str, form: str, horizon: int, dropout: float | None) -> Session:
        if TASKS[task].evaluates:
            return Evaluating(self.judge(network(TASKS[task], None).eval()), self.digits)
        way, _, reading = form.partition(", ")
        indices = batch_indices(self.digits.dataset, horizon)
        return Training(self.update(TASKS[task], way, dropout), indices, at_once=reading == "losses read at once")

    @abstractmethod
    def update(self, task: Task, way: str, dropout: float | None) -> Update:
        """Return a function that updates a network on a batch."""

    @abstractmethod
    def judge(self, model: torch.nn.Module) -> Callable[..., tuple[torch.Tensor, torch.Tensor]]:
        """Return a function of images and labels that returns mean loss and number of hits."""


def judged(model: torch.nn.Module, images: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return mean loss and number of hits."""
    logits = model(images * SCALE)
    return torch.nn.functional.cross_entropy(logits, labels), (logits.argmax(1) == labels).sum()

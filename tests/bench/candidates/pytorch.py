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
    FILTERS,
    LEARNING_RATES,
    MOMENTUM,
    NORMALIZATION_EPSILON,
    NORMALIZATION_MOMENTUM,
    SCALE,
    TASKS,
    WINDOW,
    Task,
    batch_indices,
    initial_weights,
    read_data,
    seen,
)
from chapter6.data.storage import Dataset

Update = Callable[[torch.Tensor], torch.Tensor]
CHUNK = 1000  # test images a forward pass: in one pass it takes half as long again


class Digits:
    """MNIST as uint8 tensors over the mapped files."""

    def __init__(self, dataset: Dataset) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the files are mapped read-only, and nobody writes
            self.images, self.test_images = map(torch.from_numpy, (dataset.train_images, dataset.test_images))
        self.labels, self.test_labels = (
            torch.from_numpy(labels.astype(np.int64)) for labels in (dataset.train_labels, dataset.test_labels)
        )

    def gather(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the scaled images and the labels of a batch; ``images[rows]`` takes three times as long."""
        return torch.index_select(self.images, 0, rows) * SCALE, torch.index_select(self.labels, 0, rows)


def network(task: Task, dropout: float | None) -> torch.nn.Sequential:
    """Return the network with the engine's initial weights."""
    matrices = initial_weights(task)
    layers: list[torch.nn.Module] = []
    if task.side is not None:
        layers, matrices = convolutions(task.side, matrices[: len(FILTERS)]), matrices[len(FILTERS) :]
    for number, matrix in enumerate(matrices, start=1):
        layers.append(filled(torch.nn.Linear(*matrix.shape), matrix))
        if number < len(matrices):
            if task.normalized:
                layers.append(torch.nn.BatchNorm1d(matrix.shape[1], NORMALIZATION_EPSILON, 1 - NORMALIZATION_MOMENTUM))
            layers.append(torch.nn.ReLU())
            if dropout is not None:
                layers.append(torch.nn.Dropout(dropout))
    return torch.nn.Sequential(*layers)


def convolutions(side: int, matrices: Sequence[np.ndarray]) -> list[torch.nn.Module]:
    """Return the small CNN up to its dense layers; pooling before ReLU gives the same for a quarter of the work."""
    layers: list[torch.nn.Module] = [torch.nn.Unflatten(1, (1, side, side))]
    for matrix in matrices:
        convolution = torch.nn.Conv2d(len(matrix) // WINDOW**2, matrix.shape[1], WINDOW, padding=1)
        layers += [filled(convolution, matrix), torch.nn.MaxPool2d(2), torch.nn.ReLU()]
    return [*layers, torch.nn.Flatten()]


def filled(layer: torch.nn.Linear | torch.nn.Conv2d, matrix: np.ndarray) -> torch.nn.Module:
    """Return a layer with the engine's weights and no biases."""
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(matrix.T).reshape(layer.weight.shape))
        layer.bias.zero_()
    return layer


def in_order(model: torch.nn.Module, way: str) -> torch.nn.Module:
    """Return a network with images in the memory order that a form's name asks for."""
    return model.to(memory_format=torch.channels_last) if way.endswith("channels last") else model


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
    channels_last_forms: Sequence[str]  # besides, where there are convolutions
    evaluation_form: str

    def __init__(self, data: str) -> None:
        torch.set_num_threads(1)
        torch.set_num_interop_threads(1)
        torch.manual_seed(0)
        self._dataset = read_data(data)
        self.digits = Digits(self._dataset)
        self.versions = {"torch": torch.__version__}

    def forms(self, task: str) -> Sequence[str]:
        if TASKS[task].after_update:
            raise RefusedError("not measured: this row shows what a second forward pass costs the engine")
        if TASKS[task].evaluates:
            return (self.evaluation_form,)
        return (*self.training_forms, *(self.channels_last_forms if TASKS[task].side else ()))

    def session(self, task: str, form: str, horizon: int, dropout: float | None) -> Session:
        if TASKS[task].evaluates:
            return Evaluating(self.judge(network(TASKS[task], None).eval()), self.digits)
        way, _, reading = form.partition(", ")
        self.digits = Digits(seen(TASKS[task], self._dataset))
        indices = batch_indices(TASKS[task], self._dataset, horizon)
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

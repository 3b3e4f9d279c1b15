"""PyTorch as most people run it: module by module, with the fused optimizer."""

from collections.abc import Callable
from functools import partial

import torch
from torch.nn.functional import cross_entropy

from bench.candidates.pytorch import PyTorch, Update, fused_optimizer, in_order, judged, network
from bench.work import Task


class DropoutByUniform(torch.nn.Module):
    """Inverted dropout from uniform numbers: on one thread less than half of the time of torch.nn.Dropout."""

    def __init__(self, ratio: float) -> None:
        super().__init__()
        self.ratio = ratio

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * ((torch.rand_like(x) >= self.ratio) * (1 / (1 - self.ratio)))


class Candidate(PyTorch):
    training_forms = ("modules, losses read at once", "modules, losses read by the block")
    channels_last_forms = ("modules channels last, losses read by the block",)
    evaluation_form = "modules"

    def forms(self, task: str) -> tuple[str, ...]:
        forms = tuple(super().forms(task))
        return (*forms, "dropout by uniform numbers, losses read by the block") if task == "dropout" else forms

    def update(self, task: Task, way: str, dropout: float | None) -> Update:
        model = network(task, dropout)
        if way == "dropout by uniform numbers" and dropout is not None:
            for number, layer in enumerate(model):
                if isinstance(layer, torch.nn.Dropout):
                    model[number] = DropoutByUniform(dropout)
        model = in_order(model, way)
        optimizer, digits = fused_optimizer(task, model), self.digits

        def update(rows: torch.Tensor) -> torch.Tensor:
            images, labels = digits.gather(rows)
            optimizer.zero_grad(set_to_none=True)
            loss = cross_entropy(model(images), labels)
            loss.backward()
            optimizer.step()
            return loss

        return update

    def judge(self, model: torch.nn.Module) -> Callable[..., tuple[torch.Tensor, torch.Tensor]]:
        return partial(judged, model)

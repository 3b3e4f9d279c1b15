"""Train replicates of one or several variants: one file of curves and one record each."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path

from chapter6.files import write_json
from chapter6.jobs.datasets import load
from chapter6.jobs.replicates import Trainer
from chapter6.jobs.stream import streaming
from chapter6.study.orders import Trained, TrainingOrder, read_order
from chapter6.study.results import Place
from chapter6.study.run_cache import RunCache
from chapter6.study.starts import start_of


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--order", required=True, type=Path, help="what is to be trained, as JSON")
    parser.add_argument("--data", required=True, type=Path, help="folder of the data set")
    parser.add_argument("--folder", required=True, help="folder of the experiment's runs, one folder a variant")
    parser.add_argument("--known", help="index of what was trained, under whatever name (default: none)")
    parser.add_argument("--output", required=True, help="record of what was trained")


def run(args: Namespace) -> None:
    """Train what is not yet trained and write the job's record last.

    That record says what was trained and not when: equal runs give equal bytes.
    """
    order = read_order(TrainingOrder, args.order)
    dataset = load(args.data) if any(block.taken.run.needs_dataset for block in order.blocks) else None
    trainer = Trainer(dataset, RunCache(args.known))
    with streaming(order.experiment) as finished:
        trained = {block.variant: _train_block(trainer, order, block, args.folder, finished) for block in order.blocks}
        write_json(args.output, {"experiment": order.experiment, "trained": trained})


def _train_block(
    trainer: Trainer, order: TrainingOrder, block: Trained, folder: str, finished: Callable[[str, int], None]
) -> dict[int, str]:
    """Train replicates of one variant where they are not yet trained; return the keys of all."""
    keys = {}
    for replicate in range(block.first, block.last + 1):
        run = block.taken.resolved(replicate=replicate)
        place = Place(order.experiment, block.variant, replicate, order.seed)
        start = start_of(run, folder, replicate, order.seed)
        own = f"{folder}/{block.variant}"
        keys[replicate], is_new = trainer.train(own, place, run, block.sources, start, keeps=block.keeps)
        if is_new:
            finished(block.variant, replicate)
    return keys

"""Batches of encoded chats, drawn ahead by other processes in an order that only the seed decides."""

from __future__ import annotations

import multiprocessing
import random
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from training.encode import Array, Encoder, Grid, Sample
from training.mixture import EASY, SEEING, TRAINING, Mixture, draw


@dataclass(frozen=True)
class Plan:
    """What is drawn: the seed, the batch size, and for how many blocks each mixture lasts."""

    seed: int = 1
    batch: int = 16
    block: int = 512
    seeing_blocks: int = 24
    easy_blocks: int = 8
    grid: Grid = field(default_factory=Grid)
    seeing: Mixture = SEEING
    easy: Mixture = EASY
    full: Mixture = TRAINING

    def mixture(self, block: int) -> Mixture:
        """First only seeing, then easy chats, then all."""
        if block < self.seeing_blocks:
            return self.seeing
        return self.easy if block < self.seeing_blocks + self.easy_blocks else self.full


@dataclass(frozen=True)
class Batch:
    """Padded arrays of one batch; the image fields are None where no chat has an image."""

    ids: Array
    labels: Array
    sources: Array
    mask: Array
    pixels: Array | None
    cross: Array | None
    patches: Array | None
    """Classes of every patch: four characters, two roles, two indices."""

    @property
    def size(self) -> int:
        """How many chats."""
        return int(self.ids.shape[0])


def collate(samples: list[Sample], pad: int) -> Batch:
    """Pad chats with equally many images to one length."""
    length = max(len(sample.ids) for sample in samples)
    shape = (len(samples), length)
    ids, labels, sources = np.full(shape, pad), np.full(shape, -100), np.full(shape, -1)
    mask = np.zeros(shape, np.int64)
    images = len(samples[0].pictures)
    cross = np.zeros((*shape, images, 1), np.int64)
    for row, sample in enumerate(samples):
        count = len(sample.ids)
        ids[row, :count], labels[row, :count], sources[row, :count] = sample.ids, sample.labels, sample.sources
        mask[row, :count] = 1
        for number, (start, end) in enumerate(sample.windows):
            cross[row, start:end, number] = 1
    if not images:
        return Batch(ids, labels, sources, mask, None, None, None)
    pixels = np.stack([[shown.pixels for shown in sample.pictures] for sample in samples])
    patches = np.stack([[np.concatenate((shown.characters, shown.roles, shown.indices), axis=1)
                         for shown in sample.pictures] for sample in samples])  # fmt: skip
    return Batch(ids, labels, sources, mask, pixels, cross, patches)


def draw_block(number: int, plan: Plan, encoder: Encoder) -> list[Batch]:
    """The batches of one block of chats: alike in images and length, in random order."""
    rng = random.Random(f"{plan.seed}:{number}")
    mixture = plan.mixture(number)
    samples = [encoder.encode(draw(rng, mixture)) for _ in range(plan.block)]
    batches = []
    for images in sorted({len(sample.pictures) for sample in samples}):
        alike = sorted((s for s in samples if len(s.pictures) == images), key=lambda sample: len(sample.ids))
        size = max(1, plan.batch // max(1, images))
        pad = int(encoder.tokenizer.pad_token_id or 0)
        batches += [collate(alike[start : start + size], pad) for start in range(0, len(alike), size)]
    rng.shuffle(batches)
    return batches


def _work(
    queue: multiprocessing.Queue[Batch], plan: Plan, tokenizer: PreTrainedTokenizerFast, first: int, step: int
) -> None:
    torch.set_num_threads(1)
    encoder = Encoder(tokenizer, plan.grid)
    number = first
    while True:
        for batch in draw_block(number, plan, encoder):
            queue.put(batch)
        # An empty batch would be none at all: the end of a block is told by its size.
        queue.put(Batch(np.zeros((0, 0)), np.zeros(0), np.zeros(0), np.zeros(0), None, None, None))
        number += step


def stream(
    plan: Plan, tokenizer: PreTrainedTokenizerFast, position: tuple[int, int], workers: int
) -> Iterator[tuple[tuple[int, int], Batch]]:
    """Batches from a position (block, batch in it) on, each with the position after it; without an end."""
    context = multiprocessing.get_context("spawn")
    queues = [context.Queue(24) for _ in range(workers)]
    block, skip = position
    for number, queue in enumerate(queues):
        job = (queue, plan, tokenizer, block + number, workers)
        context.Process(target=_work, args=job, daemon=True).start()
    start = block
    while True:
        queue, done = queues[(block - start) % workers], 0
        while (batch := queue.get()).size:
            done += 1
            if done > skip:
                yield (block, done), batch
        block, skip = block + 1, 0


def tensors(batch: Batch, device: torch.device) -> dict[str, Tensor]:
    """The model's inputs; pixels are normalised here as the processor does."""
    inputs = {
        "input_ids": torch.from_numpy(batch.ids).long(),
        "attention_mask": torch.from_numpy(batch.mask),
    }
    if batch.pixels is not None and batch.cross is not None:
        pixels = torch.from_numpy(batch.pixels).to(device).float().div_(127.5).sub_(1.0)
        count, images = batch.pixels.shape[:2]
        inputs["pixel_values"] = pixels.permute(0, 1, 4, 2, 3)[:, :, None].contiguous()
        inputs["aspect_ratio_ids"] = torch.ones(count, images, dtype=torch.long)
        inputs["aspect_ratio_mask"] = torch.ones(count, images, 1, dtype=torch.long)
        inputs["cross_attention_mask"] = torch.from_numpy(batch.cross)
    return {name: value.to(device) for name, value in inputs.items()}

"""Batches of encoded chats, drawn ahead by other processes in an order that only the seed decides."""

from __future__ import annotations

import math
import multiprocessing
import queue
import random
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeVar

import cv2
import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from training.encode import UNTOLD, Array, Encoder, Grid, Sample
from training.mixture import EASY, SEEING, TRAINING, Mixture, draw

PATIENCE = 600.0
"""Seconds to wait for a batch; a block is drawn in tens of them."""

Item = TypeVar("Item")


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
    """Padded arrays of one batch; the image fields are None where no chat has an image.

    Only tiles that hold something travel: `slots` says of each which of chats x images x tiles it is.
    """

    ids: Array
    labels: Array
    sources: Array
    copies: Array
    mask: Array
    pixels: Array | None = None
    slots: Array | None = None
    aspects: Array | None = None
    cross: Array | None = None
    patches: Array | None = None
    """Classes of every patch, chats x images x tiles x patches x classes; untold where there is no tile."""

    @property
    def size(self) -> int:
        """How many chats."""
        return int(self.ids.shape[0])

    @property
    def images(self) -> int:
        """How many images each chat has."""
        return 0 if self.aspects is None else int(self.aspects.shape[1])


def collate(samples: list[Sample], pad: int, grid: Grid) -> Batch:
    """Pad chats with equally many images to one length."""
    length = max(len(sample.ids) for sample in samples)
    shape = (len(samples), length)
    ids, labels = np.full(shape, pad), np.full(shape, -100)
    sources, copies = np.full(shape, -1), np.full(shape, -1)
    mask = np.zeros(shape, np.int64)
    images = len(samples[0].pictures)
    cross = np.zeros((*shape, images, grid.tiles), np.int64)
    for row, sample in enumerate(samples):
        count = len(sample.ids)
        ids[row, :count], labels[row, :count], sources[row, :count] = sample.ids, sample.labels, sample.sources
        copies[row, :count] = sample.copies
        mask[row, :count] = 1
        for number, (start, end) in enumerate(sample.windows):
            cross[row, start:end, number, : len(sample.pictures[number].pixels)] = 1
    if not images:
        return Batch(ids, labels, sources, copies, mask)
    shown = [picture for sample in samples for picture in sample.pictures]
    slots = [number * grid.tiles + tile for number, picture in enumerate(shown) for tile in range(len(picture.pixels))]
    patches = np.full((len(shown) * grid.tiles, *shown[0].classes.shape[1:]), UNTOLD, np.int16)
    patches[slots] = np.concatenate([picture.classes for picture in shown])
    aspects = np.array([picture.aspect for picture in shown]).reshape(len(samples), images)
    pixels = np.concatenate([picture.pixels for picture in shown])
    patches = patches.reshape(len(samples), images, grid.tiles, *patches.shape[1:])
    return Batch(ids, labels, sources, copies, mask, pixels, np.array(slots), aspects, cross, patches)


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
        batches += [collate(alike[start : start + size], pad, plan.grid) for start in range(0, len(alike), size)]
    rng.shuffle(batches)
    return batches


def _work(
    drawn: multiprocessing.Queue[Batch], plan: Plan, tokenizer: PreTrainedTokenizerFast, first: int, step: int
) -> None:
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    encoder = Encoder(tokenizer, plan.grid)
    number = first
    while True:
        for batch in draw_block(number, plan, encoder):
            drawn.put(batch)
        # An empty batch would be none at all: the end of a block is told by its size.
        drawn.put(Batch(np.zeros((0, 0)), np.zeros(0), np.zeros(0), np.zeros(0), np.zeros(0)))
        number += step


def stream(
    plan: Plan, tokenizer: PreTrainedTokenizerFast, position: tuple[int, int], workers: int
) -> Iterator[tuple[tuple[int, int], Batch]]:
    """Batches from a position (block, batch in it) on, each with the position after it; without an end."""
    context = multiprocessing.get_context("spawn")
    queues = [context.Queue(24) for _ in range(workers)]
    block, skip = position
    for number, drawn in enumerate(queues):
        job = (drawn, plan, tokenizer, block + number, workers)
        context.Process(target=_work, args=job, daemon=True).start()
    start = block
    while True:
        drawn, done = queues[(block - start) % workers], 0
        # A process that draws and died would otherwise be waited for without an end.
        while (batch := drawn.get(timeout=PATIENCE)).size:
            done += 1
            if done > skip:
                yield (block, done), batch
        block, skip = block + 1, 0


def ahead(batches: Iterator[Item], depth: int = 4) -> Iterator[Item]:
    """The same, fetched by a thread: unpacking a batch of many tiles takes as long as a step on a large GPU."""
    fetched: queue.Queue[Item | BaseException] = queue.Queue(depth)

    def fetch() -> None:
        try:
            for item in batches:
                fetched.put(item)
        except BaseException as error:
            fetched.put(error)

    threading.Thread(target=fetch, daemon=True).start()
    while True:
        item = fetched.get()
        if isinstance(item, BaseException):
            raise item
        yield item


def tensors(batch: Batch, device: torch.device, grid: Grid) -> dict[str, Tensor]:
    """The model's inputs; pixels are normalised here as the processor does, and missing tiles are zeros as there."""
    # No mask says where a chat is padded: what comes after a token is not seen by it, and the fused attention takes
    # half the time without a mask.
    inputs = {"input_ids": torch.from_numpy(batch.ids).long().to(device)}
    if batch.pixels is not None and batch.slots is not None and batch.cross is not None:
        pixels = torch.from_numpy(batch.pixels).to(device).float().div_(127.5).sub_(1.0).permute(0, 3, 1, 2)
        slots = torch.from_numpy(batch.slots).to(device)
        shape = (batch.size, batch.images, grid.tiles)
        room = torch.zeros((math.prod(shape), 3, grid.tile, grid.tile), device=device)
        held = torch.zeros(math.prod(shape), dtype=torch.long, device=device)
        room[slots], held[slots] = pixels, 1
        inputs["pixel_values"] = room.view(*shape, 3, grid.tile, grid.tile)
        inputs["aspect_ratio_ids"] = torch.from_numpy(batch.aspects).to(device)
        inputs["aspect_ratio_mask"] = held.view(shape)
        inputs["cross_attention_mask"] = torch.from_numpy(batch.cross).to(device)
    return inputs

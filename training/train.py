"""The training loop: resumable, bounded by time or steps, writing checkpoints and a usable model as it goes."""

from __future__ import annotations

import json
import math
import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from backend.reader.prompt import INTRODUCTION
from training import model as models
from training import saving
from training import tokenizer as tokenizers
from training.batches import Batch, Plan, ahead, stream
from training.mixture import TRAINING, Mixture, draw
from training.plot import plot

Report = Callable[[str], None]


@dataclass(frozen=True)
class Run:
    """What to train, for how long, and where to keep it."""

    folder: Path
    minutes: float = 120.0
    steps: int | None = None
    rate: float = 1e-3
    warmup: int = 150
    save_every: float = 240.0
    workers: int = 1
    device: str = "cpu"
    freeze_vision: bool = False
    start: Path | None = None
    """A model folder whose weights and tokenizer to begin with, instead of from scratch."""
    plan: Plan = field(default_factory=Plan)
    shape: models.Shape = field(default_factory=models.Shape)


@dataclass
class Progress:
    """Where the training stands; goes into the checkpoint."""

    step: int = 0
    samples: int = 0
    seconds: float = 0.0
    position: tuple[int, int] = (0, 0)
    history: list[dict[str, float]] = field(default_factory=list)


def make_tokenizer(
    seed: int, mixture: Mixture = TRAINING, chats: int = 3000, start: Path | None = None
) -> PreTrainedTokenizerFast:
    """The tokenizer that fits what is going to be said; with what an earlier model's had, where one is begun with."""
    rng = random.Random(f"{seed}:words")
    drawn = (draw(rng, mixture) for _ in range(chats))
    if start is None:
        return tokenizers.build(drawn)
    old = PreTrainedTokenizerFast.from_pretrained(start)
    reads = INTRODUCTION in old.get_vocab()
    return old if reads else tokenizers.extend(old, drawn)


def multiplies_bfloat16(device: torch.device) -> bool:
    """Whether large products are faster in bfloat16: on a GPU, and on a CPU that has instructions for it.

    With AVX-512 BF16 a step on pages took 0.7 of its time in float32 (AMD EPYC, one thread).
    """
    able = torch.cpu.get_capabilities()
    return device.type != "cpu" or bool(able.get("amx_bf16") or able.get("avx512_bf16"))


def optimizers(learner: models.Learner, rate: float) -> tuple[torch.optim.Optimizer, ...]:
    """Muon (K. Jordan, 2024) for the layers' matrices, AdamW for all else, both in AdamW's learning rate.

    Beside AdamW alone, 200 steps on the same batches from the same weights ended with a next token's loss of 0.137
    instead of 0.159, at 0.87 of its speed.
    """
    matrices = {
        name: weight
        for name, weight in learner.named_parameters()
        if weight.dim() == 2 and "layers." in name and weight.requires_grad
    }
    others = [weight for name, weight in learner.named_parameters() if name not in matrices and weight.requires_grad]
    groups = [
        {"params": [weight for weight in others if weight.dim() > 1], "weight_decay": 0.05},
        {"params": [weight for weight in others if weight.dim() <= 1], "weight_decay": 0.0},
    ]
    return (
        torch.optim.Muon(matrices.values(), lr=rate, weight_decay=0.05, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.98), fused=True),
    )


class Trainer:
    """One run: the learner, its optimizers and its progress."""

    def __init__(self, run: Run, tokenizer: PreTrainedTokenizerFast) -> None:
        torch.manual_seed(run.plan.seed)
        self.run, self.tokenizer = run, tokenizer
        self.device = torch.device(run.device)
        model = (
            models.build(tokenizer, run.shape) if run.start is None else models.load(run.start, run.shape, tokenizer)
        )
        self.learner = models.Learner(model, run.shape).to(self.device)
        self.halved = multiplies_bfloat16(self.device)
        if self.device.type == "cpu":
            model.set_attn_implementation({"text_config": "sdpa", "vision_config": "sdpa"})
        if run.freeze_vision:
            self.learner.freeze()
        self.optimizers = optimizers(self.learner, run.rate)
        self.progress = Progress()

    def rate(self) -> float:
        """Warm-up, then a cosine over the budget down to a hundredth."""
        progress, run = self.progress, self.run
        cosine = 0.01 + 0.99 * (1 + math.cos(math.pi * self.spent())) / 2
        return run.rate * cosine * min(1.0, (progress.step + 1) / run.warmup)

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """One update; a batch that is not full counts for less. The losses stay on the device: reading one waits."""
        for group in (group for optimizer in self.optimizers for group in optimizer.param_groups):
            group["lr"] = self.rate()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.halved):
            losses = self.learner(batch, self.device)
        share = min(1.0, batch.size * max(1, batch.images) / self.run.plan.batch)
        (losses.total * share).backward()
        torch.nn.utils.clip_grad_norm_(self.learner.parameters(), 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self.progress.step += 1
        self.progress.samples += batch.size
        return dict(losses.parts)

    def spent(self) -> float:
        """The part of the budget that is spent, in steps or in time; 1 is all."""
        progress, run = self.progress, self.run
        return min(1.0, progress.step / run.steps if run.steps else progress.seconds / (run.minutes * 60))

    def save(self) -> None:
        """Write the checkpoint and the model, each in one move, and the plot."""
        run = self.run
        run.folder.mkdir(parents=True, exist_ok=True)
        content: dict[str, Any] = {
            "learner": models.state(self.learner), "optimizers": [each.state_dict() for each in self.optimizers],
            "progress": vars(self.progress), "random": torch.get_rng_state(),
        }  # fmt: skip
        part = run.folder / "checkpoint.part"
        torch.save(content, part)
        os.replace(part, run.folder / "checkpoint.pt")
        saving.save(self.learner.model, self.tokenizer, run.plan.grid, run.folder / "model")
        plot(self.progress.history, run.folder / "loss.png")

    def load(self) -> bool:
        """Go on from the checkpoint, if there is one."""
        path = self.run.folder / "checkpoint.pt"
        if not path.exists():
            return False
        content = torch.load(path, map_location=self.device, weights_only=True)
        self.learner.load_state_dict(content["learner"])
        for optimizer, kept in zip(self.optimizers, content["optimizers"], strict=True):
            optimizer.load_state_dict(kept)
        self.progress = Progress(**{**content["progress"], "position": tuple(content["progress"]["position"])})
        torch.set_rng_state(content["random"].cpu())
        return True


def train(run: Run, report: Report, resume: bool = False) -> Progress:
    """Train until the budget is spent; returns where it ended."""
    resume = resume and (run.folder / "checkpoint.pt").exists()
    if resume:
        tokenizer = PreTrainedTokenizerFast.from_pretrained(run.folder / "model")
    else:
        tokenizer = make_tokenizer(run.plan.seed, run.plan.full, start=run.start)
    trainer = Trainer(run, tokenizer)
    if resume and trainer.load():
        report(f"resumed at step {trainer.progress.step}")
    report(
        f"{sum(weight.numel() for weight in trainer.learner.model.parameters()):,} parameters, {len(tokenizer)} tokens"
    )
    try:
        _loop(trainer, report)
    finally:
        trainer.save()
    (run.folder / "progress.json").write_text(json.dumps(vars(trainer.progress) | {"history": []}, default=str))
    return trainer.progress


def _loop(trainer: Trainer, report: Report) -> None:
    progress, run = trainer.progress, trainer.run
    began = saved = time.monotonic()
    before, sums, count = progress.seconds, dict[str, Tensor](), 0
    for position, batch in ahead(stream(run.plan, trainer.tokenizer, progress.position, run.workers)):
        if trainer.spent() >= 1.0:
            return
        parts = trainer.step(batch)
        progress.position = position
        count += 1
        sums |= {name: sums.get(name, 0.0) + value for name, value in parts.items()}
        now = time.monotonic()
        progress.seconds = before + now - began
        if progress.step % 50 == 0:
            means = {name: float(value) / count for name, value in sums.items()}
            progress.history.append({"step": progress.step, "samples": progress.samples, **means})
            report(_line(progress, means, trainer.rate(), trainer.spent()))
            sums, count = {}, 0
        if now - saved > run.save_every:
            trainer.save()
            saved = time.monotonic()


def _line(progress: Progress, means: dict[str, float], rate: float, spent: float) -> str:
    bar = "#" * int(spent * 20)
    losses = " ".join(f"{name} {value:.3f}" for name, value in means.items())
    speed = progress.samples / max(progress.seconds, 1e-9)
    minutes = progress.seconds / 60
    done = f"[{bar:.<20}] {spent:4.0%}  {minutes:6.1f} min  step {progress.step:6d}  samples {progress.samples:7d}"
    return f"{done}  {speed:5.1f}/s  rate {rate:.1e}  {losses}"

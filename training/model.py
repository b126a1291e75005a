"""Pocket's shape, its processor, and the losses it is trained with.

Beside the next token, two dense losses make it learn fast: every patch of the vision output tells what stands there,
and some cross-attention heads are told which patch the next character is read from. Both are dropped after training.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import (
    MllamaConfig,
    MllamaForConditionalGeneration,
    PreTrainedTokenizerFast,
)
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
from transformers.models.mllama.image_processing_pil_mllama import get_all_supported_aspect_ratios

from training.batches import Batch, tensors
from training.encode import SLOTS, Grid
from training.grow import grown, stretched
from training.labels import CHARACTERS, MAX_INDEX, ROLES
from training.tokenizer import IMAGE

GUIDED_HEADS = 2
"""In each guided layer, so many heads are told where to look."""

GUIDED = "guided_sdpa"
"""The name of the attention whose first heads are told."""


@dataclass(frozen=True)
class Shape:
    """The sizes of the model."""

    grid: Grid = field(default_factory=Grid)
    vision_width: int = 192
    vision_layers: int = 4
    vision_global_layers: int = 1
    vision_kept: tuple[int, ...] = (3,)
    text_width: int = 192
    text_layers: int = 6
    cross_layers: tuple[int, ...] = (2, 4)
    heads: int = 4
    text_heads: int = 4
    guided_layers: tuple[int, ...] = ()
    """Layers of text some of whose heads are told which token of a page the next one is copied from."""


def config(tokenizer: PreTrainedTokenizerFast, shape: Shape) -> MllamaConfig:
    """The transformers configuration."""
    image = int(tokenizer.convert_tokens_to_ids(IMAGE))
    vision = {
        "hidden_size": shape.vision_width, "intermediate_size": shape.vision_width * 4,
        "num_hidden_layers": shape.vision_layers, "num_global_layers": shape.vision_global_layers,
        "attention_heads": shape.heads, "image_size": shape.grid.tile, "patch_size": shape.grid.patch,
        "max_num_tiles": shape.grid.tiles,
        "supported_aspect_ratios": [list(ratio) for ratio in get_all_supported_aspect_ratios(shape.grid.tiles)],
        "intermediate_layers_indices": list(shape.vision_kept),
        "vision_output_dim": shape.vision_width * (1 + len(shape.vision_kept)),
    }  # fmt: skip
    text = {
        "vocab_size": image, "hidden_size": shape.text_width, "intermediate_size": shape.text_width * 8 // 3,
        "num_hidden_layers": shape.text_layers, "cross_attention_layers": list(shape.cross_layers),
        "num_attention_heads": shape.text_heads, "num_key_value_heads": shape.text_heads,
        "max_position_embeddings": 4096,
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
        "bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id, "tie_word_embeddings": False,
    }  # fmt: skip
    # Clips come as bare sheets, without a sentence about them. Images come with the text that was read on them.
    return MllamaConfig(vision_config=vision, text_config=text, image_token_index=image, clip_note="", reads_text=True)


def build(tokenizer: PreTrainedTokenizerFast, shape: Shape) -> MllamaForConditionalGeneration:
    """A new model with its gates open; transformers starts them closed, which trains very slowly from scratch."""
    model = MllamaForConditionalGeneration(config(tokenizer, shape))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "gate" in name and parameter.numel() == 1:
                parameter.fill_(0.7)
            elif name.endswith(("cross_attn.q_norm.weight", "cross_attn.k_norm.weight")):
                parameter.fill_(1.4)
    return model


def load(folder: Path, shape: Shape, tokenizer: PreTrainedTokenizerFast) -> MllamaForConditionalGeneration:
    """A model written before, in float32, in this shape and with this tokenizer: smaller ones are grown.

    Raises:
        ValueError: it cannot become one of this shape.
    """
    model = MllamaForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)
    vision, text, grid = model.config.vision_config, model.config.text_config, shape.grid
    found = (vision.max_num_tiles, vision.patch_size, vision.hidden_size)
    size = text.hidden_size // text.num_attention_heads
    if found != (grid.tiles, grid.patch, shape.vision_width) or size * shape.text_heads != shape.text_width:
        raise ValueError(f"The model in {folder} has another shape than this recipe; choose the other with --recipe.")
    if vision.image_size != grid.tile:
        model = stretched(model, grid.tile)
    kept = PreTrainedTokenizerFast.from_pretrained(folder)
    if (text.hidden_size, text.num_hidden_layers) == (shape.text_width, shape.text_layers) and (
        kept.get_vocab() == tokenizer.get_vocab()
    ):
        return model
    return grown(model, kept, config(tokenizer, shape), tokenizer, _places(text, shape))


def _places(text: Any, shape: Shape) -> dict[int, int]:
    """Where the layers of a smaller model go: the first and the last stay so, cross-attention goes to its own kind."""
    crossed = tuple(text.cross_attention_layers)
    if len(crossed) != len(shape.cross_layers) or text.num_hidden_layers > shape.text_layers:
        raise ValueError("A model's layers cannot be placed in this recipe's; choose the other with --recipe.")
    places = dict(zip(crossed, shape.cross_layers, strict=True))
    free = [at for at in range(shape.text_layers) if at not in shape.cross_layers]
    for number in range(text.num_hidden_layers):
        if number in crossed:
            continue
        after = max((at for old, at in places.items() if old < number), default=-1)
        before = min((at for old, at in places.items() if old > number), default=shape.text_layers)
        between = [at for at in free if after < at < before]
        last = number == text.num_hidden_layers - 1
        places[number] = between[-1 if last else 0]
    return places


@dataclass(frozen=True)
class Losses:
    """The parts of the loss: next token, patches, and where to look."""

    total: Tensor
    parts: dict[str, Tensor]


class Learner(nn.Module):
    """The model with the heads that only training needs."""

    def __init__(self, model: MllamaForConditionalGeneration, shape: Shape) -> None:
        super().__init__()
        self.model, self.shape, self.frozen = model, shape, False
        width = shape.vision_width * (1 + len(shape.vision_kept))
        self.sizes = [len(CHARACTERS)] * SLOTS + [len(ROLES)] * 2 + [MAX_INDEX] * 2
        self.patch_head = nn.Linear(width, sum(self.sizes))
        self._seen: list[Tensor] = []
        self._looked: list[Tensor] = []
        self._copied: list[Tensor] = []
        self._listen()

    def _listen(self) -> None:
        """Keep the vision output and the cross-attention weights of a forward pass."""
        self.model.model.vision_model.register_forward_hook(
            lambda _, __, output: self._seen.append(output.last_hidden_state)
        )
        for layer in self.shape.cross_layers:
            attention = self.model.model.language_model.layers[layer].cross_attn
            attention.config = copy.deepcopy(attention.config)
            # Only the plain implementation returns its weights.
            attention.config._attn_implementation = "eager"
            attention.register_forward_hook(lambda _, __, output: self._looked.append(output[1]))
        ALL_ATTENTION_FUNCTIONS.register(GUIDED, guided_attention)
        for layer in self.shape.guided_layers:
            attention = self.model.model.language_model.layers[layer].self_attn
            attention.config = copy.deepcopy(attention.config)
            attention.config._attn_implementation = GUIDED
            attention.copied = self._copied

    def forward(self, batch: Batch, device: torch.device, guidance: float = 0.5) -> Losses:
        """All losses on one batch."""
        self._forget()
        inputs = tensors(batch, device, self.shape.grid)
        if batch.ids.shape[1] == 1 and batch.patches is not None:
            return self._see(inputs, torch.from_numpy(batch.patches).to(device).long())
        logits = self.model(**inputs, use_cache=False).logits
        labels = torch.from_numpy(batch.labels).to(device)[:, 1:]
        each = functional.cross_entropy(logits[:, :-1].transpose(1, 2).float(), labels, reduction="none")
        token = fair_mean(each, (labels >= 0).float())
        total, parts = token, {"token": token.detach()}
        copies = torch.from_numpy(batch.copies).to(device)[:, 1:]
        if self._copied and bool((copies >= 0).any()):
            copied = self._copy_loss(copies)
            total = total + guidance * copied
            parts |= {"copy": copied.detach()}
        if batch.patches is not None:
            look = self._look_loss(torch.from_numpy(batch.sources).to(device)[:, 1:])
            total, parts = total + guidance * look, parts | {"look": look.detach()}
            if not self.frozen:
                patches = self._patch_loss(torch.from_numpy(batch.patches).to(device).long())
                total, parts = total + patches, parts | {"patch": patches.detach()}
        self._forget()
        return Losses(total, parts)

    def _forget(self) -> None:
        """Let go of what the last forward pass kept."""
        for kept in (self._seen, self._looked, self._copied):
            kept.clear()

    def freeze(self) -> None:
        """Leave the vision tower as it is from now on; a step with images takes a third of its time then."""
        self.frozen = True
        self.model.model.vision_model.requires_grad_(False)
        self.patch_head.requires_grad_(False)

    def _see(self, inputs: dict[str, Tensor], classes: Tensor) -> Losses:
        """Images alone: the vision tower's part."""
        self.model.model.vision_model(
            pixel_values=inputs["pixel_values"],
            aspect_ratio_ids=inputs["aspect_ratio_ids"],
            aspect_ratio_mask=inputs["aspect_ratio_mask"],
        )
        loss = self._patch_loss(classes)
        return Losses(loss, {"patch": loss.detach()})

    def _patch_loss(self, classes: Tensor) -> Tensor:
        """What stands in each patch; empty places count little, they are many."""
        logits = self.patch_head(self._seen[0][:, :, :, 1:]).split(self.sizes, dim=-1)
        loss = torch.zeros((), device=classes.device)
        for number, part in enumerate(logits):
            weight = torch.ones(part.shape[-1], device=part.device)
            if number < SLOTS + 2:
                weight[0] = 0.1
            target = classes[..., number]
            if number >= SLOTS + 2:
                # An index means something only where there is a role.
                target = target.masked_fill(classes[..., number - 2] <= 0, -100)
            each = functional.cross_entropy(part.movedim(-1, 1).float(), target, reduction="none")
            loss = loss + fair_mean(each, weight[target.clamp(min=0)] * (target >= 0)) / 3
        return loss

    def _look_loss(self, sources: Tensor) -> Tensor:
        """Minus the log of what the guided heads give to the patch that the next token is read from."""
        loss = torch.zeros((), device=sources.device)
        for weights in self._looked:
            guided = weights[:, :GUIDED_HEADS, :-1]
            index = sources.clamp(min=0)[:, None, :, None].expand(-1, GUIDED_HEADS, -1, 1)
            given = guided.gather(3, index)[..., 0]
            loss = loss - fair_mean((given.float() + 1e-6).log().mean(1), (sources >= 0).float())
        return loss / len(self._looked)

    def _copy_loss(self, copies: Tensor) -> Tensor:
        """Minus the log of what the guided heads give to the token of the page that the next one is copied from."""
        loss = torch.zeros((), device=copies.device)
        for scores in self._copied:
            index = copies.clamp(min=0)[:, None, :, None].expand(-1, GUIDED_HEADS, -1, 1)
            given = scores[:, :, :-1].gather(3, index)[..., 0]
            loss = loss - fair_mean(given.mean(1), (copies >= 0).float())
        return loss / len(self._copied)


def guided_attention(
    module: Any, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, **rest: Any
) -> tuple[Tensor, None]:
    """The fused attention, which keeps beside its output the log of what the first heads attend to."""
    if hasattr(module, "copied"):
        scores = query[:, :GUIDED_HEADS].float() @ key[:, :GUIDED_HEADS].float().transpose(2, 3) * module.scaling
        length = scores.shape[-1]
        later = torch.ones(scores.shape[-2], length, dtype=torch.bool, device=scores.device).triu(1)
        module.copied.append(scores.masked_fill(later, -1e9).log_softmax(-1))
    return ALL_ATTENTION_FUNCTIONS["sdpa"](module, query, key, value, attention_mask, **rest)  # type: ignore[no-any-return]


def fair_mean(losses: Tensor, weights: Tensor) -> Tensor:
    """A mean in which a chat counts by the root of how much there is to learn in it, not by all of it.

    Otherwise a page of text drowns a scene of two shapes.
    """
    amounts = weights.flatten(1).sum(1)
    roots = amounts.sqrt()
    sums = (losses * weights).flatten(1).sum(1)
    return (sums / roots.clamp(min=1e-3)).sum() / roots.sum().clamp(min=1e-3)


def state(learner: Learner) -> dict[str, Any]:
    """All weights, the training heads included."""
    return dict(learner.state_dict())

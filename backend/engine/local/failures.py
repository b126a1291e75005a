"""Turns what torch and transformers raise into errors that a person can read. Does not log: who catches does."""

import re

import torch
from safetensors import SafetensorError

from backend.errors import GlimpseError, ModelFailed, OutOfMemory

# CUDA's libraries say it in their own words, and the GPU is not lost by it.
_MEMORY = (
    "out of memory",
    "not enough memory",
    "can't allocate memory",
    "cannot allocate memory",
    "status_alloc_failed",
)
# How transformers says that a library is missing, and torchvision where it has a part in no other way.
_REQUIRED = re.compile(r"requires the (\w+) library|Missing optional dependencies: (\w+)")

LOADING = (
    "There is not enough memory to load this model; close other programs, choose a smaller model with --model, "
    "or load it in 4 bits with --quantization 4bit."
)
ANSWERING = "There was not enough memory for this answer; send fewer images or frames, or start a new conversation."

LOST = "The GPU failed; wait until the model is loaded again, then press Retry."


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out, on whatever device."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _MEMORY)


def is_lasting(error: BaseException | None) -> bool:
    """Whether the GPU is lost to this process: after most CUDA errors every later call fails too."""
    return isinstance(error, RuntimeError) and "CUDA error" in str(error) and not is_out_of_memory(error)


def answering(error: Exception) -> GlimpseError:
    """Make the error for an answer that failed."""
    if is_out_of_memory(error):
        return OutOfMemory(ANSWERING)
    if is_lasting(error):
        return ModelFailed(LOST)
    return ModelFailed(
        f"The model failed while answering ({type(error).__name__}); try again, and if it fails again, see the log."
    )


def loading(error: Exception, model: str) -> GlimpseError:
    """Make the error for a model that could not be loaded."""
    if isinstance(error, GlimpseError):
        return error
    if is_out_of_memory(error):
        return OutOfMemory(LOADING)
    named = _REQUIRED.search(str(error))
    if isinstance(error, ImportError) or named:
        names = [getattr(one, "name", None) for one in (error, error.__cause__)]
        missing = names[0] or (named[named.lastindex or 0].lower() if named else names[1] or "the log names it")
        return ModelFailed(f"{model} needs a package that is not installed ({missing}); install it and try again.")
    if isinstance(error, SafetensorError):
        return ModelFailed(f"The weights of {model} are damaged; delete its folder and fetch it again.")
    if isinstance(error, ValueError) and "Unrecognized configuration class" in str(error):
        return ModelFailed(f"{model} is of a kind that is not loaded for images and text; choose another model.")
    if isinstance(error, RuntimeError) and "bitsandbytes" in str(error).lower():
        first = str(error).strip().splitlines()[0].rstrip(".")
        return ModelFailed(f"bitsandbytes does not work here ({first}); --quantization none does without it.")
    return ModelFailed(f"{model} could not be loaded ({type(error).__name__}); the log says more.")

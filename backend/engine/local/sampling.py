"""Converts between `SamplingParams` and a model's generation config. Does not know requests."""

import copy
from typing import Any

from backend.types import SamplingParams

MAX_NEW_TOKENS = 1024

# What generate takes for a value that the model's generation config leaves open.
_OPEN = {"temperature": 1.0, "top_p": 1.0, "top_k": 50, "min_p": 0.0, "repetition_penalty": 1.0}


def model_sampling(own: Any) -> SamplingParams:
    """A model's defaults, all filled in; temperature 0 where it is greedy."""
    values = {name: getattr(own, name, None) for name in _OPEN}
    filled = {name: _OPEN[name] if value is None else value for name, value in values.items()}
    return SamplingParams(
        max_new_tokens=getattr(own, "max_new_tokens", None) or MAX_NEW_TOKENS,
        temperature=float(filled["temperature"]) if getattr(own, "do_sample", False) else 0.0,
        top_p=float(filled["top_p"]),
        top_k=int(filled["top_k"]),
        min_p=float(filled["min_p"]),
        repetition_penalty=float(filled["repetition_penalty"]),
    )


def generation_config(own: Any, wanted: SamplingParams, max_new_tokens: int, stop: list[int], pad: int) -> Any:
    """The model's generation config with what is wanted over it; a value that is None stays the model's own."""
    config = copy.deepcopy(own)
    config.max_new_tokens, config.max_length = max_new_tokens, None
    config.eos_token_id, config.pad_token_id = stop, pad
    temperature = model_sampling(own).temperature if wanted.temperature is None else wanted.temperature
    config.do_sample = bool(temperature)
    if config.do_sample:
        config.temperature = temperature
        for name in ("top_p", "top_k", "min_p"):
            if (value := getattr(wanted, name)) is not None:
                setattr(config, name, value)
    else:  # greedy decoding warns of values that it does not use, and takes the model's own for None
        config.temperature, config.top_p, config.top_k, config.min_p = 1.0, 1.0, 50, None
    if wanted.repetition_penalty is not None:
        config.repetition_penalty = wanted.repetition_penalty
    return config

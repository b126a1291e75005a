"""Shrinks the config of any architecture to a width of 64 and few layers, by the names that configs share."""

import re
from collections.abc import Callable
from typing import Any

Config = dict[str, Any]
WIDTH, INNER, HEADS, HEAD, LAYERS = 64, 128, 4, 16, 2

# The first rule whose name matches gives the most that a number may be; what no rule matches stays as it is.
RULES = (
    (r"(\w+_)?num_(key_value|kv)_heads", 2),
    (r"(\w+_)?(num_)?(attention_|q_)?(num_)?heads", HEADS),
    (r"qk_rope_head_dim", 8),
    (r"\w*(lora_rank|head_dim|dim_head)", HEAD),
    (r"(num_|n_|\w+_num_)?(decoder_|encoder_|text_)?(hidden_)?layers|\w*depth", LAYERS),
    (r"\w*(intermediate_size(_mlp)?|intermediate_dim|ffn_dim|d_ff|ff_dim|mlp_dim)", INNER),
    (r"(\w+_)?hidden_size\w*|d_model|d_kv|adapter_\w+_dim|\w*(embed|hidden|proj|projection)_dim", WIDTH),
    (r"(\w+_)?(num_experts|routed_experts|local_experts)", 4),
    (r"num_experts_per_tok|top_k_experts|moe_k|moe_topk|\w*top_k", 2),
    (r"n_group|topk_group|first_k_dense_replace|n_shared_experts|moe_num_shared_experts", 1),
    (r"max_position_embeddings", 4096),
)
# What a config computes of the rest.
COMPUTED = ("qk_head_dim", "per_layer_config", "transformers_version", "max_value_projector_patch_to_query_dict")


def shrunk(config: Config, vocabulary: int, token: Callable[[str], int]) -> Config:
    """The same config, small; `token` gives the id of a special token by what its field calls it ("image").

    Of layers of several kinds one of each is kept, two at least.
    """
    before = config.get("num_hidden_layers") or config.get("depth") or 0
    kinds = config.get("layer_types")
    layers = max(LAYERS, len(set(kinds))) if isinstance(kinds, list) else LAYERS
    small: Config = {}
    for name, value in config.items():
        if name in COMPUTED:
            continue
        if isinstance(value, dict) and (name.endswith("config") or name in ("encoder", "decoder")):
            small[name] = shrunk(value, vocabulary, token)
        elif isinstance(value, list) and before > layers and len(value) == before:
            small[name] = [_smaller(name, one) for one in _first_of_each(value, layers)]
        elif name == "num_hidden_layers":
            small[name] = min(value, layers)
        else:
            small[name] = _field(name, value, vocabulary, token)
    return _consistent(small, config)


def _field(name: str, value: Any, vocabulary: int, token: Callable[[str], int]) -> Any:
    if found := re.fullmatch(r"(\w+?)_(?:token_)?(?:id|index)", name):
        return token(found[1])
    if name in ("vocab_size", "vocab_size_per_layer_input"):
        return vocabulary
    if re.search(r"index(es)?$|indices$", name) and isinstance(value, list):
        return [1]
    return _smaller(name, value)


def _smaller(name: str, value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int):
        return value
    return next((min(value, most) for rule, most in RULES if re.fullmatch(rule, name)), value)


def _first_of_each(values: list[Any], count: int) -> list[Any]:
    """`count` of the values, in order, so that each kind is there if it can be."""
    firsts = sorted({str(value): values.index(value) for value in values}.values())[:count]
    rest = [place for place in range(len(values)) if place not in firsts]
    return [values[place] for place in sorted(firsts + rest[: count - len(firsts)])]


def _consistent(small: Config, before: Config) -> Config:
    """Make what depends on several fields fit again: shared heads, the sides of images, sections of rotations."""
    if small.get("num_key_value_heads") and before["num_key_value_heads"] == before.get("num_attention_heads"):
        small["num_key_value_heads"] = small["num_attention_heads"]
    if (patch := small.get("patch_size")) and (side := small.get("image_size")):
        edge = 4 * (patch[0] if isinstance(patch, list) else patch)
        small["image_size"] = [edge, edge] if isinstance(side, list) else edge
    if "image_grid_pinpoints" in small:
        small["image_grid_pinpoints"] = _pinpoints(small["vision_config"]["image_size"])
    if sections := (small.get("rope_parameters") or {}).get("mrope_section"):
        small["rope_parameters"] = small["rope_parameters"] | {"mrope_section": _scaled(sections, HEAD // 2)}
    return small


def _scaled(sections: list[int], total: int) -> list[int]:
    scaled = [part * total // sum(sections) for part in sections]
    return [scaled[0] + total - sum(scaled), *scaled[1:]]


def _pinpoints(side: int) -> list[list[int]]:
    """The sizes of canvas that tiles of `side` pixels are laid out on."""
    return [[side, 2 * side], [2 * side, side]]


def merged(config: Config, changes: Config) -> Config:
    """The config with changes over it, part by part."""
    both = dict(config)
    for name, value in changes.items():
        inner = both.get(name)
        both[name] = merged(inner, value) if isinstance(inner, dict) and isinstance(value, dict) else value
    return both


def shrunk_images(fields: Config, vision: Config) -> Config:
    """The fields of a processor for images or clips, for the sides and patches of a shrunken config."""
    patch = _number(vision.get("patch_size") or fields.get("patch_size") or 16)
    side = _number(vision.get("image_size") or 4 * patch)
    small = {name: value for name, value in fields.items() if value is not None and "class" not in name}
    for name in ("size", "crop_size", "max_image_size"):
        if isinstance(value := small.get(name), dict) and any(re.search("edge|height", edge) for edge in value):
            edges = {edge: most for edge, most in value.items() if isinstance(most, int)}
            small[name] = {edge: _edge(edge, most, side, patch) for edge, most in edges.items()}
    if "patch_size" in small:
        small["patch_size"] = {"height": patch, "width": patch} if isinstance(small["patch_size"], dict) else patch
    if "image_grid_pinpoints" in small:
        small["image_grid_pinpoints"] = _pinpoints(side)
    return small


def _number(value: Any) -> int:
    """A side that may stand there as a number, as a pair, or as {"height", "width"}."""
    return int(value if isinstance(value, int) else next(iter(value.values() if isinstance(value, dict) else value)))


def _edge(edge: str, most: int, side: int, patch: int) -> int:
    """A side in pixels; counts of pixels, as Qwen-VL has them under the same names, are those of 16 or 64 patches."""
    if most < 10000:
        return side
    return (4 * patch) ** 2 if "short" in edge else (8 * patch) ** 2

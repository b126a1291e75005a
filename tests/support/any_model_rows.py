"""Says per type what its classes do not (see `Row`), and which types are not tried."""

from typing import Any

from tests.support.any_model import Row


def _mrope(**text: Any) -> dict[str, Any]:
    """Sections of the rotations for a head of 16 channels, where a model has some that its config does not say."""
    return {"text_config": {"rope_parameters": {"rope_type": "default", "mrope_section": [4, 2, 2]}, **text}}


QWEN = {"shown": "<|vision_start|><|image_pad|><|vision_end|>", "film": "<|vision_start|><|video_pad|><|vision_end|>"}
GLM = {"shown": "<|begin_of_image|><|image|><|end_of_image|>", "film": "<|begin_of_video|><|video|><|end_of_video|>"}
OMNI = {"shown": "<vision_bos><image><vision_eos>", "film": "<vision_bos><video><vision_eos>"}
GEMMA = {"audio_token": "<audio>", "boa_token": "<boa>", "eoa_token": "<eoa>"}
ROWS: dict[str, Row] = {
    "aria": Row(
        {"vision_config": {"patch_size": 196, "image_size": 980}, "projector_patch_to_query_dict": {"25": 4}},
        parts={"size_conversion": {"980": 4}},
    ),
    "aya_vision": Row({"image_token_index": "<|IMG_PATCH|>"}, parts={"img_size": 56}),
    "blip": Row(shown=""),
    "blip-2": Row(parts={"num_query_tokens": 32}, shown=""),
    "chameleon": Row(
        {
            "vocabulary_map": {"<image>": "<image>", **{f"IMGIMG{'ABCDEFGH'[n]}Z": n for n in range(8)}},
            "vq_config": {"num_embeddings": 8, "resolution": 32, "base_channels": 32, "channel_multiplier": [1, 1]},
        },
        parts={"image_seq_length": 256},
        images={"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}},
        shown="<image>",
    ),
    "cohere2_vision": Row(images={"patch_size": 2}),
    "cohere_compass": Row(
        {
            "text_config": {
                "rope_parameters": {
                    "full_attention": {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [4, 2, 2]}
                }
            }
        },
        shown="<|VISION_START|><|IMAGE_PAD|><|VISION_END|>",
        film="<|VISION_START|><|VIDEO_PAD|><|VISION_END|>",
        named={
            "image_token": "<|IMAGE_PAD|>",
            "video_token": "<|VIDEO_PAD|>",
            "vision_start_token": "<|VISION_START|>",
            "vision_end_token": "<|VISION_END|>",
        },
    ),
    "cosmos3_edge": Row(_mrope(), **QWEN),
    "cosmos3_omni": Row(_mrope(), processor="Qwen3VLProcessor", **QWEN),
    "deepseek_ocr2": Row(
        {
            "text_config": {"mlp_layer_types": ["dense", "sparse"], "num_experts_per_tok": 2},
            "vision_config": {"sam_config": {"image_size": 768, "downsample_channels": [32, 64]}},
        },
        images={"size": {"height": 768, "width": 768}, "tile_size": 768},
    ),
    "deepseek_vl": Row(parts={"num_image_tokens": 16}),
    "deepseek_vl_hybrid": Row(images={"high_res_size": {"height": 64, "width": 64}}, parts={"num_image_tokens": 16}),
    "diffusion_gemma": Row(
        {"canvas_length": 8, "text_config": {"num_experts": 4, "top_k_experts": 2, "moe_intermediate_size": 32}},
        image_processor="Gemma4ImageProcessor",
        named=GEMMA,
    ),
    "dots3_note": Row(
        {"audio_config": {"adapter_input_size": 64}, "image_token_id": "<|imgpad|>"},
        images={"temporal_patch_size": 1},
        videos={"temporal_patch_size": 1},
        shown="<|imgpad|>",
    ),
    "emu3": Row(
        {
            "vocabulary_map": {
                "<image>": "<image>",
                "<|extra_200|>": 9,
                **{f"<|visual token {n:06d}|>": n for n in range(8)},
            },
            "vq_config": {"codebook_size": 8, "base_channels": 64, "channel_multiplier": [1, 1, 1, 1]},
        },
        images={"min_pixels": 1024, "max_pixels": 4096},
        shown="<image>",
    ),
    "ernie4_5_vl_moe": Row(
        {"text_config": {"rope_parameters": {"mrope_section": [3, 3, 2]}}},
        videos={"draw_on_frames": False},
        shown="<image_start><image><image_end>",
        film="<video_start><video><video_end>",
    ),
    "exaone4_5": Row(**QWEN),
    "fast_vlm": Row(processor="LlavaProcessor", image_processor="CLIPImageProcessor"),
    "florence2": Row(
        {
            "vision_config": {
                "depths": [1, 1, 1, 1],
                "embed_dim": [16, 32, 32, 64],
                "num_heads": [2, 2, 2, 2],
                "num_groups": [2, 2, 2, 2],
            }
        },
        images={"image_seq_length": 2},
        shown="",
    ),
    "fuyu": Row(tokens=("|SPEAKER|", "|NEWLINE|")),
    "gemma3": Row({"mm_tokens_per_image": 4}, parts={"image_seq_length": 4}, shown="<boi>"),
    "gemma4": Row(
        {
            "vision_config": {
                "hidden_size": 64,
                "intermediate_size": 128,
                "num_hidden_layers": 2,
                "num_attention_heads": 4,
                "num_key_value_heads": 4,
                "head_dim": 16,
            }
        },
        named=GEMMA,
    ),
    "gemma4_unified": Row({"vision_config": {"model_type": "gemma4_unified_vision", "hidden_size": 64}}, named=GEMMA),
    "git": Row(shown=""),
    "glm46v": Row(_mrope(), **GLM),
    "glm4v": Row(_mrope(), **GLM),
    "glm4v_moe": Row(
        {"text_config": {"rope_parameters": {"mrope_section": [2, 1, 1]}}},
        image_processor="Glm4vImageProcessor",
        **GLM,
    ),
    "glm5_next": Row({"video_start_token_id": "<|begin_of_video|>", "video_end_token_id": "<|end_of_video|>"}, **GLM),
    "glm_ocr": Row(_mrope(), processor="Glm46VProcessor", image_processor="Glm46VImageProcessor", **GLM),
    "glmga": Row(_mrope(), processor="Glm46VProcessor", **GLM),
    "got_ocr2": Row(
        {
            "image_token_index": "<imgpad>",
            "vision_config": {"image_size": 64, "patch_size": 1, "global_attn_indexes": []},
        },
        images={"size": {"height": 64, "width": 64}},
        shown="<img><imgpad></img>",
    ),
    "granite4_vision": Row(
        {"deepstack_layer_map": [[-1, 0]], "downsample_rate": "1/2", "spatial_target_layers": [1]},
        parts={"downsample_rate": "1/2", "num_additional_image_tokens": 1},
    ),
    "granite_docling": Row(parts={"image_seq_len": 1}),
    "hunyuan_vl": Row(
        {"text_config": {"head_dim": 16, "rope_parameters": {"mrope_section": [2, 2, 2, 2]}}},
        shown="<image_start><image><image_end>",
    ),
    "hyperclovax_vision_v2": Row(**QWEN),
    "idefics": Row(shown="", images={"image_size": 56}, parts={"image_size": 56}),
    "idefics3": Row(parts={"image_seq_len": 4}),
    "inkling2": Row(
        {"image_token_id": "<|unused_200054|>"},
        images={"size": {"height": 40, "width": 40}},
        shown="<|unused_200054|>",
    ),
    "instructblip": Row(parts={"num_query_tokens": 32}, shown=""),
    "internvl": Row({"image_token_id": "<context_image>", "image_seq_length": 4}, shown="<context_image>"),
    "janus": Row(parts={"num_image_tokens": 16}),
    "kimi_k25": Row({"image_token_id": "<|media_pad|>", "text_config": {"head_dim": 8}}, shown="<|media_pad|>"),
    "kosmos-2": Row(processor="Kosmos2Processor", shown="", named={"unk_token": "!"}),
    "kosmos-2.5": Row(
        {"latent_query_num": 8, "vision_config": {"patch_embed_hidden_size": 768}},
        processor="Kosmos2_5Processor",
        parts={"num_image_tokens": 8},
        shown="",
    ),
    "lfm3_vl": Row(**QWEN),
    "llama4": Row(
        {
            "image_token_index": "<|patch|>",
            "vision_config": {
                "intermediate_size": 256,
                "projector_input_dim": 64,
                "projector_output_dim": 64,
                "vision_output_dim": 64,
            },
        },
        shown="<|image|>",
    ),
    "llava": Row(parts={"num_additional_image_tokens": 1}),
    "llava_next": Row(parts={"num_additional_image_tokens": 1}),
    "llava_next_video": Row(parts={"num_additional_image_tokens": 1}),
    "llava_onevision": Row(parts={"num_image_tokens": 16, "vision_feature_select_strategy": "full"}),
    "minimax_m3_vl": Row(
        {"image_token_index": "]<]image[>[", "video_token_index": "]<]video[>["},
        shown="]<]image[>[",
        film="]<]video[>[",
        tokens=("]<]image[>[", "]<]video[>["),
    ),
    "mistral3": Row({"image_token_index": "[IMG]"}, shown="[IMG]", tokens=("[IMG]", "[IMG_BREAK]", "[IMG_END]")),
    "mistral_large4": Row({"image_token_index": "[IMG]"}, shown="[IMG]", tokens=("[IMG]", "[IMG_BREAK]", "[IMG_END]")),
    "mllama": Row(
        {
            "vision_config": {"vision_output_dim": 128, "intermediate_layers_indices": [0], "num_global_layers": 1},
            "text_config": {"cross_attention_layers": [1]},
        }
    ),
    "molmo2": Row(
        {
            "image_patch_id": "<im_patch>",
            "adapter_config": {"vision_feature_layer": [1, 0]},
            "vision_config": {"image_size": [168, 168], "num_position_embeddings": 144},
        },
        images={"size": {"height": 168, "width": 168}},
        videos={"size": {"height": 168, "width": 168}},
    ),
    "muse_glimmer": Row({"image_token_id": "<|patch|>", "out_hidden_size": 256}, shown="<|patch|>"),
    "muse_spark": Row({"image_token_id": "<|patch|>", "out_hidden_size": 256}, shown="<|patch|>"),
    "nemotron_h_omni": Row(
        {"text_config": {"n_groups": 2}}, videos={"norm_mean": [0.5, 0.5, 0.5], "norm_std": [0.5, 0.5, 0.5]}
    ),
    "ovis2": Row({"image_token_id": "<IMG_ATOM>"}, parts={"image_seq_length": 16}),
    "paddleocr_vl": Row(_mrope(), shown="<|IMAGE_START|><image><|IMAGE_END|>"),
    "paligemma": Row({"text_config": {"num_image_tokens": 16}}, images={"image_seq_length": 16}),
    "pp_chart2table": Row({"image_token_index": "<imgpad>"}, shown="<img><imgpad></img>"),
    "qianfan_ocr": Row({"image_token_id": "<context_image>", "image_seq_length": 4}),
    "qwen2_5_omni_thinker": Row(
        _mrope() | {"vision_start_token_id": "<vision_bos>"},
        processor="Qwen2_5OmniProcessor",
        image_processor="Qwen2VLImageProcessor",
        **OMNI,
    ),
    "qwen2_5_vl": Row(_mrope(), **QWEN),
    "qwen2_vl": Row(_mrope(), **QWEN),
    "qwen3_5": Row(_mrope(), **QWEN),
    "qwen3_5_moe": Row(_mrope(), **QWEN),
    "qwen3_omni_moe_thinker": Row(
        _mrope() | {"vision_start_token_id": "<vision_bos>"},
        processor="Qwen3OmniMoeProcessor",
        image_processor="Qwen2VLImageProcessor",
        **OMNI,
    ),
    "qwen3_vl": Row(_mrope(), **QWEN),
    "qwen3_vl_moe": Row(_mrope(), image_processor="Qwen2VLImageProcessor", **QWEN),
    "qwen4_exp": Row(
        _mrope(
            indexer_n_heads=2, indexer_kv_heads=1, indexer_head_dim=16, indexer_budget=64, indexer_compress_ratio=4
        ),
        **QWEN,
    ),
    "shieldgemma2": Row({"mm_tokens_per_image": 4}, parts={"image_seq_length": 4}, shown="<boi>"),
    "smolvlm": Row(parts={"image_seq_len": 4}),
    "step3p7": Row(
        {"image_token_id": "<im_patch>", "text_config": {"sliding_window": 16}, "vision_config": {"image_size": 112}},
        images={"size": {"height": 112, "width": 112}, "patch_size": 56},
        shown="<im_patch>",
    ),
    "t5gemma2": Row({"encoder": {"mm_tokens_per_image": 4}}, parts={"image_seq_length": 4}, shown="<boi>"),
    "unlimited_ocr": Row({"vision_config": {"sam_config": {"downsample_channels": [32, 64]}}}),
    "video_llama_3": Row(**QWEN),
    "vipllava": Row({"vision_feature_layer": [-2, -1]}),
}
NOT_TRIED: dict[str, str] = {
    "fuyu": "its tokenizer writes a mark before each text, and the tiny one does not",
    "pi0": "it moves a robot and writes no text",
    "vision-encoder-decoder": "it joins two models of any type and has no processor of its own",
}

"""The tiny pipelines and their cases, as data. Each differs from the others in every dimension that code could confuse."""

CLIP_VOCAB = 674  # ../fixtures/tokenizers/clip
T5_VOCAB = 288  # ../fixtures/tokenizers/t5 has 273 pieces; padded up, as 32100 → 32128 in the published encoder

LONG = "a golden owl under the stars, oil painting, " * 12
UNICODE = "Ünïcödé ﬁ café 日本語 😀 über 1234.5!  two   spaces\tand\nnewline "

A = {
    "name": "a-3x32",
    "transformer": {
        "num_layers": 1,
        "num_single_layers": 2,
        "attention_head_dim": 32,
        "num_attention_heads": 3,
        "axes_dims_rope": (4, 14, 14),
        "joint_attention_dim": 48,
        "pooled_projection_dim": 32,
        "guidance_embeds": True,
    },
    "text_encoder": {
        "hidden_size": 32,
        "intermediate_size": 80,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "max_position_embeddings": 77,
        "hidden_act": "quick_gelu",
        "eos_token_id": 2,  # as in the published CLIP-L config: means "the highest id", not id 2
    },
    "text_encoder_2": {
        "d_model": 48,
        "d_kv": 16,
        "d_ff": 112,
        "num_layers": 2,
        "num_heads": 2,  # heads · d_kv = 32 ≠ d_model
        "relative_attention_num_buckets": 32,
        "relative_attention_max_distance": 128,
    },
    "vae": {"block_out_channels": (8, 16, 16, 24), "norm_num_groups": 4, "layers_per_block": 1},
    "scheduler": {"use_dynamic_shifting": True, "shift": 3.0},
    "clip_prefix": "text_model.",  # as published; transformers 5 saves without
    "shards": {},
    "cases": [
        {"name": "short", "prompt": "a red fox by the sea", "width": 96, "height": 64, "steps": 3, "guidance": 4.5,
         "seed": 42, "n": 1, "max_sequence_length": 24},
        {"name": "empty", "prompt": "", "width": 48, "height": 96, "steps": 2, "guidance": 1.0,
         "seed": 0, "n": 1, "max_sequence_length": 16},
        {"name": "long", "prompt": LONG, "width": 80, "height": 48, "steps": 2, "guidance": 3.5,
         "seed": 4294967296 + 123456789, "n": 1, "max_sequence_length": 64},
    ],
}

B = {
    "name": "b-2x64",
    "transformer": {
        "num_layers": 2,
        "num_single_layers": 1,
        "attention_head_dim": 64,
        "num_attention_heads": 2,
        "axes_dims_rope": (8, 28, 28),
        "joint_attention_dim": 64,
        "pooled_projection_dim": 48,
        "guidance_embeds": False,
    },
    "text_encoder": {
        "hidden_size": 48,
        "intermediate_size": 96,
        "num_hidden_layers": 1,
        "num_attention_heads": 3,
        "max_position_embeddings": 32,
        "hidden_act": "gelu",
        "eos_token_id": CLIP_VOCAB - 1,
    },
    "text_encoder_2": {
        "d_model": 64,
        "d_kv": 16,
        "d_ff": 128,
        "num_layers": 1,
        "num_heads": 4,
        "relative_attention_num_buckets": 16,
        "relative_attention_max_distance": 20,
    },
    "vae": {"block_out_channels": (16, 16, 32, 32), "norm_num_groups": 8, "layers_per_block": 2},
    "scheduler": {"use_dynamic_shifting": False, "shift": 3.0},
    "clip_prefix": "",
    "shards": {},
    "cases": [
        {"name": "pair", "prompt": "the white lighthouse on a hill, watercolour", "width": 64, "height": 96, "steps": 2,
         "guidance": 3.5, "seed": 7, "n": 2, "max_sequence_length": 32},
        {"name": "unicode", "prompt": UNICODE, "width": 48, "height": 80, "steps": 4, "guidance": 3.5,
         "seed": 2147483648, "n": 1, "max_sequence_length": 48},
        {"name": "long", "prompt": LONG, "width": 96, "height": 48, "steps": 2, "guidance": 3.5,
         "seed": 1, "n": 1, "max_sequence_length": 20},
    ],
}

C = {
    "name": "c-2x128",
    "transformer": {
        "num_layers": 1,
        "num_single_layers": 1,
        "attention_head_dim": 128,
        "num_attention_heads": 2,
        "axes_dims_rope": (16, 56, 56),
        "joint_attention_dim": 96,
        "pooled_projection_dim": 64,
        "guidance_embeds": True,
    },
    "text_encoder": {
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "max_position_embeddings": 77,
        "hidden_act": "quick_gelu",
        "eos_token_id": CLIP_VOCAB - 1,
    },
    "text_encoder_2": {
        "d_model": 96,
        "d_kv": 32,
        "d_ff": 160,
        "num_layers": 3,
        "num_heads": 3,
        "relative_attention_num_buckets": 32,
        "relative_attention_max_distance": 128,
    },
    "vae": {"block_out_channels": (8, 8, 16, 32), "norm_num_groups": 8, "layers_per_block": 1},
    "scheduler": {"use_dynamic_shifting": True, "shift": 3.0, "base_shift": 0.4, "max_shift": 1.3},
    "clip_prefix": "text_model.",
    "shards": {"transformer": 2, "text_encoder_2": 2},  # the published folders split both
    "cases": [
        {"name": "wide", "prompt": "one pale owl at night, a sign that says hello world", "width": 160, "height": 96,
         "steps": 4, "guidance": 2.5, "seed": 123456789, "n": 1, "max_sequence_length": 40},
        {"name": "tall", "prompt": "A photo of 3 boats, don't stop!", "width": 48, "height": 112, "steps": 3,
         "guidance": 7.0, "seed": 9007199254740991, "n": 1, "max_sequence_length": 128},
        {"name": "empty", "prompt": "", "width": 64, "height": 48, "steps": 2, "guidance": 4.5,
         "seed": 4294967295, "n": 2, "max_sequence_length": 24},
    ],
}

PIPELINES = [A, B, C]

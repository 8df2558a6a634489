"""Weights made from nothing but their names, so that they need not be committed.

Tensor `name` of folder `component` is `mean + std · randn(shape)` in float32 (one rounding for the product, one for
the sum), with torch's CPU generator seeded by crc32(utf8("component/name")). `mean` and `std` are float32 values and
stand in pipeline.json for every tensor; test/support/synthesize.ts makes the same bits.
"""

import math
import zlib

import numpy
import torch

BIAS = (0.0, 0.1)
NORM_SCALE = (1.0, 0.2)
QK_NORM_SCALE = (1.5, 0.3)  # attention that picks, rather than averages


# Multiplies 1/√fan_in, which alone keeps the variance of a linear layer's output at that of its
# input. The large ones make every branch, and even the kind of GELU (tanh or erf: ≤ 5e-4 apart),
# visible in the latents at the tolerance used.
GAINS = {
    "text_encoder_2": {"wi_0": 1.5, "wo": 4.0, "o": 1.5},
    "transformer": {
        "ff.net.2": 8.0,
        "ff_context.net.2": 16.0,
        "attn.to_v": 2.0,
        "attn.add_v_proj": 3.0,
        "attn.to_out.0": 3.0,
        "attn.to_add_out": 3.0,
        "proj_mlp": 1.5,
        "proj_out": 4.0,
    },
}


def gain(component: str, name: str, t5_head_dim: int) -> float:
    if component == "text_encoder_2" and ".SelfAttention.q." in name:
        return 1 / math.sqrt(t5_head_dim)  # T5 does not scale its attention scores
    module = name.removesuffix(".weight")
    return next((g for suffix, g in GAINS.get(component, {}).items() if module.endswith("." + suffix) or module == suffix), 1.2)


def mean_std(component: str, name: str, shape: tuple[int, ...], t5_head_dim: int) -> tuple[float, float]:
    if name.endswith("bias"):
        mean, std = BIAS
    elif name.endswith("relative_attention_bias.weight") or name.endswith("shared.weight"):
        mean, std = 0.0, 1.0
    elif name.endswith("embedding.weight"):
        mean, std = 0.0, 0.5
    elif ".attn.norm_" in name:
        mean, std = QK_NORM_SCALE
    elif len(shape) == 1:
        mean, std = NORM_SCALE
    else:
        mean, std = 0.0, gain(component, name, t5_head_dim) / math.sqrt(math.prod(shape[1:]))
    return float(numpy.float32(mean)), float(numpy.float32(std))


def tensor(component: str, name: str, shape: list[int], mean: float, std: float) -> torch.Tensor:
    generator = torch.Generator("cpu").manual_seed(zlib.crc32(f"{component}/{name}".encode()))
    return torch.randn(shape, generator=generator, dtype=torch.float32) * std + mean

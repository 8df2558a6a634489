"""The decoder of a bundle, as the beginning of a new one's training."""

from pathlib import Path

import torch
from safetensors.torch import load_file

PARTS = ("vae_in", "vae_up.0", "vae_up.1", "vae_up.2", "vae_up.3", "vae_out")
ATTENTION = {"q": "to_q", "k": "to_k", "v": "to_v", "out": "to_out.0", "norm": "group_norm"}


def decoder_of(bundle):
    """Tensors by diffusers' names."""
    return dict(
        renamed(part, name, tensor.float())
        for part in PARTS
        for name, tensor in load_file(Path(bundle) / "weights" / f"{part}.safetensors").items()
    )


def renamed(part, name, tensor):
    *path, last = name.split(".")
    if last == "scale":
        last = "weight"
    if path[-1].startswith("norm") and last in ("weight", "bias"):
        tensor = tensor.flatten()
    if path[:2] == ["mid", "attn"]:
        module = f"mid_block.attentions.0.{ATTENTION[path[2]]}"
        # A bundle's linear layers are [in, out].
        tensor = tensor.T.contiguous() if tensor.dim() == 2 else tensor
    elif part == "vae_out":
        module = {"norm_out": "conv_norm_out"}.get(path[0], path[0])
    elif path[0] == "conv_in":
        module = "conv_in"
    else:
        block = "mid_block" if path[0] == "mid" else f"up_blocks.{part.removeprefix('vae_up.')}"
        path = path[1:] if path[0] == "mid" else path
        place = "upsamplers.0.conv" if path[0] == "upsample" else f"resnets.{path[0].removeprefix('res_')}"
        module = ".".join([block, place, *path[1:]]).replace("shortcut", "conv_shortcut")
    return f"{module}.{last}", tensor

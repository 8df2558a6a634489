"""A LoRA with whole differences, merged by hand in torch (diffusers drops them) and drawn by diffusers: ../fixtures/lora.

    python lora_differences.py

Its tensors are made from their names (synthesize.py, folder `lora/differences`). Rules of ComfyUI's `load_lora`:
`.diff` is added to a weight and `.diff_b` to a bias, times the strength; `.w_norm` and `.b_norm` are the same of a norm.
"""

import json
import pathlib
import tempfile

import torch
from diffusers import FluxPipeline
from safetensors.torch import save_file

from capture import capture
from folder import FIXTURES, write
from lora import CLIP, HIDDEN, PIPELINE
from provenance import provenance
from synthesize import tensor

STRENGTH = 0.75
BFL, CLIP_L = "diffusion_model.", "text_encoders.clip_l.transformer."
H, HEAD = HIDDEN, 32

# [name, shape, mean, std], and the diffusers parameters that its rows belong to, in order.
BLOCK, SINGLE = "transformer_blocks.0", "single_transformer_blocks"
DIFFERENCES = [
    ("double_blocks.0.img_attn.proj.diff_b", [H], [f"{BLOCK}.attn.to_out.0.bias"]),
    ("double_blocks.0.txt_attn.qkv.diff_b", [3 * H], [f"{BLOCK}.attn.add_{x}_proj.bias" for x in "qkv"]),
    ("double_blocks.0.img_attn.qkv.diff", [3 * H, H], [f"{BLOCK}.attn.to_{x}.weight" for x in "qkv"]),
    ("double_blocks.0.img_attn.norm.query_norm.scale.diff", [HEAD], [f"{BLOCK}.attn.norm_q.weight"]),
    ("single_blocks.0.linear1.diff_b", [7 * H], [f"{SINGLE}.0.attn.to_{x}.bias" for x in "qkv"] + [f"{SINGLE}.0.proj_mlp.bias"]),
    ("single_blocks.1.linear2.diff_b", [H], [f"{SINGLE}.1.proj_out.bias"]),
    ("single_blocks.1.linear2.diff", [H, 5 * H], [f"{SINGLE}.1.proj_out.weight"]),
    ("img_in.diff", [H, 64], ["x_embedder.weight"]),
    # Black Forest Labs keep (shift, scale) here, diffusers (scale, shift).
    ("final_layer.adaLN_modulation.1.diff", [2 * H, H], ["norm_out.linear.weight"]),
    ("final_layer.adaLN_modulation.1.diff_b", [2 * H], ["norm_out.linear.bias"]),
]
NORMS = [("text_model.encoder.layers.0.layer_norm1", [CLIP])]
PAIR = ("double_blocks.0.img_attn.proj", f"{BLOCK}.attn.to_out.0.weight", 3, 6.0)


def rows() -> list[list]:
    layer, _, rank, alpha = PAIR
    out = [[BFL + name, shape, 0.0, 0.2] for name, shape, _ in DIFFERENCES]
    out += [[f"{CLIP_L}{name}.{end}", shape, 0.0, 0.2] for name, shape in NORMS for end in ("w_norm", "b_norm")]
    out += [[f"{BFL}{layer}.lora_down.weight", [rank, H], 0.0, 0.25], [f"{BFL}{layer}.lora_up.weight", [H, rank], 0.0, 0.25]]
    out += [[f"{BFL}{layer}.alpha", [], alpha, 0.0]]
    # What such files carry besides: an embedding, and a layer of no network that is all zeros.
    return out + [["bundle_emb.style.clip_l", [2, CLIP], 0.0, 1.0], [f"{BFL}pos_embed.diff", [4, 8], 0.0, 0.0]]


def merge(pipe: FluxPipeline, made: dict[str, torch.Tensor]) -> None:
    with torch.no_grad():
        weights = dict(pipe.transformer.named_parameters())
        for name, _, targets in DIFFERENCES:
            difference = made[BFL + name]
            if name.startswith("final_layer"):
                difference = torch.cat(difference.chunk(2)[::-1])
            sizes = [weights[target].shape[0] for target in targets]
            for target, part in zip(targets, difference.split(sizes), strict=True):
                weights[target] += STRENGTH * part
        layer, target, rank, alpha = PAIR
        up, down = made[f"{BFL}{layer}.lora_up.weight"], made[f"{BFL}{layer}.lora_down.weight"]
        weights[target] += STRENGTH * (alpha / rank) * (up @ down)
        clip = {name.removeprefix("text_model."): value for name, value in pipe.text_encoder.named_parameters()}
        for name, _ in NORMS:
            own = name.removeprefix("text_model.")
            clip[f"{own}.weight"] += STRENGTH * made[f"{CLIP_L}{name}.w_norm"]
            clip[f"{own}.bias"] += STRENGTH * made[f"{CLIP_L}{name}.b_norm"]


if __name__ == "__main__":
    torch.set_num_threads(1)
    description = json.loads((FIXTURES / "pipelines" / PIPELINE / "pipeline.json").read_text(encoding="utf-8"))
    out = FIXTURES / "lora"
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        write(description, folder)
        pipe = FluxPipeline.from_pretrained(folder)
        merge(pipe, {row[0]: tensor("lora/differences", *row) for row in rows()})
        pipe.set_progress_bar_config(disable=True)
        kept = capture(pipe, next(c for c in description["cases"] if c["name"] == "short"))
        save_file({k: torch.from_numpy(v) for k, v in kept.items()}, out / "differences-short.safetensors")
    form = {"name": "differences", "strength": STRENGTH, "tensors": rows()}
    made = provenance("torch", "diffusers", "transformers", "numpy")
    (out / "differences.json").write_text(json.dumps({"made": made, "form": form}) + "\n")

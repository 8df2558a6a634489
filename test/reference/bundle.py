"""Reads a bundle's weights back into diffusers' and transformers' tensors, from the description in ARCHITECTURE.md alone.

Written apart from the TypeScript it checks: if both agree, the files mean what the document says.
"""

import json
import pathlib
import re

import numpy
import torch
from safetensors.numpy import load_file

LAYER, AFFINE = (("weight", "weight"), ("bias", "bias")), (("scale", "weight"), ("bias", "bias"))
SCALE = (("scale", "weight"),)

T5 = "encoder.block.{i}.layer"
CLIP = "encoder.layers.{i}"
DOUBLE, SINGLE = "transformer_blocks.{i}", "single_transformer_blocks.{i}"
EMBED = "time_text_embed"
MID = "decoder.mid_block"


def _stream(name: str, q: str, k: str, v: str, norm: str, out: str, ff: str) -> list[tuple]:
    a = f"{DOUBLE}.attn"
    return [
        (f"{name}_attn.q", f"{a}.{q}", LAYER), (f"{name}_attn.k", f"{a}.{k}", LAYER), (f"{name}_attn.v", f"{a}.{v}", LAYER),
        (f"{name}_attn.proj", f"{a}.{out}", LAYER), (f"{name}_attn.norm_q", f"{a}.{norm}_q", SCALE),
        (f"{name}_attn.norm_k", f"{a}.{norm}_k", SCALE), (f"{name}_mlp.0", f"{DOUBLE}.{ff}.net.0.proj", LAYER),
        (f"{name}_mlp.2", f"{DOUBLE}.{ff}.net.2", LAYER),
    ]


def _res(slot: str, name: str) -> list[tuple]:
    return [(f"{slot}.norm1", f"{name}.norm1", AFFINE), (f"{slot}.conv1", f"{name}.conv1", LAYER),
            (f"{slot}.norm2", f"{name}.norm2", AFFINE), (f"{slot}.conv2", f"{name}.conv2", LAYER),
            (f"{slot}.shortcut", f"{name}.conv_shortcut", LAYER)]


# part → (component, [(slot, tensor, which of its two tensors under which names)]). {i}: number of
# the part, {j}: of the slot
PARTS: dict[str, tuple[str, list[tuple]]] = {
    "clip_embedding": ("text_encoder", [("token", "embeddings.token_embedding.weight", ()),
                                        ("position", "embeddings.position_embedding.weight", ())]),
    "clip_layer.{i}": ("text_encoder", [
        ("norm1", f"{CLIP}.layer_norm1", AFFINE), ("norm2", f"{CLIP}.layer_norm2", AFFINE),
        *((slot, f"{CLIP}.self_attn.{slot}_proj", LAYER) for slot in ("q", "k", "v", "out")),
        ("fc1", f"{CLIP}.mlp.fc1", LAYER), ("fc2", f"{CLIP}.mlp.fc2", LAYER)]),
    "clip_final": ("text_encoder", [("norm", "final_layer_norm", AFFINE)]),
    "t5_embedding": ("text_encoder_2", [
        ("token", "shared.weight", ()),
        ("position_bias", "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight", ())]),
    "t5_layer.{i}": ("text_encoder_2", [
        ("attn_norm", f"{T5}.0.layer_norm", SCALE), ("ff_norm", f"{T5}.1.layer_norm", SCALE),
        *((slot, f"{T5}.0.SelfAttention.{slot}", LAYER[:1]) for slot in ("q", "k", "v", "o")),
        *((slot, f"{T5}.1.DenseReluDense.{slot}", LAYER[:1]) for slot in ("wi_0", "wi_1", "wo"))]),
    "t5_final": ("text_encoder_2", [("norm", "encoder.final_layer_norm", SCALE)]),
    "conditioning": ("transformer", [
        (f"{ours}.{layer}", f"{EMBED}.{theirs}.linear_{n}", LAYER)
        for ours, theirs in (("time_in", "timestep_embedder"), ("guidance_in", "guidance_embedder"),
                             ("vector_in", "text_embedder"))
        for n, layer in ((1, "in_layer"), (2, "out_layer"))]),
    "modulation.double_block.{i}.img": ("transformer", [("lin", f"{DOUBLE}.norm1.linear", LAYER)]),
    "modulation.double_block.{i}.txt": ("transformer", [("lin", f"{DOUBLE}.norm1_context.linear", LAYER)]),
    "modulation.single_block.{i}": ("transformer", [("lin", f"{SINGLE}.norm.linear", LAYER)]),
    "modulation.final": ("transformer", [("lin", "norm_out.linear", LAYER)]),
    "embed_image": ("transformer", [("img_in", "x_embedder", LAYER)]),
    "embed_text": ("transformer", [("txt_in", "context_embedder", LAYER)]),
    "double_block.{i}": ("transformer", [
        *_stream("img", "to_q", "to_k", "to_v", "norm", "to_out.0", "ff"),
        *_stream("txt", "add_q_proj", "add_k_proj", "add_v_proj", "norm_added", "to_add_out", "ff_context")]),
    "single_block.{i}": ("transformer", [
        *((slot, f"{SINGLE}.attn.to_{slot}", LAYER) for slot in ("q", "k", "v")),
        ("norm_q", f"{SINGLE}.attn.norm_q", SCALE), ("norm_k", f"{SINGLE}.attn.norm_k", SCALE),
        ("mlp", f"{SINGLE}.proj_mlp", LAYER),
        ("proj_attn", f"{SINGLE}.proj_out/attn", LAYER[:1]), ("proj_mlp", f"{SINGLE}.proj_out/mlp", LAYER[:1]),
        ("proj", f"{SINGLE}.proj_out", LAYER[1:]), ("proj_attn", f"{SINGLE}.proj_out", LAYER[1:])]),
    "final_layer": ("transformer", [("linear", "proj_out", LAYER)]),
    "vae_in": ("vae", [
        ("conv_in", "decoder.conv_in", LAYER), *_res("mid.res_{j}", f"{MID}.resnets.{{j}}"),
        ("mid.attn.norm", f"{MID}.attentions.0.group_norm", AFFINE),
        *((f"mid.attn.{slot}", f"{MID}.attentions.0.to_{slot}", LAYER) for slot in ("q", "k", "v")),
        ("mid.attn.out", f"{MID}.attentions.0.to_out.0", LAYER)]),
    "vae_up.{i}": ("vae", [*_res("res_{j}", "decoder.up_blocks.{i}.resnets.{j}"),
                           ("upsample", "decoder.up_blocks.{i}.upsamplers.0.conv", LAYER)]),
    "vae_out": ("vae", [("norm_out", "decoder.conv_norm_out", AFFINE), ("conv_out", "decoder.conv_out", LAYER)]),
}


def _match(template: str, text: str) -> dict[str, str] | None:
    pattern = re.escape(template).replace(r"\{i\}", r"(?P<i>\d+)").replace(r"\{j\}", r"(?P<j>\d+)")
    found = re.fullmatch(pattern, text)
    return found.groupdict() if found else None


def add_offsets(values: numpy.ndarray) -> numpy.ndarray:
    """q4m: behind the K columns stand the offsets of their K/32 blocks, coarse and fine, each padded to whole blocks of 32."""
    padded = 32 * -(-values.shape[1] // (1024 + 64))
    inputs = values.shape[1] - 2 * padded
    blocks = inputs // 32
    offsets = values[:, inputs : inputs + blocks] + values[:, inputs + padded : inputs + padded + blocks]
    return values[:, :inputs] + numpy.repeat(offsets, 32, axis=1)


def dequantize(tensors: dict[str, numpy.ndarray], name: str, has_offsets: bool = False) -> numpy.ndarray:
    """A weight of a part in torch's order, float32: [N, K] for a linear layer."""
    weight = tensors[f"{name}.weight"]
    scales = tensors.get(f"{name}.scales")
    if scales is not None:
        rows = len(weight)
        if weight.shape[-1] == 16:  # 4 bits: two values a byte, the first in the low half
            codes = numpy.stack([weight & 15, weight >> 4], axis=-1).reshape(rows, -1, 32).astype(numpy.float32) - 8
        else:
            codes = weight.astype(numpy.float32) - 128
        if scales.dtype == numpy.uint8:  # e4m4: the upper bits of a float16
            scales = (scales.astype(numpy.uint16) << 6).view(numpy.float16)
        values = (codes * scales.astype(numpy.float32)[..., None]).reshape(rows, -1)
        offsets = tensors.get(f"{name}.offsets")
        if offsets is not None:  # q4k: [K/32, N]
            return values + numpy.repeat(offsets.astype(numpy.float32).T, 32, axis=1)
        return add_offsets(values) if has_offsets and weight.shape[-1] == 16 else values
    return weight.astype(numpy.float32).T if weight.ndim == 2 else weight.astype(numpy.float32)


def diffusers_tensors(folder: pathlib.Path) -> dict[str, dict[str, torch.Tensor]]:
    """component → tensor name → values, for everything the bundle holds. CLIP's names are without `text_model.`."""
    manifest = json.loads((folder / "manifest.json").read_text())
    classes = set(manifest["quantization"]["recipe"].values())
    assert not {"q4", "q4m"} <= classes, "4-bit blocks with and without offsets in one bundle"
    out: dict[str, dict[str, numpy.ndarray]] = {}
    for part in manifest["parts"]:
        if "weights" not in part:
            continue
        component, rules, numbers = next(
            (c, r, m) for template, (c, r) in PARTS.items() if (m := _match(template, part["name"])) is not None
        )
        tensors = load_file(folder / part["weights"])
        target = out.setdefault(component, {})
        for name in tensors:
            if name.endswith((".scales", ".offsets")):
                continue
            slot, target_name, numbers_j, ours, theirs = _rule(rules, name)
            target_name = target_name.format(**numbers, **numbers_j)
            if ours == "weight":
                target[f"{target_name}.{theirs}"] = dequantize(tensors, slot, "q4m" in classes)
            elif ours is None:
                target[target_name] = tensors[name].astype(numpy.float32)
            else:
                target[f"{target_name}.{theirs}"] = tensors[name].astype(numpy.float32)
    transformer = out["transformer"]
    for name in [n for n in transformer if "/attn" in n]:  # one projection of [attention, mlp], cut by columns
        mlp = name.replace("/attn", "/mlp")
        transformer[name.replace("/attn", "")] = numpy.concatenate([transformer.pop(name), transformer.pop(mlp)], axis=1)
    for name in ("norm_out.linear.weight", "norm_out.linear.bias"):  # (shift, scale) here, (scale, shift) in diffusers
        transformer[name] = numpy.concatenate(numpy.split(transformer[name], 2)[::-1])
    return {c: {n: torch.from_numpy(numpy.ascontiguousarray(v)) for n, v in t.items()} for c, t in out.items()}


def _rule(rules: list[tuple], name: str):
    for slot, target, kinds in rules:
        if not kinds and slot == name:
            return slot, target, {}, None, None
        for ours, theirs in kinds:
            found = _match(f"{slot}.{ours}", name)
            if found is not None:
                return name.removesuffix(f".{ours}"), target, found, ours, theirs
    raise KeyError(f"no rule for {name}")

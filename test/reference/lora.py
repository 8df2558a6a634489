"""LoRAs in every naming, merged by diffusers itself (`load_lora_weights`, `fuse_lora`): ../fixtures/lora.

    python lora.py

The LoRAs are not stored: their tensors are made from their names as the pipelines' are (synthesize.py, folder
`lora/<form>`). Of every merged weight W [out, in] the product W · p [out] is kept, p = randn(in) seeded by its name:
each number of W enters it.
"""

import inspect
import json
import pathlib
import tempfile
import zlib

import diffusers.loaders.lora_conversion_utils as conversion
import diffusers.loaders.lora_pipeline as lora_pipeline
import torch
from diffusers import FluxPipeline
from safetensors.torch import save_file

from capture import capture
from folder import FIXTURES, write
from provenance import provenance
from synthesize import tensor

PIPELINE = "a-3x32"
HIDDEN, TEXT, POOLED, CLIP, CLIP_FF = 96, 48, 32, 32, 80

Layers = dict[str, tuple[int, int]]


def diffusers_layers() -> Layers:
    """Name → (out, in): every kind of linear layer of FluxTransformer2DModel."""
    h = HIDDEN
    layers: Layers = {"x_embedder": (h, 64), "context_embedder": (h, TEXT), "proj_out": (64, h),
                      "norm_out.linear": (2 * h, h), "time_text_embed.timestep_embedder.linear_1": (h, 256),
                      "time_text_embed.guidance_embedder.linear_2": (h, h),
                      "time_text_embed.text_embedder.linear_1": (h, POOLED)}
    block = "transformer_blocks.0"
    for name in ("norm1", "norm1_context"):
        layers[f"{block}.{name}.linear"] = (6 * h, h)
    for name in ("to_q", "to_k", "to_v", "to_out.0", "add_q_proj", "add_k_proj", "add_v_proj", "to_add_out"):
        layers[f"{block}.attn.{name}"] = (h, h)
    for name in ("ff", "ff_context"):
        layers[f"{block}.{name}.net.0.proj"] = (4 * h, h)
        layers[f"{block}.{name}.net.2"] = (h, 4 * h)
    for i in range(2):
        block = f"single_transformer_blocks.{i}"
        layers |= {f"{block}.norm.linear": (3 * h, h), f"{block}.proj_mlp": (4 * h, h), f"{block}.proj_out": (h, 5 * h)}
        layers |= {f"{block}.attn.{name}": (h, h) for name in ("to_q", "to_k", "to_v")}
    return layers


def bfl_layers() -> Layers:
    """The same in Black Forest Labs' naming. diffusers' converter knows these and no others."""
    h = HIDDEN
    layers: Layers = {}
    for stream in ("img", "txt"):
        block = f"double_blocks.0.{stream}"
        layers |= {f"{block}_mod.lin": (6 * h, h), f"{block}_attn.qkv": (3 * h, h), f"{block}_attn.proj": (h, h),
                   f"{block}_mlp.0": (4 * h, h), f"{block}_mlp.2": (h, 4 * h)}
    for i in range(2):
        block = f"single_blocks.{i}"
        layers |= {f"{block}.modulation.lin": (3 * h, h), f"{block}.linear1": (7 * h, h), f"{block}.linear2": (h, 5 * h)}
    return layers | {"final_layer.adaLN_modulation.1": (2 * h, h), "final_layer.linear": (64, h),
                     "guidance_in.out_layer": (h, h), "img_in": (h, 64)}


def clip_layers() -> Layers:
    layers: Layers = {}
    for i in range(2):
        block = f"text_model.encoder.layers.{i}"
        layers |= {f"{block}.self_attn.{name}": (CLIP, CLIP) for name in ("q_proj", "k_proj", "v_proj", "out_proj")}
        layers |= {f"{block}.mlp.fc1": (CLIP_FF, CLIP), f"{block}.mlp.fc2": (CLIP, CLIP_FF)}
    return layers


def xlabs_layers() -> Layers:
    h = HIDDEN
    layers: Layers = {}
    for number in (1, 2):
        layers |= {f"double_blocks.0.processor.qkv_lora{number}": (3 * h, h),
                   f"double_blocks.0.processor.proj_lora{number}": (h, h)}
    for i in range(2):
        layers |= {f"single_blocks.{i}.processor.qkv_lora": (3 * h, h), f"single_blocks.{i}.processor.proj_lora": (h, 5 * h)}
    return layers


def spread(prefix: str, layers: Layers) -> Layers:
    return {prefix + name: size for name, size in layers.items()}


def underscored(prefix: str, layers: Layers) -> Layers:
    return {prefix + name.replace(".", "_"): size for name, size in layers.items()}


def pairs(layers: Layers, ends: tuple[str, str], alpha: bool, without_alpha: tuple[str, ...] = ()) -> list[list]:
    """`[name, shape, mean, std]` of every tensor of a file; ranks and alphas differ from layer to layer."""
    rows: list[list] = []
    for i, (name, (out, inner)) in enumerate(layers.items()):
        rank = (2, 5, 3, 4, 7)[i % 5]
        rows += [[f"{name}.{ends[0]}", [rank, inner], 0.0, 0.25], [f"{name}.{ends[1]}", [out, rank], 0.0, 0.25]]
        if alpha and not any(part in name for part in without_alpha):
            rows.append([f"{name}.alpha", [], (1.0, 4.0, 8.0)[i % 3], 0.0])
    return rows


PEFT = ("lora_A.weight", "lora_B.weight")
KOHYA = ("lora_down.weight", "lora_up.weight")
ADAPTER = {"r": 4, "lora_alpha": 6, "use_rslora": True, "alpha_pattern": {"norm_out.linear": 3, "attn.to_q": 2},
           "rank_pattern": {}, "target_modules": []}


def with_metadata() -> tuple[list[list], dict[str, str]]:
    layers = {name: size for name, size in diffusers_layers().items() if "embed" not in name}
    rows = pairs(spread("transformer.", layers), PEFT, alpha=False)
    ranks = {row[0].removeprefix("transformer.").removesuffix(".lora_A.weight"): row[1][0] for row in rows[::2]}
    adapter = ADAPTER | {"rank_pattern": {f"^{k}": v for k, v in ranks.items()}, "target_modules": list(layers)}
    return rows, {"lora_adapter_metadata": json.dumps({f"transformer.{k}": v for k, v in adapter.items()})}


def forms() -> list[dict]:
    both = spread("transformer.", diffusers_layers()) | spread("text_encoder.", clip_layers())
    kohya = underscored("lora_unet_", bfl_layers()) | underscored("lora_te1_", clip_layers())
    comfy = spread("diffusion_model.", bfl_layers()) | spread("text_encoders.clip_l.transformer.", clip_layers())
    attention = {n: s for n, s in diffusers_layers().items() if ".attn." in n}
    trainer = underscored("lora_transformer_", attention) | underscored("lora_te1_", clip_layers())
    rows, metadata = with_metadata()
    # diffusers reads no alpha of the final layer.
    skip = ("final_layer",)
    return [
        {"name": "peft", "strength": 0.8, "tensors": pairs(both, PEFT, alpha=False)},
        {"name": "peft-alphas", "strength": -0.5, "tensors": pairs(spread("transformer.", diffusers_layers()), PEFT, alpha=True)},
        {"name": "peft-metadata", "strength": 1.0, "tensors": rows, "metadata": metadata},
        {"name": "kohya", "strength": 0.7, "tensors": pairs(kohya, KOHYA, alpha=True, without_alpha=skip)},
        {"name": "comfyui", "strength": 1.25, "tensors": pairs(comfy, KOHYA, alpha=True, without_alpha=skip)},
        {"name": "underscored-diffusers", "strength": 0.9, "tensors": pairs(trainer, KOHYA, alpha=True)},
        {"name": "xlabs", "strength": 0.6, "tensors": pairs(xlabs_layers(), ("down.weight", "up.weight"), alpha=False)},
    ]


def fit_converter() -> None:
    """
    diffusers' converter of kohya's files, with FLUX.1's width in its source replaced by ours, and its last assignments,
    which it names without the network and `load_lora_weights` would then drop, under the network's name.
    """
    source = inspect.getsource(conversion._convert_kohya_flux_lora_to_diffusers)
    published, ours = "dims=[3072, 3072, 3072, 12288]", f"dims={[HIDDEN, HIDDEN, HIDDEN, 4 * HIDDEN]}"
    assert source.count(published) == 1
    scope = dict(vars(conversion))
    exec(source.replace(published, ours), scope)

    def convert(state_dict):
        converted = scope["_convert_kohya_flux_lora_to_diffusers"](state_dict)
        named = ("transformer.", "text_encoder.")
        return {k if k.startswith(named) else f"transformer.{k}": v for k, v in converted.items()}

    lora_pipeline._convert_kohya_flux_lora_to_diffusers = convert


def probe(name: str, size: int) -> torch.Tensor:
    generator = torch.Generator("cpu").manual_seed(zlib.crc32(f"probe/{name}".encode()))
    return torch.randn(size, generator=generator, dtype=torch.float32)


def products(pipe: FluxPipeline) -> dict[str, torch.Tensor]:
    """W · p of every matrix, in float64, by `component/name`."""
    out = {}
    for component in ("transformer", "text_encoder"):
        for name, value in getattr(pipe, component).state_dict().items():
            if value.ndim == 2 and "embedding." not in name:
                full = f"{component}/{name.removeprefix('text_model.')}"
                out[full] = value.double() @ probe(full, value.shape[1]).double()
    return out


if __name__ == "__main__":
    torch.set_num_threads(1)
    fit_converter()
    description = json.loads((FIXTURES / "pipelines" / PIPELINE / "pipeline.json").read_text(encoding="utf-8"))
    out = FIXTURES / "lora"
    out.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        write(description, folder)
        plain = products(FluxPipeline.from_pretrained(folder))
        entries = []
        for form in forms():
            pipe = FluxPipeline.from_pretrained(folder)
            state = {row[0]: tensor(f"lora/{form['name']}", *row) for row in form["tensors"]}
            path = folder / f"{form['name']}.safetensors"
            save_file(state, path, metadata=form.get("metadata"))
            pipe.load_lora_weights(path)
            components = ["transformer", "text_encoder"]
            pipe.fuse_lora([c for c in components if hasattr(getattr(pipe, c), "peft_config")], lora_scale=form["strength"])
            pipe.unload_lora_weights()
            merged = products(pipe)
            assert merged.keys() == plain.keys(), merged.keys() ^ plain.keys()
            # What a LoRA leaves alone must come out as it was, so only its names are kept.
            changed = {name: value for name, value in merged.items() if not torch.equal(value, plain[name])}
            save_file({name: value.float() for name, value in changed.items()}, out / f"{form['name']}.safetensors")
            print(form["name"], len(form["tensors"]), "tensors change", len(changed), "weights")
            entries.append(form)
            if form["name"] == "kohya":
                pipe.set_progress_bar_config(disable=True)
                kept = capture(pipe, next(c for c in description["cases"] if c["name"] == "short"))
                save_file({k: torch.from_numpy(v) for k, v in kept.items()}, out / "kohya-short.safetensors")
    made = provenance("torch", "diffusers", "transformers", "peft", "numpy")
    (out / "lora.json").write_text(json.dumps({"made": made, "pipeline": PIPELINE, "forms": entries}) + "\n")

"""The pipeline c-2x128 in forms that its own files do not have, drawn by diffusers: ../fixtures/variants.

    python variants.py

`without-guidance` is FLUX.1 [schnell]'s kind and schedule, `blocks` has more blocks, `long-clip` has 248 positions, and
in `minima` and `nonlinear` the transformer's matrices are ggml blocks of random bytes, made into numbers by the gguf package.
"""

import hashlib
import json
import math
import pathlib
import tempfile

import numpy as np
import torch
from diffusers import FluxPipeline, FluxTransformer2DModel
from gguf import GGMLQuantizationType as Type
from gguf.quants import dequantize
from safetensors.torch import load_file, save_file

from capture import capture
from folder import FIXTURES, write
from pipelines import LONG
from provenance import provenance

PIPELINE = "c-2x128"
OUT = FIXTURES / "variants"
TRANSFORMER = "transformer/config.json"
# Small, and of FLUX.1's own sizes where the schedule depends on it.
CASE = {"prompt": "one pale owl at night", "width": 64, "height": 48, "steps": 2, "guidance": 3.5, "seed": 11, "n": 1,
        "max_sequence_length": 24}


def without_guidance(made: dict) -> None:
    made["files"][TRANSFORMER]["guidance_embeds"] = False
    rows = made["components"]["transformer"]["tensors"]
    made["components"]["transformer"]["tensors"] = [row for row in rows if ".guidance_embedder." not in row[0]]
    # https://huggingface.co/black-forest-labs/FLUX.1-schnell/blob/741f7c3/scheduler/scheduler_config.json
    made["files"]["scheduler/scheduler_config.json"] |= {"use_dynamic_shifting": False, "shift": 1.0, "base_shift": 0.5,
                                                         "max_shift": 1.15}


def blocks(made: dict) -> None:
    made["files"][TRANSFORMER] |= {"num_layers": 2, "num_single_layers": 3}
    rows = made["components"]["transformer"]["tensors"]
    for prefix, i in (("transformer_blocks", 1), ("single_transformer_blocks", 1), ("single_transformer_blocks", 2)):
        own = f"{prefix}.0."
        rows += [[row[0].replace(own, f"{prefix}.{i}.", 1), *row[1:]] for row in rows if row[0].startswith(own)]


def long_clip(made: dict) -> None:
    made["files"]["text_encoder/config.json"]["max_position_embeddings"] = 248
    row = next(r for r in made["components"]["text_encoder"]["tensors"] if r[0].endswith("position_embedding.weight"))
    row[1][0] = 248


def ggml_bytes(name: str, count: int) -> np.ndarray:
    """SHA-256 of "name/0", "name/1", … in a row."""
    rows = [hashlib.sha256(f"{name}/{i}".encode()).digest() for i in range(math.ceil(count / 32))]
    return np.frombuffer(b"".join(rows), np.uint8)[:count].copy()


def power(value: float) -> float:
    """The nearest power of two, which a half holds."""
    return 2.0 ** math.floor(math.log2(value) + 0.5)


def half(blocks: np.ndarray, at: int, value: float) -> None:
    blocks[:, at : at + 2] = np.float16(value).reshape(1).view(np.uint8)


# By type: weights and bytes of a block.
SIZES = {"Q4_1": (32, 20), "Q4_K": (256, 144), "IQ4_NL": (32, 18), "IQ4_XS": (256, 136)}


def ggml_blocks(name: str, shape: list[int], std: float, kind: str) -> np.ndarray:
    """Random blocks of numbers around 0 whose deviation is about `std`, uint8 [rows, bytes of a row]."""
    weights, size = SIZES[kind]
    blocks = ggml_bytes(name, math.prod(shape) // weights * size).reshape(-1, size)
    # 4.61 is the deviation of codes from 0 to 15, 75 of the nonlinear ones, 18.5 of scales from -32 to 31.
    if kind == "Q4_1":
        d = power(std / 4.61)
        half(blocks, 0, d), half(blocks, 2, -7.5 * d)
    elif kind == "Q4_K":
        # Eight scales of 6 bits and as many equal minima.
        d = power(std / 4.61 / 36)
        half(blocks, 0, d), half(blocks, 2, 7.5 * d)
        blocks[:, 8:12] = blocks[:, 4:8]
        blocks[:, 12:16] = (blocks[:, 12:16] & 15) * 17
    elif kind == "IQ4_NL":
        half(blocks, 0, power(std / 75))
    else:
        half(blocks, 0, power(std / 75 / 18.5))
    return blocks.reshape(shape[0], -1)


def put_blocks(made: dict, folder: pathlib.Path, kinds: list[str]) -> None:
    path = folder / "transformer" / "diffusion_pytorch_model.safetensors"
    state = load_file(path)
    rows = [r for r in made["components"]["transformer"]["tensors"] if len(r[1]) == 2 and r[1][1] % 256 == 0]
    for i, (name, shape, _, std) in enumerate(rows):
        kind = kinds[i % len(kinds)]
        values = dequantize(ggml_blocks(name, shape, std, kind), Type[kind])
        state[name] = torch.from_numpy(np.ascontiguousarray(values, np.float32).reshape(shape))
    save_file(state, path)


VARIANTS = {
    "without-guidance": (without_guidance, [], {"width": 256, "height": 256, "steps": 4}),
    "blocks": (blocks, [], {}),
    "long-clip": (long_clip, [], {"prompt": LONG}),
    "minima": (lambda made: None, ["Q4_K", "Q4_1"], {}),
    "nonlinear": (lambda made: None, ["IQ4_NL", "IQ4_XS"], {}),
}


def make(name: str) -> dict:
    change, kinds, own = VARIANTS[name]
    case = {"name": name, **CASE, **own}
    made = json.loads((FIXTURES / "pipelines" / PIPELINE / "pipeline.json").read_text(encoding="utf-8"))
    change(made)
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        write(made, folder)
        if kinds:
            put_blocks(made, folder, kinds)
        pipe = FluxPipeline.from_pretrained(folder, torch_dtype=torch.float32)
    assert isinstance(pipe.transformer, FluxTransformer2DModel)
    pipe.set_progress_bar_config(disable=True)
    stages = capture(pipe, case)
    last = f"latents_{case['steps']:03d}"
    kept = {key: torch.from_numpy(stages[key]) for key in ("clip_ids", "t5_ids", "sigmas", last, "pixels")}
    save_file(kept, OUT / f"{name}.safetensors")
    print(name, stages["sigmas"], {k: float(v.std()) for k, v in stages.items() if v.dtype == np.float32})
    return case


if __name__ == "__main__":
    torch.set_num_threads(1)
    OUT.mkdir(exist_ok=True)
    cases = [make(name) for name in VARIANTS]
    text = {"made": provenance("torch", "diffusers", "transformers", "gguf", "numpy"), "pipeline": PIPELINE, "cases": cases}
    (OUT / "variants.json").write_text(json.dumps(text, ensure_ascii=False) + "\n", encoding="utf-8")

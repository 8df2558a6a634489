"""One small GGUF file with a tensor of every type the reader widens, its numbers by the gguf package, and all fp8 codes by torch.

    python gguf_vectors.py        # writes ../fixtures/formats
"""

import json
import pathlib

import numpy as np
import torch
from gguf import GGMLQuantizationType as Type
from gguf import GGUFWriter
from gguf.constants import GGML_QUANT_SIZES
from gguf.quants import dequantize
from safetensors.numpy import save_file

from provenance import provenance

OUT = pathlib.Path(__file__).parent.parent / "fixtures" / "formats"
SHAPE = (3, 256)

# Where a block has half floats: these must be finite, everything else may be any byte.
HALVES = {
    Type.Q4_0: [0],
    Type.Q4_1: [0, 2],
    Type.Q5_0: [0],
    Type.Q5_1: [0, 2],
    Type.Q8_0: [0],
    Type.Q2_K: [80, 82],
    Type.Q3_K: [108],
    Type.Q4_K: [0, 2],
    Type.Q5_K: [0, 2],
    Type.Q6_K: [208],
    Type.IQ4_NL: [0],
    Type.IQ4_XS: [0],
}


def quantized(kind: Type, rng: np.random.Generator) -> np.ndarray:
    """Random blocks, uint8 [rows, bytes of a row]."""
    weights, size = GGML_QUANT_SIZES[kind]
    blocks = rng.integers(0, 256, (SHAPE[0] * SHAPE[1] // weights, size), dtype=np.uint8)
    for at in HALVES[kind]:
        # Signs and magnitudes from half's subnormals up to 1.
        scales = rng.choice([-1, 1], len(blocks)) * 2.0 ** rng.uniform(-18, 0, len(blocks))
        blocks[:, at : at + 2] = scales.astype(np.float16).view(np.uint8).reshape(-1, 2)
    return blocks.reshape(SHAPE[0], -1)


def main() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    values = rng.standard_normal(SHAPE, dtype=np.float32)
    writer = GGUFWriter(OUT / "ggml.gguf", "flux")
    writer.add_quantization_version(2)
    writer.add_array("test.words", ["one", "two", "three"])
    writer.add_array("test.numbers", [1.5, 2.5])
    writer.add_bool("test.yes", True)
    writer.add_uint64("test.large", 2**63)
    expected = {}

    def add(kind: Type, data: np.ndarray) -> None:
        writer.add_tensor(kind.name, data, raw_dtype=kind)
        expected[kind.name] = np.ascontiguousarray(dequantize(data, kind), dtype=np.float32)

    add(Type.F32, values)
    add(Type.F16, values.astype(np.float16))
    add(Type.BF16, torch.from_numpy(values).bfloat16().view(torch.int16).numpy().view(np.uint8))
    for kind in HALVES:
        add(kind, quantized(kind, rng))
    # One weight short of a file where every tensor's length is a multiple of the alignment.
    writer.add_tensor("odd", np.float32([1, 2, 3]))
    expected["odd"] = np.float32([1, 2, 3])
    # Rows of 48 are no whole blocks: city96's converter cuts such a matrix into rows of 256.
    reshaped = quantized(Type.Q4_K, rng)
    writer.add_array("comfy.gguf.orig_shape.reshaped", [16, 48])
    writer.add_tensor("reshaped", reshaped, raw_dtype=Type.Q4_K)
    expected["reshaped"] = np.ascontiguousarray(dequantize(reshaped, Type.Q4_K), dtype=np.float32).reshape(16, 48)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    save_file(expected, OUT / "ggml.safetensors")

    codes = torch.arange(256, dtype=torch.uint8)
    fp8 = {name: codes.view(dtype).float().numpy() for name, dtype in FP8.items()}
    save_file(fp8, OUT / "fp8.safetensors")
    about = provenance("gguf", "numpy", "safetensors", "torch")
    (OUT / "provenance.json").write_text(json.dumps(about, indent=1) + "\n")


FP8 = {"F8_E4M3": torch.float8_e4m3fn, "F8_E5M2": torch.float8_e5m2}

if __name__ == "__main__":
    main()

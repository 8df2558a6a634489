"""How far ggml's own quantizers move weights: relative RMS errors, and their speed.

    pip download --no-binary llama-cpp-python --no-deps llama-cpp-python==0.3.36   # its sources hold ggml's; unpack them
    python ggml_quantizers.py <sources>/vendor/llama.cpp/ggml                      # writes ../fixtures/oracles/ggml-quantizers.json
    python ggml_quantizers.py <sources>/vendor/llama.cpp/ggml --speed              # prints MB of float32 a second, one core

Only ggml-quants.c is compiled, with the compiler's -O3 -march=native, into a library that is thrown away. The functions called are those
of llama-quantize without an importance matrix. The weights are made as packages/export/src/test-support/distributions.ts makes them.
"""

import argparse
import ctypes
import hashlib
import json
import pathlib
import subprocess
import tempfile
import time

import numpy as np
import torch

from provenance import provenance

OUT = pathlib.Path(__file__).parent.parent / "fixtures" / "oracles" / "ggml-quantizers.json"
ROWS, COLUMNS = 64, 3072
COUNT = ROWS * COLUMNS

# type → (name in ggml's functions, weights and bytes of a block)
TYPES = {"Q4_0": ("q4_0", 32, 18), "Q4_1": ("q4_1", 32, 20), "Q4_K": ("q4_K", 256, 144), "Q8_0": ("q8_0", 32, 34)}

# What ggml-quants.c refers to and these functions never call.
STUBS = """
#include <stddef.h>
#include <stdlib.h>
void ggml_abort(const char * file, int line, const char * format, ...) { abort(); }
size_t ggml_row_size(int type, long long count) { abort(); }
const char * ggml_type_name(int type) { abort(); }
size_t ggml_type_size(int type) { abort(); }
"""


def build(ggml: pathlib.Path, folder: pathlib.Path) -> ctypes.CDLL:
    stubs, library = folder / "stubs.c", folder / "libquants.so"
    stubs.write_text(STUBS)
    flags = ["-O3", "-march=native", "-w", "-fPIC", "-shared", f"-I{ggml / 'include'}", f"-I{ggml / 'src'}"]
    subprocess.run(["cc", *flags, "-o", library, ggml / "src" / "ggml-quants.c", stubs, "-lm"], check=True)
    return ctypes.CDLL(str(library))


def normals(seed: int, columns: int) -> list[np.ndarray]:
    def draw(at: int) -> np.ndarray:
        return torch.randn(COUNT, generator=torch.Generator().manual_seed(at)).numpy().astype(np.float64)

    return [draw(seed + i) for i in range(columns)]


def student(degrees: int, seed: int) -> np.ndarray:
    z, *others = normals(seed, degrees + 1)
    total = np.zeros(COUNT)
    for x in others:
        total = total + x * x
    return z * np.sqrt(degrees / total)


def laplace(seed: int) -> np.ndarray:
    a, b, c, d = normals(seed, 4)
    return a * b + c * d


def gaussian(seed: int, row: int | None = None, column: int | None = None) -> np.ndarray:
    values = normals(seed, 1)[0].reshape(ROWS, COLUMNS)
    if row is not None:
        values[np.arange(ROWS) % row == 7] *= 20
    if column is not None:
        values[:, np.arange(COLUMNS) % column == 7] *= 20
    return values.ravel()


DISTRIBUTIONS = {
    "gaussian": lambda: gaussian(100),
    "student t 4": lambda: student(4, 200),
    "student t 5": lambda: student(5, 300),
    "laplace": lambda: laplace(400),
    "outlier rows": lambda: gaussian(500, row=16),
    "outlier columns": lambda: gaussian(600, column=97),
}


def round_trip(library: ctypes.CDLL, name: str, values: np.ndarray) -> tuple[np.ndarray, float]:
    """What a reader gets back, and the seconds the quantizer took."""
    function, length, size = TYPES[name]
    blocks = np.zeros(values.size // length * size, np.uint8)
    back = np.zeros_like(values)
    pointer = lambda array: array.ctypes.data_as(ctypes.c_void_p)
    count = ctypes.c_int64(values.size)
    started = time.process_time()
    getattr(library, f"quantize_row_{function}_ref")(pointer(values), pointer(blocks), count)
    seconds = time.process_time() - started
    getattr(library, f"dequantize_row_{function}")(pointer(blocks), pointer(back), count)
    return back, seconds


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("ggml", type=pathlib.Path)
    parser.add_argument("--speed", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        library = build(arguments.ggml, pathlib.Path(temporary))
    if arguments.speed:
        values = np.tile((DISTRIBUTIONS["gaussian"]() / 50).astype(np.float32), 16)
        for name in TYPES:
            seconds = min(round_trip(library, name, values)[1] for _ in range(5))
            print(json.dumps({"type": name, "mbPerSecond": round(values.nbytes / seconds / 1e6, 1)}))
    else:
        errors = {}
        for label, make in DISTRIBUTIONS.items():
            values = (make() / 50).astype(np.float32)
            exact = values.astype(np.float64)
            errors[label] = {"sha256": hashlib.sha256(values.tobytes()).hexdigest()}
            for name in TYPES:
                difference = round_trip(library, name, values)[0].astype(np.float64) - exact
                errors[label][name] = float(np.sqrt((difference**2).sum() / (exact**2).sum()))
        made = {**provenance("torch", "numpy"), "ggml": "of llama-cpp-python 0.3.36", "shape": [ROWS, COLUMNS]}
        made["command"] = "python ggml_quantizers.py <ggml>"
        bits = {name: 8 * size / length for name, (_, length, size) in TYPES.items()}
        OUT.write_text(json.dumps({"made": made, "bitsPerWeight": bits, "errors": errors}, indent=1) + "\n")

"""Quantizes every matrix of a bf16 safetensors file to GGUF blocks with the `gguf` package, as its users do; prints one JSON object.

    python conversion_gguf.py <file.safetensors> <out.gguf> Q4_0

Tensors are read through a memory map, one at a time.
"""

import json
import resource
import struct
import sys
import time
from pathlib import Path

import gguf
import numpy as np
from gguf.quants import quantize

source, out, type_name = sys.argv[1:4]
quantization = gguf.GGMLQuantizationType[type_name]
started = time.perf_counter()

with open(source, "rb") as file:
    length = struct.unpack("<Q", file.read(8))[0]
    header = json.loads(file.read(length))
header.pop("__metadata__", None)
data = np.memmap(source, dtype=np.uint8, mode="r", offset=8 + length)

writer = gguf.GGUFWriter(out, "flux", use_temp_file=True)
for name, info in header.items():
    start, end = info["data_offsets"]
    halves = data[start:end].view(np.uint16).reshape(info["shape"])
    values = (halves.astype(np.uint32) << 16).view(np.float32)
    if values.ndim == 2 and values.shape[-1] % 32 == 0:
        writer.add_tensor(name, quantize(values, quantization), raw_dtype=quantization)
    else:
        writer.add_tensor(name, values)
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()

usage = resource.getrusage(resource.RUSAGE_SELF)
print(
    json.dumps(
        {
            "seconds": time.perf_counter() - started,
            "cpuSeconds": usage.ru_utime + usage.ru_stime,
            "peakRss": usage.ru_maxrss * 1024,
            "outBytes": Path(out).stat().st_size,
        }
    )
)

"""What every fixture says about itself: the command, the versions, the day, the CPU path of torch.randn."""

import datetime
import sys
from importlib.metadata import version

import torch

PACKAGES = ("torch", "diffusers", "transformers", "tokenizers", "numpy", "onnx", "onnxruntime")


def provenance(*packages: str) -> dict:
    return {
        "command": "python " + " ".join(sys.argv),
        "date": datetime.date.today().isoformat(),
        "python": sys.version.split()[0],
        "versions": {name: version(name) for name in packages or PACKAGES[:5]},
        # torch.randn has other last bits on CPUs without AVX2 (facts in packages/core/src/sampling/torch-randn.ts)
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
    }

"""Run diffusers' first-block cache on a tiny pipeline.

    python step_cache.py     # writes ../fixtures/step-cache/<threshold>.safetensors
"""

import json
import pathlib
import tempfile

import torch
from diffusers import FirstBlockCacheConfig, FluxPipeline
from safetensors.numpy import save_file

from capture import capture
from folder import FIXTURES, write
from provenance import provenance

PIPELINE = "b-2x64"
CASE = {"name": "cached", "prompt": "a yellow duck on the sea", "width": 96, "height": 48, "steps": 8, "guidance": 4.0,
        "seed": 11, "n": 1, "max_sequence_length": 24}
# One that skips some steps, one that skips most; "none" is the control.
THRESHOLDS = {"none": None, "some": 0.8, "most": 1.0}


def main() -> None:
    torch.set_num_threads(1)
    description = json.loads((FIXTURES / "pipelines" / PIPELINE / "pipeline.json").read_text())
    out = FIXTURES / "step-cache"
    out.mkdir(exist_ok=True)
    for name, threshold in THRESHOLDS.items():
        with tempfile.TemporaryDirectory() as temporary:
            write(description, pathlib.Path(temporary))
            pipe = FluxPipeline.from_pretrained(temporary, torch_dtype=torch.float32)
        pipe.set_progress_bar_config(disable=True)
        runs = []
        # The last single block runs only at computed steps.
        pipe.transformer.single_transformer_blocks[-1].norm.register_forward_hook(lambda *_: runs.append(1))
        if threshold is not None:
            pipe.transformer.enable_cache(FirstBlockCacheConfig(threshold=threshold))
        tensors = capture(pipe, CASE)
        kept = {key: value for key, value in tensors.items() if key.startswith("latents_")}
        request = {**CASE, "threshold": threshold, "computed": len(runs)}
        save_file(kept, out / f"{name}.safetensors", metadata={"request": json.dumps(request), "made": json.dumps(provenance())})
        print(name, threshold, f"{len(runs)} of {CASE['steps']} steps computed")


if __name__ == "__main__":
    main()

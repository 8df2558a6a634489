"""Run diffusers' FluxPipeline, fp32 on the CPU, on the tiny pipelines of pipelines.py.

    python make_pipelines.py [name …]     # writes ../fixtures/pipelines/<name>/{pipeline.json, cases/*.safetensors}
"""

import json
import pathlib
import sys
import tempfile

import torch
from diffusers import FluxPipeline
from safetensors.numpy import save_file

from capture import capture
from folder import FIXTURES, build, describe, write
from pipelines import PIPELINES
from provenance import provenance


def make(spec: dict) -> None:
    out = FIXTURES / "pipelines" / spec["name"]
    (out / "cases").mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        saved, folder = pathlib.Path(temporary) / "saved", pathlib.Path(temporary) / "folder"
        build(spec).save_pretrained(saved)
        description = describe(spec, saved)
        write(description, folder)
        pipe = FluxPipeline.from_pretrained(folder, torch_dtype=torch.float32)
    pipe.set_progress_bar_config(disable=True)
    for case in spec["cases"]:
        tensors = capture(pipe, case)
        save_file(tensors, out / "cases" / f"{case['name']}.safetensors", metadata={"request": json.dumps(case)})
        decoded = tensors["decoded"]
        print(spec["name"], case["name"], {k: float(v.std()) for k, v in tensors.items() if v.dtype == "float32"},
              f"clipped {(abs(decoded) > 1).mean():.2f}")
    text = json.dumps({"made": provenance(), **description, "cases": spec["cases"]}, ensure_ascii=False)
    # One tensor a line, so that a change can be read in a diff.
    (out / "pipeline.json").write_text(text.replace("], [\"", "],\n[\"") + "\n", encoding="utf-8")


if __name__ == "__main__":
    torch.set_num_threads(1)
    for spec in PIPELINES:
        if len(sys.argv) == 1 or spec["name"] in sys.argv[1:]:
            make(spec)

"""FluxPipeline on the weights of a bundle, dequantized: what our quantized path must give.

    python quantized.py <name> --folder <folder>            # 1. writes the pipeline as a diffusers folder
    npx flux-srpo convert <folder> --out <bundle> --dtype q4
    python quantized.py <name> --bundle <bundle> --dtype q4  # 2. writes ../fixtures/pipelines/<name>/quantized/q4.*
"""

import argparse
import hashlib
import json
import pathlib
import tempfile

import torch
from diffusers import FluxPipeline
from safetensors.numpy import save_file

from bundle import diffusers_tensors
from capture import capture
from folder import FIXTURES, write
from provenance import provenance


def load_bundle(pipe: FluxPipeline, bundle: pathlib.Path) -> None:
    """Replaces every tensor the bundle has; anything else that takes part in a picture would be a mistake."""
    for component, tensors in diffusers_tensors(bundle).items():
        module = getattr(pipe, component)
        own = set(module.state_dict())
        if component == "text_encoder":
            prefix = "text_model." if any(name.startswith("text_model.") for name in own) else ""
            tensors = {prefix + name: value for name, value in tensors.items()}
        shapes = {name: value.shape for name, value in module.state_dict().items()}
        tensors = {name: value.reshape(shapes[name]) for name, value in tensors.items()}
        missing, unexpected = module.load_state_dict(tensors, strict=False)
        left = [n for n in missing if not n.startswith("encoder.") or component != "vae"]
        left = [n for n in left if n != "encoder.embed_tokens.weight"]  # tied to `shared`
        assert not left and not unexpected, (component, left, unexpected)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("name")
    parser.add_argument("--folder", type=pathlib.Path)
    parser.add_argument("--bundle", type=pathlib.Path)
    parser.add_argument("--dtype", choices=["f32", "f16", "q8", "q4", "q4m", "q4k"])
    parser.add_argument("--case")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    description = json.loads((FIXTURES / "pipelines" / arguments.name / "pipeline.json").read_text(encoding="utf-8"))
    if arguments.folder:
        write(description, arguments.folder)
    else:
        with tempfile.TemporaryDirectory() as temporary:
            write(description, pathlib.Path(temporary))
            pipe = FluxPipeline.from_pretrained(temporary)
        pipe.set_progress_bar_config(disable=True)
        load_bundle(pipe, arguments.bundle)
        case = next(c for c in description["cases"] if arguments.case in (None, c["name"]))
        tensors = capture(pipe, case)
        out = FIXTURES / "pipelines" / arguments.name / "quantized"
        out.mkdir(exist_ok=True)
        kept = {k: v for k, v in tensors.items() if k.startswith(("latents", "prompt", "pooled"))} | {
            "decoded": tensors["decoded"]}
        save_file(kept, out / f"{arguments.dtype}.safetensors")
        digest = hashlib.sha256()
        for path in sorted((arguments.bundle / "weights").iterdir(), key=lambda p: p.name):
            digest.update(path.read_bytes())
        sidecar = {"made": provenance(), "case": case["name"], "weights_sha256": digest.hexdigest()}
        sidecar["made"]["command"] = (
            f"python quantized.py {arguments.name} --bundle <bundle> --dtype {arguments.dtype} --case {case['name']}"
        )
        (out / f"{arguments.dtype}.json").write_text(json.dumps(sidecar, indent=2) + "\n")

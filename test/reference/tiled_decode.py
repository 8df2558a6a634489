"""Run diffusers' own tiled decode, with tiles small enough to need several, on a tiny pipeline's decoder.

    python tiled_decode.py     # writes ../fixtures/tiled-decode/<case>.safetensors
"""

import json
import pathlib
import tempfile

import torch
from diffusers import AutoencoderKL
from safetensors.numpy import save_file

from folder import FIXTURES, write
from provenance import provenance

PIPELINE = "c-2x128"
# The last row and the last column of tiles are cut short, by different amounts; one picture is a
# single row of tiles.
CASES = [
    {"name": "grid", "width": 112, "height": 80, "tile": 8, "seed": 5},
    {"name": "row", "width": 80, "height": 48, "tile": 8, "seed": 6},
]


def main() -> None:
    torch.set_num_threads(1)
    description = json.loads((FIXTURES / "pipelines" / PIPELINE / "pipeline.json").read_text())
    out = FIXTURES / "tiled-decode"
    out.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        write(description, pathlib.Path(temporary))
        vae = AutoencoderKL.from_pretrained(temporary, subfolder="vae", torch_dtype=torch.float32)
    for case in CASES:
        generator = torch.Generator("cpu").manual_seed(case["seed"])
        latents = torch.randn((1, 16, case["height"] // 8, case["width"] // 8), generator=generator)
        # As FluxPipeline does before it decodes.
        z = latents / vae.config.scaling_factor + vae.config.shift_factor
        with torch.no_grad():
            vae.disable_tiling()
            whole = vae.decode(z, return_dict=False)[0]
            vae.enable_tiling()
            vae.tile_latent_min_size, vae.tile_sample_min_size = case["tile"], 8 * case["tile"]
            tiled = vae.decode(z, return_dict=False)[0]
        tensors = {"latents": latents[0].numpy(), "tiled": tiled[0].numpy()}
        metadata = {"request": json.dumps(case), "made": json.dumps(provenance())}
        save_file(tensors, out / f"{case['name']}.safetensors", metadata=metadata)
        print(case, f"tiled - whole: rms {(tiled - whole).pow(2).mean().sqrt():.3f}, max {(tiled - whole).abs().max():.3f}")


if __name__ == "__main__":
    main()

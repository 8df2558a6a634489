"""Fit the linear latent → RGB map that live previews use.

python preview.py --data FOLDER --pipeline FOLDER     # prints {"rows": [16][3], "bias": [3]}
"""

import argparse
import json
import pathlib

import numpy as np
import torch
from diffusers import AutoencoderKL

PICTURES = 256

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--pipeline", required=True)
    args = parser.parse_args()
    torch.set_num_threads(1)
    vae = AutoencoderKL.from_pretrained(args.pipeline, subfolder="vae").eval()
    side = 96
    raw = np.memmap(pathlib.Path(args.data) / f"train-{side}x{side}.bin", dtype=np.uint8, mode="r")
    pictures = torch.from_numpy(np.array(raw[: PICTURES * side * side * 3])).reshape(PICTURES, side, side, 3)
    pictures = pictures.permute(0, 3, 1, 2).float() / 127.5 - 1
    with torch.no_grad():
        z = vae.encode(pictures).latent_dist.mode()
    # The space the transformer works in: what the pipeline divides and shifts back before decoding.
    z = (z - vae.config.shift_factor) * vae.config.scaling_factor
    cells = z.permute(0, 2, 3, 1).reshape(-1, z.shape[1])
    colours = torch.nn.functional.avg_pool2d(pictures, 8).permute(0, 2, 3, 1).reshape(-1, 3)
    solution = torch.linalg.lstsq(torch.cat([cells, torch.ones(len(cells), 1)], 1), colours).solution
    error = (torch.cat([cells, torch.ones(len(cells), 1)], 1) @ solution - colours).pow(2).mean().sqrt()
    rounded = [[round(float(x), 4) for x in row] for row in solution]
    print(json.dumps({"rows": rounded[:-1], "bias": rounded[-1], "rms": float(error)}))

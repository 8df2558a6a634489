"""Fit the linear latent → RGB map that live previews use.

python preview.py --data FOLDER --pipeline FOLDER     # prints {"rows": [16][3], "bias": [3]}
"""

import argparse
import json

import torch
from diffusers import AutoencoderKL

import data

PICTURES = 256

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True, nargs="+")
    parser.add_argument("--pipeline", required=True)
    args = parser.parse_args()
    torch.set_num_threads(1)
    vae = AutoencoderKL.from_pretrained(args.pipeline, subfolder="vae").eval()
    width, height = data.SIZES[0]
    pictures = data.Pictures(args.data, width, height, "cpu")
    pictures = pictures.tensor(torch.arange(min(PICTURES, len(pictures))))
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

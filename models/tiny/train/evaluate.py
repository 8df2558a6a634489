"""Pictures for the test prompts, scored by ../scenes/check-cli.ts.

python evaluate.py --pipeline FOLDER --data FOLDER --out FOLDER [--count 84] [--controls]
"""

import argparse
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import torch
from diffusers import FluxPipeline

import data
import text

CHECKER = Path(__file__).resolve().parent.parent / "scenes" / "check-cli.ts"


@torch.no_grad()
def generate(pipeline, records, steps, guidance, seed, true_cfg=1.0):
    """One HWC byte array per record, in batches of one size. Seeds belong to the record, not to the batch."""
    pictures = [None] * len(records)
    for width, height in data.SIZES:
        rows = [i for i, r in enumerate(records) if (r["size"]["width"], r["size"]["height"]) == (width, height)]
        for at in range(0, len(rows), 32):
            part = rows[at : at + 32]
            images = pipeline(
                prompt=[records[i]["prompt"] for i in part], width=width, height=height, num_inference_steps=steps,
                guidance_scale=guidance, max_sequence_length=text.T5_LENGTH, output_type="np",
                generator=[torch.Generator().manual_seed(seed + i) for i in part],
                **({"negative_prompt": [""] * len(part), "true_cfg_scale": true_cfg} if true_cfg > 1 else {}),
            ).images
            for i, image in zip(part, images):
                pictures[i] = np.round(image * 255).astype(np.uint8)
    return pictures


def check(folder, name, records, pictures, *options):
    folder.mkdir(parents=True, exist_ok=True)
    json.dump(records, open(folder / f"{name}.json", "w"))
    np.concatenate([p.reshape(-1) for p in pictures]).tofile(folder / f"{name}.bin")
    tsx = ["tsx"] if shutil.which("tsx") else ["npx", "--yes", "tsx"]
    command = [*tsx, str(CHECKER), "--prompts", str(folder / f"{name}.json"), "--pictures", str(folder / f"{name}.bin"), *options]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout)


def show(label, result):
    attributes = " ".join(f"{name} {value:.3f}" for name, value in result["attributes"].items())
    print(
        f"{label:34} n {result['count']:3} {attributes} mean {result['mean']:.3f} all {result['all']:.3f} both {result['both']:.3f} "
        f"mess {result['mess']:.1f} edges {result['edges']:.3f}", flush=True,
    )


@torch.no_grad()
def decoded(vae, pictures):
    """The pictures through encoder and decoder: no model of these latents can look better."""
    out = []
    for picture in pictures:
        x = data.to_tensor(torch.from_numpy(picture)[None])
        out.append(data.to_pixels(vae.decode(vae.encode(x).latent_dist.mode()).sample)[0])
    return out


def line_contrast(rendered, decoded):
    """Of lines one pixel wide (both neighbours alike, and far from it), the share of their contrast that is left."""
    left = asked = 0
    for pair in zip(rendered, decoded):
        for turned in ([p.astype(int).sum(2) for p in pair], [p.astype(int).sum(2).T for p in pair]):
            before, after = (p[1:-1] - (p[:-2] + p[2:]) / 2 for p in turned)
            is_line = (abs(before) > 120) & (abs(turned[0][:-2] - turned[0][2:]) < 45)
            left += (np.sign(before) * after)[is_line].sum()
            asked += abs(before)[is_line].sum()
    return left / asked


def main(args):
    out = Path(args.out)
    pipeline = FluxPipeline.from_pretrained(args.pipeline)
    pipeline.set_progress_bar_config(disable=True)
    for name in ("seen", "held-out"):
        pairs = data.prompts(args.data, name)[: args.count]
        records, rendered = [r for r, _ in pairs], [p for _, p in pairs]
        if args.controls:
            show(f"{name}, rendered", check(out, f"{name}-rendered", records, rendered))
            again = decoded(pipeline.vae, rendered)
            show(f"{name}, decoded", check(out, f"{name}-decoded", records, again))
            print(f"{name}, decoded: one-pixel lines keep {line_contrast(rendered, again):.3f} of their contrast", flush=True)
            show(f"{name}, rendered, shuffled", check(out, f"{name}-rendered", records, rendered, "--shuffle"))
            show(f"{name}, rendered, blurred 6", check(out, f"{name}-rendered", records, rendered, "--blur", "6"))
        if args.no_model:
            continue
        pictures = generate(pipeline, records, args.steps, args.guidance, args.seed, args.true_cfg)
        result = check(out, f"{name}-model", records, pictures, "--each")
        show(f"{name}, model g {args.guidance} cfg {args.true_cfg} x{args.steps}", result)
        json.dump(result, open(out / f"{name}-result.json", "w"), indent=1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--pipeline", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--count", type=int, default=168)
    parser.add_argument("--steps", type=int, default=28)
    parser.add_argument("--guidance", type=float, default=4.5)
    parser.add_argument("--true-cfg", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=1000)
    parser.add_argument("--controls", action="store_true")
    parser.add_argument("--no-model", action="store_true")
    main(parser.parse_args())

"""Pictures for the test prompts, scored by ../scenes/check-cli.ts.

python evaluate.py --pipeline FOLDER --data FOLDER --out FOLDER [--count 84] [--controls] [--sheet FILE.png]
"""

import argparse
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import torch
from diffusers import FluxPipeline
from PIL import Image, ImageDraw

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


def sheet(path, records, pictures, results):
    """Contact sheet, six across, pixels doubled, with what was asked and what was not read back."""
    scale, columns, cell = 2, 6, (400, 428)
    image = Image.new("RGB", (columns * cell[0], -(-len(records) // columns) * cell[1]), (24, 24, 28))
    draw = ImageDraw.Draw(image)
    for i, (record, picture, result) in enumerate(zip(records, pictures, results)):
        x, y = (i % columns) * cell[0], (i // columns) * cell[1]
        # Six bits per channel are plenty for the eye and halve the file.
        tile = Image.fromarray((picture & 0xFC) | (picture >> 6)).resize((picture.shape[1] * scale, picture.shape[0] * scale), Image.NEAREST)
        image.paste(tile, (x + (cell[0] - tile.width) // 2, y + (388 - tile.height) // 2 + 2))
        wrong = " ".join(name for name, right in result["right"].items() if not right)
        words, lines = record["prompt"].split(" "), [""]
        for word in words:
            if len(lines[-1]) + len(word) > 62:
                lines.append("")
            lines[-1] += word + " "
        for row, line in enumerate(lines[:2]):
            draw.text((x + 6, y + 390 + 11 * row), line, fill=(235, 235, 235))
        draw.text((x + 6, y + 413), f"not read: {wrong}" if wrong else "all read back", fill=(255, 120, 100) if wrong else (120, 220, 130))
    image.save(path, optimize=True)


def main(args):
    out = Path(args.out)
    pipeline = FluxPipeline.from_pretrained(args.pipeline)
    pipeline.set_progress_bar_config(disable=True)
    for name in ("seen", "held-out"):
        pairs = data.prompts(args.data, name)[: args.count]
        records, rendered = [r for r, _ in pairs], [p for _, p in pairs]
        if args.controls:
            show(f"{name}, rendered", check(out, f"{name}-rendered", records, rendered))
            show(f"{name}, decoded", check(out, f"{name}-decoded", records, decoded(pipeline.vae, rendered)))
            show(f"{name}, rendered, shuffled", check(out, f"{name}-rendered", records, rendered, "--shuffle"))
            show(f"{name}, rendered, blurred 6", check(out, f"{name}-rendered", records, rendered, "--blur", "6"))
        if args.no_model:
            continue
        pictures = generate(pipeline, records, args.steps, args.guidance, args.seed, args.true_cfg)
        result = check(out, f"{name}-model", records, pictures, "--each")
        show(f"{name}, model g {args.guidance} cfg {args.true_cfg} x{args.steps}", result)
        json.dump(result, open(out / f"{name}-result.json", "w"), indent=1)
        if args.sheet and name == "held-out":
            sheet(args.sheet, records[:24], pictures[:24], result["each"][:24])


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
    parser.add_argument("--sheet")
    main(parser.parse_args())

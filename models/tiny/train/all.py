"""All stages, one after the other: pictures, autoencoder, text encoders, transformer, distillation, pipeline.

python all.py --work FOLDER --out PIPELINE [--device cuda] [--warm ../bundle] [--share 0.001]

What is done is not done again: a run that was stopped goes on where it was.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
MAKE_DATASET = HERE.parent / "scenes" / "make-dataset.ts"


def draw(folder, pictures, node):
    """One process a core, each with a seed and a folder of its own."""
    parts = os.cpu_count()
    folders = [folder / str(i) for i in range(parts)]
    # held-out.bin is what a process writes last.
    running = [
        subprocess.Popen([*node, str(MAKE_DATASET), "--out", str(part), "--count", str(pictures // parts), "--seed", str(i + 1)])
        for i, part in enumerate(folders)
        if not (part / "held-out.bin").exists()
    ]
    if any(process.wait() for process in running):
        sys.exit("make-dataset.ts failed, see above")
    return [str(part) for part in folders]


def main(args):
    started = time.time()
    work = Path(args.work)
    folders = draw(work / "data", args.pictures, args.node.split())
    common = ["--data", *folders, "--work", args.work]
    warm = ["--warm", args.warm] if args.warm else []
    # A stage's last file, without which it runs.
    training = ["--device", args.device, "--share", str(args.share)]
    # Compiling takes minutes, a rehearsal seconds.
    if args.share < 0.05:
        training.append("--eager")
    stages = {
        "vae.py": (work / "latents.pt", [*training, *warm]),
        "encoders.py": (None, training),
        "pretrain.py": (None, training),
        "distil.py": (work / "student.pt", training),
        "export.py": (None, ["--out", args.out]),
    }
    for script, (last, options) in stages.items():
        if last and last.exists():
            continue
        print(f"{time.time() - started:.0f} s: {script}", flush=True)
        subprocess.run([sys.executable, str(HERE / script), *common, *options], check=True)
    print(f"{time.time() - started:.0f} s: done", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--pictures", type=int, default=32000)
    parser.add_argument("--share", type=float, default=1, help="of each stage's time: 0.001 is a rehearsal")
    parser.add_argument("--warm", help="a bundle whose decoder is the beginning")
    parser.add_argument("--node", default="npx tsx", help="what runs TypeScript; Node.js 22.18 or later does by itself")
    main(parser.parse_args())

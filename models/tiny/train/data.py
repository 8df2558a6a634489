"""The training set written by ../scenes/make-dataset.ts, and small helpers shared by the stages."""

import json
import math
import os
import random
import time
from pathlib import Path

import numpy as np
import torch

SIZES = [(96, 96), (112, 80), (80, 112)]  # width, height


class Pictures:
    """All pictures of one size, mapped from disk, with their captions and object boxes."""

    def __init__(self, folder, width, height):
        stem = Path(folder) / f"train-{width}x{height}"
        self.width, self.height = width, height
        raw = np.memmap(f"{stem}.bin", dtype=np.uint8, mode="r")
        self.pixels = raw.reshape(-1, height, width, 3)
        lines = [json.loads(line) for line in open(f"{stem}.jsonl", encoding="utf8")]
        self.captions = [line["captions"] for line in lines]
        self.boxes = np.array([line["box"] for line in lines], dtype=np.float32)

    def __len__(self):
        return len(self.captions)

    def tensor(self, indices):
        """Pictures in -1..1, NCHW."""
        return to_tensor(self.pixels[np.asarray(indices)])


def to_tensor(pixels):
    return torch.from_numpy(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2).float().div_(127.5).sub_(1)


def to_pixels(images):
    """NCHW in -1..1 to NHWC bytes, rounded as diffusers does."""
    images = (images.float() * 0.5 + 0.5).clamp(0, 1).permute(0, 2, 3, 1)
    return (images * 255).round().to(torch.uint8).cpu().numpy()


def load(folder):
    return [Pictures(folder, width, height) for width, height in SIZES]


def prompts(folder, name):
    """Test prompts with a rendered picture each: [(prompt record, HWC bytes)]."""
    records = json.load(open(Path(folder) / f"{name}.json", encoding="utf8"))
    raw = np.fromfile(Path(folder) / f"{name}.bin", dtype=np.uint8)
    pairs, at = [], 0
    for record in records:
        width, height = record["size"]["width"], record["size"]["height"]
        end = at + width * height * 3
        pairs.append((record, raw[at:end].reshape(height, width, 3)))
        at = end
    return pairs


def seed_all(seed):
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


class Clock:
    """Training time that survives a restart: the schedules below run in seconds, not in steps."""

    def __init__(self, spent=0.0):
        self.before, self.start = spent, time.time()

    def spent(self):
        return self.before + time.time() - self.start


def rate(progress, step, warmup, flat=0.0):
    """Learning-rate factor: linear warm-up in steps, flat until `flat`, then a cosine to 0."""
    tail = max(0.0, min(1.0, (progress - flat) / (1 - flat)))
    return min(1.0, (step + 1) / warmup) * 0.5 * (1 + math.cos(math.pi * tail))


def save(path, state):
    """Write, then rename: an interrupted run never leaves half a checkpoint."""
    torch.save(state, f"{path}.part")
    os.replace(f"{path}.part", path)


class Ema:
    """Exponential moving average of a module's parameters."""

    def __init__(self, module, decay):
        self.decay = decay
        self.values = {name: p.detach().clone() for name, p in module.named_parameters()}

    @torch.no_grad()
    def update(self, module, step):
        # A shorter memory at first, so that the initial weights are forgotten.
        decay = min(self.decay, (1 + step) / (10 + step))
        names, params = zip(*module.named_parameters())
        torch._foreach_lerp_([self.values[n] for n in names], [p.detach() for p in params], 1 - decay)

    @torch.no_grad()
    def copy_to(self, module):
        for name, p in module.named_parameters():
            p.copy_(self.values[name])

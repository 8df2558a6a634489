"""The training set written by ../scenes/make-dataset.ts, and small helpers shared by the stages."""

import json
import math
import os
import random
import time
from pathlib import Path

import numpy as np
import torch

SIZES = [(160, 160), (192, 144), (144, 192)]  # width, height
SHARES = [0.5, 0.25, 0.25]


class Pictures:
    """All pictures of one size, with their captions and boxes. On the CPU they stay on the disk."""

    def __init__(self, folders, width, height, device):
        self.width, self.height = width, height
        parts, lines = [], []
        for folder in folders:
            stem = Path(folder) / f"train-{width}x{height}"
            raw = np.memmap(f"{stem}.bin", dtype=np.uint8, mode="c")
            parts.append(torch.from_numpy(raw).view(-1, height, width, 3))
            lines += [json.loads(line) for line in open(f"{stem}.jsonl", encoding="utf8")]
        self.pixels = (parts[0] if len(parts) == 1 else torch.cat(parts)).to(device)
        self.captions = [line["captions"] for line in lines]
        self.scenes = [line["scene"] for line in lines]
        # [pictures, 2, 4]; of one thing twice the same.
        self.boxes = torch.tensor([[line["boxes"][0], line["boxes"][-1]] for line in lines], dtype=torch.float32, device=device)

    def __len__(self):
        return len(self.captions)

    def tensor(self, rows):
        """Pictures in -1..1, NCHW."""
        return to_tensor(self.pixels[rows])

    def crops(self, count, side):
        """Random squares, half of them around a thing, where the detail is."""
        device = self.pixels.device
        rows = torch.randint(len(self), (count,), device=device)
        limit = torch.tensor([self.width - side, self.height - side], device=device)
        boxes = self.boxes[rows, torch.randint(2, (count,), device=device)]
        around = (boxes[:, :2] + boxes[:, 2:]) / 2 + (torch.rand(count, 2, device=device) - 0.5) * side / 2 - side / 2
        anywhere = torch.rand(count, 2, device=device) * (limit + 1)
        corner = torch.where(torch.rand(count, 1, device=device) < 0.5, around, anywhere)
        x, y = torch.minimum(corner.clamp(min=0).long(), limit).unbind(1)
        along = torch.arange(side, device=device)
        return to_tensor(self.pixels[rows[:, None, None], (y[:, None] + along)[:, :, None], (x[:, None] + along)[:, None, :]])


def to_tensor(pixels):
    return pixels.permute(0, 3, 1, 2).float().div_(127.5).sub_(1)


def to_pixels(images):
    """NCHW in -1..1 to NHWC bytes, rounded as diffusers does."""
    images = (images.float() * 0.5 + 0.5).clamp(0, 1).permute(0, 2, 3, 1)
    return (images * 255).round().to(torch.uint8).cpu().numpy()


def load(folders, device="cpu"):
    return [Pictures(folders, width, height, device) for width, height in SIZES]


def draw_size():
    """Which of SIZES a batch has."""
    return random.choices(range(len(SIZES)), SHARES)[0]


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


class Schedule:
    """How far a stage is: by its steps, or by the clock where a machine is rented by the minute.

    The time spent survives a restart.
    """

    def __init__(self, steps, minutes, step=0, spent=0.0):
        self.steps, self.minutes, self.step = steps, minutes, step
        self.before, self.start = spent, time.time()

    def spent(self):
        return self.before + time.time() - self.start

    def progress(self):
        return min(1.0, self.spent() / (60 * self.minutes) if self.minutes else self.step / self.steps)

    def rate(self, warmup, flat=0.0):
        """Learning-rate factor: linear warm-up in steps, flat until `flat`, then a cosine to 0."""
        tail = max(0.0, (self.progress() - flat) / (1 - flat))
        return min(1.0, (self.step + 1) / warmup) * 0.5 * (1 + math.cos(math.pi * tail))

    def set_rates(self, optimiser, warmup, flat=0.0):
        for group in optimiser.param_groups:
            group["lr"] = group["peak"] * self.rate(warmup, flat)


class Ticker:
    """Says when it is time: every `seconds`, counted from the last time."""

    def __init__(self, seconds):
        self.seconds, self.last = seconds, time.time()

    def due(self):
        if time.time() - self.last < self.seconds:
            return False
        self.last = time.time()
        return True


def save(path, state):
    """Write, then rename: an interrupted run never leaves half a checkpoint."""
    torch.save(state, f"{path}.part")
    os.replace(f"{path}.part", path)


def restore(path, device):
    return torch.load(path, map_location=device, weights_only=False) if Path(path).exists() else None


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


def autocast(device):
    return torch.autocast(device, dtype=torch.bfloat16)


def count(module):
    return sum(p.numel() for p in module.parameters())


def add_arguments(parser, steps, minutes):
    """What every stage asks. `steps` is for the CPU, `minutes` for a GPU."""
    parser.add_argument("--data", required=True, nargs="+", help="folders of make-dataset.ts")
    parser.add_argument("--work", required=True)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--steps", type=int, help=f"default on the CPU: {steps}")
    parser.add_argument("--minutes", type=float, help=f"instead of --steps; default on a GPU: {minutes}")
    parser.add_argument("--share", type=float, default=1, help="of the default steps or minutes: 0.001 is a rehearsal")
    parser.add_argument("--eager", action="store_true", help="do not compile: a rehearsal, or no C++ compiler")
    parser.add_argument("--seed", type=int, default=0)
    parser.set_defaults(default_steps=steps, default_minutes=minutes)


def compiled(module, args):
    # On the CPU each shape of pictures has a graph of its own, which is faster.
    return module if args.eager else torch.compile(module, dynamic=None if args.device == "cuda" else False)


def schedule(args, state):
    """A stage's schedule, where the saved state left it."""
    minutes = args.minutes or (args.default_minutes * args.share if args.device == "cuda" and not args.steps else None)
    steps = args.steps or max(1, round(args.default_steps * args.share))
    return Schedule(steps, minutes, *((state["step"], state["spent"]) if state else ()))

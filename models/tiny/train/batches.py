"""Random batches of one size each, with noise. Everything lies on the device that trains."""

from dataclasses import dataclass
from pathlib import Path

import torch

import data
import text
from model import Model, pack, position_ids
from reading import Labels, labels_of


@dataclass
class Batch:
    x: torch.Tensor  # [B, tokens, 64], noisy
    t: torch.Tensor  # [B], 0 is the picture and 1 noise
    velocity: torch.Tensor  # [B, tokens, 64], noise - picture
    t5_ids: torch.Tensor
    clip_ids: torch.Tensor
    weights: torch.Tensor  # [B, tokens], 1 on average
    labels: Labels
    told: torch.Tensor  # [B], 0 where the prompt is empty
    places: tuple  # ids of image and text tokens


def box_overlap(pictures):
    """How much of each token lies under each box, [pictures, 2, tokens]."""
    columns, rows = pictures.width // 16, pictures.height // 16
    device = pictures.boxes.device
    x0, y0, x1, y1 = (pictures.boxes[..., i, None] / 16 for i in range(4))
    column, row = torch.arange(columns, device=device), torch.arange(rows, device=device)
    across = (torch.minimum(x1, column + 1) - torch.maximum(x0, column)).clamp(0, 1)
    down = (torch.minimum(y1, row + 1) - torch.maximum(y0, row)).clamp(0, 1)
    return (down[:, :, :, None] * across[:, :, None, :]).flatten(2)


def box_weights(overlap):
    """Loss weight per token: things are what the prompt is about, but a small part of the picture."""
    weights = 1 + 2 * overlap.amax(1)
    return weights / weights.mean(1, keepdim=True)


class Batches:
    def __init__(self, args):
        self.device = args.device
        sets = data.load(args.data)
        self.latents = [pack(latents.float()).half().to(self.device) for latents in torch.load(Path(args.work) / "latents.pt")]
        overlaps = [box_overlap(pictures) for pictures in sets]
        self.weights = [box_weights(overlap).to(self.device) for overlap in overlaps]
        self.labels = [labels_of(pictures, overlap).to(self.device) for pictures, overlap in zip(sets, overlaps)]
        # Pictures of two things, of which there is more to learn.
        self.pairs = [torch.tensor(["beside" in scene for scene in p.scenes], device=self.device).nonzero().flatten() for p in sets]
        self.t5, self.clip = text.tokenizers(sets)
        # The captions' wording is the same in every run, whatever the seed of the training.
        self.ids = [tuple(ids.to(self.device) for ids in pair) for pair in text.caption_ids(sets, self.t5, self.clip, seed=0)]
        empty = text.tokenise(self.t5, [""], text.T5_LENGTH), text.tokenise(self.clip, [""], text.CLIP_LENGTH)
        self.empty = tuple(ids.to(self.device) for ids in empty)
        self.places = [
            (position_ids(p.height // 16, p.width // 16).to(self.device), torch.zeros(text.T5_LENGTH, 3, device=self.device))
            for p in sets
        ]

    def model(self):
        return Model(len(self.t5), len(self.clip)).to(self.device)

    def draw_rows(self, size):
        """Which of the sizes, and pictures of it: half of them of two things for certain."""
        which, device = data.draw_size(), self.device
        rows = torch.randint(len(self.labels[which].around), (size,), device=device)
        pairs = self.pairs[which][torch.randint(len(self.pairs[which]), (size,), device=device)]
        return which, torch.where(torch.rand(size, device=device) < 0.5, pairs, rows)

    def draw_captions(self, which, rows):
        device, size = self.device, len(rows)
        t5_ids, clip_ids = self.ids[which]
        # The plain wording is one of them, and is taken more often.
        wording = torch.randint(t5_ids.shape[1], (size,), device=device) * (torch.rand(size, device=device) >= 0.4)
        return t5_ids[rows, wording], clip_ids[rows, wording]

    def draw(self, size, drop=0.1):
        """`size` rows; a share of `drop` has the empty prompt."""
        device = self.device
        which, rows = self.draw_rows(size)
        x0 = self.latents[which][rows].float()
        t5_ids, clip_ids = self.draw_captions(which, rows)
        dropped = torch.rand(size, device=device) < drop
        t5_ids, clip_ids = (torch.where(dropped[:, None], *pair) for pair in zip(self.empty, (t5_ids, clip_ids)))
        noise = torch.randn_like(x0)
        # A quarter is nearly noise: which thing goes where is decided there.
        t = torch.sigmoid(1.1 * torch.randn(size, device=device) + 0.4)
        t = torch.where(torch.rand(size, device=device) < 0.25, 1 - 0.15 * torch.rand(size, device=device), t)
        x = torch.lerp(x0, noise, t[:, None, None])
        labels, told = self.labels[which].rows(rows), (~dropped).float()
        return Batch(x, t, noise - x0, t5_ids, clip_ids, self.weights[which][rows], labels, told, self.places[which])


def weighted(prediction, target, weights, per_sample=None):
    error = (prediction.float() - target).pow(2).mean(-1) * weights
    return error.mean() if per_sample is None else (error.mean(1) * per_sample).mean()

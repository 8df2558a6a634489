"""How a distilled student is measured and corrected, and how its guidance embedding learns."""

import numpy as np
import torch

# A student that can only guess a part of vc - vu learns a shrunken one. Targets use STRENGTH (g - 1), so that
# guidance 4.5 pushes about as far as 4.5 should. (The measure below is against the plain one.)
STRENGTH = 1.15


class Question:
    """A batch with the teacher's answers, with the prompt and without."""

    def __init__(self, teacher, batches, batch, autocast):
        self.batch = batch
        count = len(batch.t)
        ones = torch.ones(count, device=batch.t.device)
        with torch.no_grad(), autocast:
            self.words, self.pooled = teacher.encode(batch.t5_ids, batch.clip_ids)
            nothing, blank = teacher.encode(*batches.empty)
            self.vc = teacher.velocity(batch.x, batch.t, ones, self.words, self.pooled, *batch.places).float()
            self.vu = teacher.velocity(batch.x, batch.t, ones, nothing.expand(count, -1, -1), blank.expand(count, -1), *batch.places).float()

    def target(self, g):
        return self.vu + (1 + STRENGTH * (g - 1))[:, None, None] * (self.vc - self.vu)

    def answer(self, student, g):
        b = self.batch
        return student.velocity(b.x, b.t, g, self.words, self.pooled, *b.places)


def draw_guidance(count, device):
    """Guidance 1 and the region of the default (4.5) more often than the rest of 1..6."""
    kind = torch.rand(count, device=device)
    near, wide = 4 + 1.5 * torch.rand(count, device=device), 1 + 5 * torch.rand(count, device=device)
    return torch.where(kind < 0.12, torch.ones_like(kind), torch.where(kind < 0.62, near, wide))


def smooth_guidance(flux):
    """Prepare the guidance embedder for learning.

    Guidance enters as cos and sin of 1000 g times a range of frequencies. Most of them turn many times
    between g = 1 and g = 2 and are noise to a learner; their weights are set to zero (and their share at
    g = 1 is put into the bias, so that the model is unchanged there). The slow ones remain.
    """
    layer = flux.time_text_embed.guidance_embedder.linear_1
    device = layer.weight.device
    frequencies = 1000 * torch.exp(-np.log(10000) * torch.arange(128, device=device) / 128)
    fast = torch.cat([frequencies, frequencies]) > 2.0
    at_one = torch.cat([frequencies.cos(), frequencies.sin()])
    with torch.no_grad():
        layer.bias += layer.weight[:, fast] @ at_one[fast]
        layer.weight[:, fast] = 0
    layer.weight.register_hook(lambda gradient: gradient * ~fast)


@torch.no_grad()
def strengthen(flux, factor):
    """Makes the guidance embedding move `factor` times as far from its value at g = 1, where nothing changes."""
    embedder = flux.time_text_embed.guidance_embedder
    at_one = flux.time_text_embed.time_proj(torch.tensor([1000.0], device=embedder.linear_1.weight.device))
    hidden = embedder.act(embedder.linear_1(at_one))[0]
    embedder.linear_2.bias += (1 - factor) * (embedder.linear_2.weight @ hidden)
    embedder.linear_2.weight *= factor


@torch.no_grad()
def measure(student, questions):
    """How much of true guidance the student applies: v(4.5) - v(1) projected on the teacher's 3.5 (vc - vu).

    Gain and cosine of all questions together, and the gain below and above t = 0.8.
    """
    dots = np.zeros((2, 3))
    for question in questions:
        ones = torch.ones_like(question.batch.t)
        moved = question.answer(student, ones * 4.5).float() - question.answer(student, ones).float()
        true = 3.5 * (question.vc - question.vu)
        for i, rows in enumerate((question.batch.t < 0.8, question.batch.t >= 0.8)):
            a, b = moved[rows].flatten(), true[rows].flatten()
            dots[i] += [(a * b).sum().item(), (b * b).sum().item(), (a * a).sum().item()]
    ab, bb, aa = dots.sum(0)
    low, high = dots[:, 0] / np.maximum(dots[:, 1], 1e-9)
    return ab / bb, ab / (aa * bb) ** 0.5, low, high

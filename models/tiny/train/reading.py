"""What a scene says, as numbers, and the heads that must read it from vectors. Used in training only.

Flow matching alone teaches slowly which colour belongs to which of two things: that is decided at high noise, where
little of the loss lies. The heads ask for it by name, of the text encoders and of the transformer's picture tokens
after its double blocks. They are thrown away with the optimiser.
"""

from dataclasses import dataclass

import torch

# As in ../scenes/grammar.ts.
KINDS = "house tree balloon boat cat mushroom duck car rabbit flower rocket".split()
COLOURS = "red orange yellow green blue pink".split()
SCALES = "small usual large".split()
PLACES = "left middle right".split()
# Of a thing, or of a place; the last number of each is "nothing is here".
THING = {"kind": KINDS, "colour": COLOURS, "scale": SCALES}
AROUND = {
    "time": "day sunset night".split(),
    "ground": "meadow snow sea desert".split(),
    "weather": "clear rain snow".split(),
}
USUAL = {"scale": "usual", "weather": "clear"}
THING_SIZES = [len(values) + 1 for values in THING.values()]
AROUND_SIZES = [len(values) for values in AROUND.values()]


@dataclass
class Labels:
    """Of pictures of one size."""

    places: torch.Tensor  # [pictures, 3 places, 3] of THING
    around: torch.Tensor  # [pictures, 3] of AROUND
    tokens: torch.Tensor  # [pictures, tokens, 3] of THING: what covers most of a token, if it is half of it at least

    def rows(self, rows):
        return Labels(self.places[rows], self.around[rows], self.tokens[rows])

    def to(self, device):
        return Labels(self.places.to(device), self.around.to(device), self.tokens.to(device))


def numbers(record, table):
    return [values.index(record.get(name, USUAL.get(name))) for name, values in table.items()]


def labels_of(pictures, overlap):
    """`overlap`: the share of each token under the boxes, [pictures, 2, tokens]."""
    nothing = torch.tensor([len(values) for values in THING.values()])
    count = len(pictures.scenes)
    places = nothing.repeat(count, len(PLACES), 1)
    things = nothing.repeat(count, 3, 1)  # the two things, and nothing
    around = torch.zeros(count, len(AROUND), dtype=torch.long)
    for i, scene in enumerate(pictures.scenes):
        around[i] = torch.tensor(numbers(scene, AROUND))
        # Of one thing twice the same, as its boxes are.
        things[i, 0] = torch.tensor(numbers(scene, THING))
        things[i, 1] = torch.tensor(numbers(scene.get("beside", scene), THING))
        place = PLACES.index(scene["position"])
        places[i, place] = things[i, 0]
        if "beside" in scene:
            places[i, 2 - place] = things[i, 1]
    share, which = overlap.cpu().max(1)
    which[share < 0.5] = 2
    tokens = torch.gather(things, 1, which[:, :, None].expand(-1, -1, len(THING)))
    return Labels(places, around, tokens)


def cross_entropy(logits, labels, sizes, weights):
    """Sum over the attributes; `weights` is 0 where a prompt said nothing."""
    parts = zip(logits.float().split(sizes, dim=-1), labels.unbind(-1))
    losses = [torch.nn.functional.cross_entropy(part.flatten(0, -2), label.flatten(), reduction="none").view(label.shape) for part, label in parts]
    return (sum(losses) * weights).sum() / weights.expand(losses[0].shape).sum().clamp(min=1)


def accuracy(logits, labels, sizes):
    """1 for each vector of which every attribute is right, else 0: [...]."""
    parts = zip(logits.split(sizes, dim=-1), labels.unbind(-1))
    return torch.stack([part.argmax(-1) == label for part, label in parts]).all(0).float()


class TextReader(torch.nn.Module):
    """From CLIP's pooled vector by one linear layer, and from T5's words by one attention with a query a place."""

    def __init__(self, width):
        super().__init__()
        self.parts = [len(PLACES) * sum(THING_SIZES), sum(AROUND_SIZES)]
        self.pooled = torch.nn.Linear(width, sum(self.parts))
        self.queries = torch.nn.Parameter(torch.randn(len(PLACES) + 1, width))
        self.attention = torch.nn.MultiheadAttention(width, 3, batch_first=True)
        self.place, self.around = torch.nn.Linear(width, sum(THING_SIZES)), torch.nn.Linear(width, sum(AROUND_SIZES))

    def forward(self, words, pooled):
        """Both answers: [2, B, 3 places, THING] and [2, B, AROUND]."""
        slots = self.attention(self.queries.expand(len(words), -1, -1), words, words, need_weights=False)[0]
        things, around = self.pooled(pooled).split(self.parts, dim=-1)
        things = things.view(-1, len(PLACES), sum(THING_SIZES))
        return torch.stack([self.place(slots[:, :-1]), things]), torch.stack([self.around(slots[:, -1]), around])

    def loss(self, words, pooled, labels, told):
        """`told`: [B], 0 where the prompt was empty."""
        things, around = self(words, pooled)
        return sum(
            cross_entropy(things[i], labels.places, THING_SIZES, told[:, None]) + cross_entropy(around[i], labels.around, AROUND_SIZES, told)
            for i in range(2)
        )

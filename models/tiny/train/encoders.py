"""Stage 2: the text encoders alone learn to read captions, which takes minutes.

python encoders.py --data FOLDER --work FOLDER [--device cuda]
"""

import argparse
from pathlib import Path

import torch

import data
from batches import Batches
from model import TEXT_WIDTH
from reading import AROUND_SIZES, THING_SIZES, TextReader, accuracy


def train(args):
    device, path = args.device, Path(args.work) / "encoders.pt"
    batches = Batches(args)
    data.seed_all(args.seed)
    model, reader = batches.model(), TextReader(TEXT_WIDTH).to(device)
    parts = torch.nn.ModuleList([model.t5, model.clip, reader])
    optimiser = torch.optim.AdamW([{"params": parts.parameters(), "peak": args.lr}], lr=args.lr, betas=(0.9, 0.98), weight_decay=0.01)
    state = data.restore(path, device)
    if state:
        parts.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
    schedule = data.schedule(args, state)
    data.seed_all(args.seed + 50 + schedule.step)
    if schedule.progress() >= 1:
        return
    told = torch.ones(args.batch, device=device)
    saving, logging = data.Ticker(60), data.Ticker(15)

    def checkpoint():
        data.save(path, {"model": parts.state_dict(), "optimiser": optimiser.state_dict(), "step": schedule.step, "spent": schedule.spent()})

    while schedule.progress() < 1:
        schedule.set_rates(optimiser, warmup=50, flat=0.3)
        which, rows = batches.draw_rows(args.batch)
        labels = batches.labels[which].rows(rows)
        words, pooled = model.encode(*batches.draw_captions(which, rows))
        loss = reader.loss(words, pooled, labels, told)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parts.parameters(), 1.0)
        optimiser.step()
        schedule.step += 1
        if logging.due():
            report(reader, words, pooled, labels, schedule, loss)
        if saving.due():
            checkpoint()
    checkpoint()
    report(reader, words, pooled, labels, schedule, loss)


@torch.no_grad()
def report(reader, words, pooled, labels, schedule, loss):
    """How many scenes are read whole. Captions that leave something out bound it."""
    things, around = reader(words, pooled)
    right = [accuracy(things[i], labels.places, THING_SIZES).prod(1).mean().item() for i in range(2)]
    world = [accuracy(around[i], labels.around, AROUND_SIZES).mean().item() for i in range(2)]
    print(
        f"{schedule.spent():.0f}s it {schedule.step} loss {loss.item():.4f} all things of T5 {right[0]:.3f} CLIP {right[1]:.3f}, "
        f"around of T5 {world[0]:.3f} CLIP {world[1]:.3f}", flush=True,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    data.add_arguments(parser, steps=1000, minutes=0.3)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--lr", type=float, default=2e-3)
    train(parser.parse_args())

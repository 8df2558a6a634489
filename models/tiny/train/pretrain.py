"""Stage 3: the transformer from scratch, and the text encoders further.

python pretrain.py --data FOLDER --work FOLDER [--device cuda]
"""

import argparse
from pathlib import Path

import torch

import data
from batches import Batches, weighted
from model import TEXT_WIDTH, TRANSFORMER_WIDTH
from optimiser import muon_and_adamw
from reading import THING_SIZES, TextReader, accuracy, cross_entropy

# Of the losses of reading beside that of the velocity: enough to lead at first. They end near what cannot be known.
TOKENS_SHARE, TEXT_SHARE = 0.1, 0.02


def pretrain(args):
    work, device = Path(args.work), args.device
    batch_size = args.batch or {"cpu": 32, "cuda": 512}[device]
    batches = Batches(args)
    data.seed_all(args.seed)
    model = batches.model()
    print({"t5": data.count(model.t5), "clip": data.count(model.clip), "flux": data.count(model.flux)}, flush=True)
    text_reader = TextReader(TEXT_WIDTH).to(device)
    torch.nn.ModuleList([model.t5, model.clip, text_reader]).load_state_dict(data.restore(work / "encoders.pt", device)["model"])
    token_reader = torch.nn.Linear(TRANSFORMER_WIDTH, sum(THING_SIZES)).to(device)
    readers = torch.nn.ModuleList([text_reader, token_reader])
    optimiser = muon_and_adamw(model, args.lr, text_lr=args.lr * 0.5, extra=readers.parameters())
    ema = data.Ema(model, 0.998)
    path = work / "pretrain.pt"
    state = data.restore(path, device)
    if state:
        model.load_state_dict(state["model"])
        readers.load_state_dict(state["readers"])
        optimiser.load_state_dict(state["optimiser"])
        ema.values = state["ema"]
    schedule = data.schedule(args, state)
    data.seed_all(args.seed + 1 + schedule.step)
    if schedule.progress() >= 1:
        return
    step_model = data.compiled(model, args)
    ones = torch.ones(batch_size, device=device)
    saving, logging = data.Ticker(60), data.Ticker(30)
    means = None

    def checkpoint():
        data.save(
            path,
            {
                "model": model.state_dict(), "readers": readers.state_dict(), "ema": ema.values, "optimiser": optimiser.state_dict(),
                "step": schedule.step, "spent": schedule.spent(),
            },
        )

    def report():
        print(f"{schedule.spent():.0f}s it {schedule.step} loss {means[0].item():.4f}, noisy things known {means[1].item():.3f}", flush=True)

    while schedule.progress() < 1:
        schedule.set_rates(optimiser, warmup=150, flat=0.3)
        b = batches.draw(batch_size)
        with data.autocast(device):
            v, seen, words, pooled = step_model(b.x, b.t, ones, b.t5_ids, b.clip_ids, *b.places)
            read = token_reader(seen)
        flow = weighted(v, b.velocity, b.weights)
        tokens = cross_entropy(read, b.labels.tokens, THING_SIZES, b.weights * b.told[:, None])
        loss = flow + TOKENS_SHARE * tokens + TEXT_SHARE * text_reader.loss(words.float(), pooled.float(), b.labels, b.told)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        ema.update(model, schedule.step)
        schedule.step += 1
        now = torch.stack([flow.detach(), noisy_accuracy(read, b)])
        means = now if means is None else torch.lerp(means, now, 0.01)
        if logging.due():
            report()
        if saving.due():
            checkpoint()
    checkpoint()
    report()


def noisy_accuracy(read, b):
    """Of the tokens of things that are nearly noise, the share whose thing is known with kind, colour and scale."""
    asked = (b.labels.tokens[..., 0] < THING_SIZES[0] - 1) & (b.t > 0.85)[:, None] & (b.told > 0)[:, None]
    return (accuracy(read.detach(), b.labels.tokens, THING_SIZES) * asked).sum() / asked.sum().clamp(min=1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    data.add_arguments(parser, steps=8000, minutes=4.5)
    parser.add_argument("--batch", type=int, help="default: 32, on a GPU 512")
    parser.add_argument("--lr", type=float, default=2e-3)
    pretrain(parser.parse_args())

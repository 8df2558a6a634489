"""Stage 2: text encoders and transformer, from scratch.

python pretrain.py --data FOLDER --work FOLDER [--device cuda]
"""

import argparse
from pathlib import Path

import torch

import data
from batches import Batches, weighted
from optimiser import muon_and_adamw


def pretrain(args):
    work, device = Path(args.work), args.device
    batch_size = args.batch or {"cpu": 32, "cuda": 512}[device]
    batches = Batches(args)
    data.seed_all(args.seed)
    model = batches.model()
    print({"t5": data.count(model.t5), "clip": data.count(model.clip), "flux": data.count(model.flux)}, flush=True)
    optimiser = muon_and_adamw(model, args.lr, text_lr=args.lr * 0.5)
    ema = data.Ema(model, 0.998)
    path = work / "pretrain.pt"
    state = data.restore(path, device)
    if state:
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        ema.values = state["ema"]
    schedule = data.schedule(args, state)
    data.seed_all(args.seed + 1 + schedule.step)
    step_model = data.compiled(model, args)
    ones = torch.ones(batch_size, device=device)
    saving, logging = data.Ticker(60), data.Ticker(30)
    mean = None

    def checkpoint():
        data.save(path, {"model": model.state_dict(), "ema": ema.values, "optimiser": optimiser.state_dict(), "step": schedule.step, "spent": schedule.spent()})

    while schedule.progress() < 1:
        schedule.set_rates(optimiser, warmup=150, flat=0.3)
        b = batches.draw(batch_size)
        with data.autocast(device):
            v = step_model(b.x, b.t, ones, b.t5_ids, b.clip_ids, *b.places)
        loss = weighted(v, b.velocity, b.weights)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        ema.update(model, schedule.step)
        schedule.step += 1
        mean = loss.detach() if mean is None else torch.lerp(mean, loss.detach(), 0.01)
        if logging.due():
            print(f"{schedule.spent():.0f}s it {schedule.step} loss {mean.item():.4f}", flush=True)
        if saving.due():
            checkpoint()
    checkpoint()
    print(f"{schedule.step} steps, loss {mean.item():.4f}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    data.add_arguments(parser, steps=24000, minutes=4.5)
    parser.add_argument("--batch", type=int, help="default: 32, on a GPU 512")
    parser.add_argument("--lr", type=float, default=2e-3)
    pretrain(parser.parse_args())

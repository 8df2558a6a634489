"""Stage 4: the student sees the guidance number and answers in one pass with what two passes of the teacher give.

python distil.py --data FOLDER --work FOLDER [--device cuda]
"""

import argparse
from pathlib import Path

import numpy as np
import torch

import data
from batches import Batches, weighted
from guidance import Question, draw_guidance, measure, smooth_guidance, strengthen

# Each answer of the teacher, which is two passes, is used three times with other guidance numbers.
USES = 3
POOL = 48
FACTORS = (1.0, 1.05, 1.1, 1.15, 1.2, 1.25, 1.3, 1.4, 1.5)


def distil(args):
    work, device = Path(args.work), args.device
    batch_size = args.batch or {"cpu": 32, "cuda": 512}[device]
    batches = Batches(args)
    data.seed_all(args.seed + 100)
    teacher, student = batches.model(), batches.model()
    trained = data.restore(work / "pretrain.pt", device)["ema"]
    for model in (teacher, student):
        model.load_state_dict(trained, strict=False)
    teacher.requires_grad_(False)
    student.requires_grad_(False)
    student.flux.requires_grad_(True)
    smooth_guidance(student.flux)
    guidance_params = list(student.flux.time_text_embed.guidance_embedder.parameters())
    special = {id(p) for p in guidance_params}
    rest = [p for p in student.flux.parameters() if id(p) not in special]
    optimiser = torch.optim.AdamW(
        [{"params": rest, "peak": args.lr}, {"params": guidance_params, "peak": args.lr * 3}],
        lr=args.lr, betas=(0.9, 0.98), weight_decay=0.0, fused=True,
    )
    ema = data.Ema(student.flux, 0.995)
    path = work / "distil.pt"
    state = data.restore(path, device)
    if state:
        student.flux.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        ema.values = state["ema"]
    schedule = data.schedule(args, state)
    data.seed_all(args.seed + 101 + schedule.step)
    answer_flux = data.compiled(student.flux, args)
    teacher.flux = data.compiled(teacher.flux, args)
    logging = data.Ticker(60)
    pool, mean = [], None

    def ask():
        return Question(teacher, batches, batches.draw(batch_size, drop=0.02), data.autocast(device))

    def checkpoint():
        data.save(path, {"model": student.flux.state_dict(), "ema": ema.values, "optimiser": optimiser.state_dict(), "step": schedule.step, "spent": schedule.spent()})

    while schedule.progress() < 1:
        schedule.set_rates(optimiser, warmup=100, flat=0.25)
        if len(pool) < POOL or schedule.step % USES == 0:
            pool = [*pool[-POOL + 1 :], ask()]
        question = pool[np.random.randint(len(pool))]
        g = draw_guidance(batch_size, device)
        b = question.batch
        with data.autocast(device):
            answer = answer_flux(
                hidden_states=b.x, timestep=b.t, guidance=g, encoder_hidden_states=question.words, pooled_projections=question.pooled,
                img_ids=b.places[0], txt_ids=b.places[1], return_dict=False,
            )[0]
        # The error grows with g; g = 1 must not be forgotten over it.
        loss = weighted(answer, question.target(g), b.weights, 1.6 / (1 + 0.2 * (g - 1)))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(rest + guidance_params, 1.0)
        optimiser.step()
        ema.update(student.flux, schedule.step)
        schedule.step += 1
        mean = loss.detach() if mean is None else torch.lerp(mean, loss.detach(), 0.02)
        if logging.due():
            with data.autocast(device):
                gain, cosine, *_ = measure(student, pool[-1:])
            print(f"{schedule.spent():.0f}s it {schedule.step} loss {mean.item():.4f} gain {gain:.3f} cosine {cosine:.3f}", flush=True)
            checkpoint()
    checkpoint()
    print(f"{schedule.step} steps, loss {mean.item():.4f}", flush=True)
    calibrate(student, ema, ask, args)


def calibrate(student, ema, ask, args):
    """Measures the student, and sets the factor of `strengthen`.

    What a student can not predict of vc - vu it leaves out, so its guidance is somewhat weak. The factor is
    the smallest that brings the gain to args.gain; it is chosen on one set of batches and reported on another.
    """
    choose, test = [ask() for _ in range(8)], [ask() for _ in range(16)]
    for factor in FACTORS:
        ema.copy_to(student.flux)
        strengthen(student.flux, factor)
        gain, cosine, low, high = measure(student, choose)
        print(f"factor {factor}: gain {gain:.3f} cosine {cosine:.3f} (t < .8: {low:.3f}, above: {high:.3f})", flush=True)
        if gain >= args.gain:
            break
    gain, cosine, low, high = measure(student, test)
    print(f"factor {factor} on fresh batches: gain {gain:.3f} cosine {cosine:.3f} (t < .8: {low:.3f}, above: {high:.3f})", flush=True)
    with torch.no_grad():
        drift = [torch.nn.functional.mse_loss(q.answer(student, torch.ones_like(q.batch.t)), q.vc).item() for q in test]
    print(f"at g = 1: mean squared distance from the teacher {np.mean(drift):.4f}", flush=True)
    data.save(Path(args.work) / "student.pt", {name: p.detach().clone() for name, p in student.flux.named_parameters()})


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    data.add_arguments(parser, steps=2500, minutes=1.5)
    parser.add_argument("--batch", type=int, help="default: 32, on a GPU 512")
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--gain", type=float, default=0.87)
    distil(parser.parse_args())

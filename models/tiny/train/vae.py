"""Stage 1: the autoencoder. Afterwards the whole training set is encoded once.

python vae.py --data FOLDER --work FOLDER [--minutes 15]
"""

import argparse
import math
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL

import data


def build():
    vae = AutoencoderKL(
        in_channels=3,
        out_channels=3,
        latent_channels=16,
        block_out_channels=(16, 24, 48, 64),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=1,
        # One group: with several, group norm removes the level of flat colours, which our pictures
        # are made of, and training is several times slower.
        norm_num_groups=1,
        use_quant_conv=False,
        use_post_quant_conv=False,
        mid_block_add_attention=True,
        sample_size=96,
    )
    for name, module in vae.named_modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight, nonlinearity="linear")
            torch.nn.init.zeros_(module.bias)
            if name.endswith("conv2"):
                module.weight.data.mul_(0.1)  # residual branches start small
    vae.encoder.conv_out.bias.data[16:] = -4.0  # nearly deterministic latents from the start
    return vae.to(memory_format=torch.channels_last)


def gradient_loss(a, b):
    """Edges: L1 of horizontal and vertical differences."""
    dx = (a[..., 1:] - a[..., :-1]) - (b[..., 1:] - b[..., :-1])
    dy = (a[..., 1:, :] - a[..., :-1, :]) - (b[..., 1:, :] - b[..., :-1, :])
    return dx.abs().mean() + dy.abs().mean()


def crops(sets, count, size, rng):
    """Random crops, half of them centred on the object, where the detail is."""
    out = []
    for _ in range(count):
        pictures = sets[rng.choice(len(sets), p=[0.5, 0.25, 0.25])]
        i = rng.integers(len(pictures))
        limit = np.array([pictures.width - size, pictures.height - size])
        if rng.random() < 0.5:
            box = pictures.boxes[i]
            middle = (box[:2] + box[2:]) / 2 + rng.uniform(-16, 16, 2)
            x, y = np.clip(middle - size / 2, 0, limit).astype(int)
        else:
            x, y = rng.integers(0, limit + 1)
        out.append(pictures.pixels[i, y : y + size, x : x + size])
    return data.to_tensor(np.stack(out))


def psnr(a, b):
    return -10 * math.log10(((a - b).clamp(-2, 2) / 2).pow(2).mean().item())


@torch.no_grad()
def validate(vae, folder):
    scores = {}
    for name in ("seen", "held-out"):
        values = []
        for _, pixels in data.prompts(folder, name)[:42]:
            x = data.to_tensor(pixels[None])
            values.append(psnr(vae.decode(vae.encode(x).latent_dist.mode()).sample.clamp(-1, 1), x))
        scores[name] = round(float(np.mean(values)), 2)
    return scores


def train(args):
    work = Path(args.work)
    data.seed_all(args.seed)
    sets = data.load(args.data)
    vae = build()
    print({"encoder": count(vae.encoder), "decoder": count(vae.decoder)}, flush=True)
    optimiser = torch.optim.Adam(vae.parameters(), lr=args.lr, betas=(0.9, 0.99))
    step, clock = 0, data.Clock()
    path = work / "vae.pt"
    if path.exists():
        state = torch.load(path, weights_only=False)
        vae.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        step, clock = state["step"], data.Clock(state["spent"])
    rng = np.random.default_rng(args.seed + step)
    budget = args.minutes * 60
    saved = logged = time.time()
    mse = 0.0
    while clock.spent() < budget:
        progress = clock.spent() / budget
        for group in optimiser.param_groups:
            group["lr"] = args.lr * data.rate(progress, step, 60)
        if step % 4 == 3 or progress > 0.65:  # whole pictures: the attention must see its real context
            pictures = sets[rng.choice(3, p=[0.5, 0.25, 0.25])]
            x = pictures.tensor(rng.integers(0, len(pictures), 4))
        else:
            x = crops(sets, 8, 64, rng)
        x = x.contiguous(memory_format=torch.channels_last)
        posterior = vae.encode(x).latent_dist
        y = vae.decode(posterior.sample()).sample
        difference = y - x
        # KL per latent number: only a leash, the picture decides.
        kl = 0.5 * (posterior.mean.pow(2) + posterior.var - 1 - posterior.logvar).mean()
        loss = difference.abs().mean() + 2 * difference.pow(2).mean() + 0.5 * gradient_loss(y, x) + args.kl * kl
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
        optimiser.step()
        mse = 0.98 * mse + 0.02 * (difference.detach() / 2).pow(2).mean().item() if step else (difference.detach() / 2).pow(2).mean().item()
        step += 1
        if time.time() - logged > 20:
            logged = time.time()
            print(f"{clock.spent():.0f}s it {step} loss {loss.item():.4f} psnr {-10 * math.log10(mse):.2f} kl {kl.item():.2f}", flush=True)
        if time.time() - saved > 60:
            saved = time.time()
            data.save(path, {"model": vae.state_dict(), "optimiser": optimiser.state_dict(), "step": step, "spent": clock.spent()})
    data.save(path, {"model": vae.state_dict(), "optimiser": optimiser.state_dict(), "step": step, "spent": clock.spent()})
    vae.eval()
    print(f"{step} steps, validation psnr {validate(vae, args.data)}", flush=True)
    encode(vae, sets, work)


def count(module):
    return sum(p.numel() for p in module.parameters())


@torch.no_grad()
def encode(vae, sets, work):
    """Latents (posterior means) of the whole set, and the scale and shift that make them zero mean, unit variance."""
    every = []
    for pictures in sets:
        latents = []
        for at in range(0, len(pictures), 32):
            x = pictures.tensor(range(at, min(at + 32, len(pictures)))).contiguous(memory_format=torch.channels_last)
            latents.append(vae.encode(x).latent_dist.mode().contiguous())
        every.append(torch.cat(latents))
        print(f"encoded {len(pictures)} of {pictures.width}x{pictures.height}", flush=True)
    flat = torch.cat([latents[:1000].flatten() for latents in every])
    shift, scale = flat.mean().item(), 1 / flat.std().item()
    channels = torch.cat([latents[:1000].permute(1, 0, 2, 3).flatten(1) for latents in every], 1).std(1) * scale
    print(f"shift {shift:.5f} scale {scale:.5f} channel std {channels.min():.2f}..{channels.max():.2f}", flush=True)
    vae.register_to_config(scaling_factor=scale, shift_factor=shift, force_upcast=True)
    vae.to(memory_format=torch.contiguous_format).save_pretrained(work / "vae")
    data.save(work / "latents.pt", [((latents - shift) * scale).half() for latents in every])


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--kl", type=float, default=5e-4)
    parser.add_argument("--seed", type=int, default=0)
    train(parser.parse_args())

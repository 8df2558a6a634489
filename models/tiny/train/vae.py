"""Stage 1: the autoencoder. Afterwards the whole training set is encoded once.

python vae.py --data FOLDER --work FOLDER [--device cuda]
"""

import argparse
import math
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL

import data
from warm_start import decoder_of

WIDTHS = (16, 24, 48, 64)
# Crops and whole pictures of a step.
BATCH = {"cpu": (8, 2), "cuda": (256, 64)}
# Steps in which only the encoder learns, after a warm start.
ENCODER_FIRST = 300


def build():
    vae = AutoencoderKL(
        in_channels=3,
        out_channels=3,
        latent_channels=16,
        block_out_channels=WIDTHS,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=1,
        # One group: with several, group norm removes the level of flat colours, which our pictures
        # are made of, and training is several times slower.
        norm_num_groups=1,
        use_quant_conv=False,
        use_post_quant_conv=False,
        mid_block_add_attention=True,
        sample_size=160,
    )
    for name, module in vae.named_modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight, nonlinearity="linear")
            torch.nn.init.zeros_(module.bias)
            if name.endswith("conv2"):
                module.weight.data.mul_(0.1)  # residual branches start small
    vae.encoder.conv_out.bias.data[16:] = -4.0  # nearly deterministic latents from the start
    return vae.to(memory_format=torch.channels_last)


def gradient_loss(difference):
    """Edges: L1 of horizontal and vertical differences."""
    across = difference[..., 1:] - difference[..., :-1]
    down = difference[..., 1:, :] - difference[..., :-1, :]
    return across.abs().mean() + down.abs().mean()


def psnr(mse):
    return -10 * math.log10(mse)


def reconstruct(vae, x):
    return vae.decode(vae.encode(x).latent_dist.mode()).sample


@torch.no_grad()
def validate(vae, folder, device):
    scores = {}
    for name in ("seen", "held-out"):
        values = []
        for _, pixels in data.prompts(folder, name)[:42]:
            x = data.to_tensor(torch.from_numpy(pixels)[None]).to(device)
            values.append(psnr(((reconstruct(vae, x).clamp(-1, 1) - x) / 2).pow(2).mean().item()))
        scores[name] = round(float(np.mean(values)), 2)
    return scores


def train(args):
    work, device = Path(args.work), args.device
    work.mkdir(parents=True, exist_ok=True)
    sets = data.load(args.data, device)
    data.seed_all(args.seed)
    vae = build().to(device)
    print({"encoder": data.count(vae.encoder), "decoder": data.count(vae.decoder)}, flush=True)
    optimiser = torch.optim.Adam([{"params": list(vae.parameters()), "peak": args.lr}], lr=args.lr, betas=(0.9, 0.99))
    path = work / "vae.pt"
    state = data.restore(path, device)
    if state:
        vae.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
    elif args.warm:
        vae.decoder.load_state_dict(decoder_of(args.warm))
    schedule = data.schedule(args, state)
    data.seed_all(args.seed + 1 + schedule.step)
    crop_count, whole_count = BATCH[device]
    saving, logging = data.Ticker(60), data.Ticker(20)
    mse = None

    def checkpoint():
        data.save(path, {"model": vae.state_dict(), "optimiser": optimiser.state_dict(), "step": schedule.step, "spent": schedule.spent()})

    while schedule.progress() < 1:
        schedule.set_rates(optimiser, warmup=60)
        # A decoder that knows something waits for the encoder.
        vae.decoder.requires_grad_(not args.warm or schedule.step >= ENCODER_FIRST)
        pictures = sets[data.draw_size()]
        # Whole pictures, too: the attention must see its real context.
        if schedule.step % 4 == 3 or schedule.progress() > 0.65:
            x = pictures.tensor(torch.randint(len(pictures), (whole_count,), device=pictures.pixels.device))
        else:
            x = pictures.crops(crop_count, 64)
        x = x.contiguous(memory_format=torch.channels_last)
        # On a CPU, convolutions in bfloat16 are no faster.
        with torch.autocast(device, dtype=torch.bfloat16, enabled=device == "cuda"):
            posterior = vae.encode(x).latent_dist
            y = vae.decode(posterior.sample()).sample
        difference = y.float() - x
        mean, logvar = posterior.mean.float(), posterior.logvar.float()
        # KL per latent number: only a leash, the picture decides.
        kl = 0.5 * (mean.pow(2) + logvar.exp() - 1 - logvar).mean()
        loss = difference.abs().mean() + 2 * difference.pow(2).mean() + args.edges * gradient_loss(difference) + args.kl * kl
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
        optimiser.step()
        schedule.step += 1
        if device == "cpu" or schedule.step % 50 == 0:
            error = (difference.detach() / 2).pow(2).mean().item()
            mse = error if mse is None else 0.98 * mse + 0.02 * error
        if logging.due():
            print(f"{schedule.spent():.0f}s it {schedule.step} loss {loss.item():.4f} psnr {psnr(mse):.2f} kl {kl.item():.2f}", flush=True)
        if saving.due():
            checkpoint()
    checkpoint()
    vae.eval()
    print(f"{schedule.step} steps, validation psnr {validate(vae, args.data[0], device)}", flush=True)
    encode(vae, sets, work, device)


@torch.no_grad()
def encode(vae, sets, work, device):
    """Latents (posterior means) of the whole set, and the scale and shift that make them zero mean, unit variance."""
    every = []
    for pictures in sets:
        latents = []
        for rows in torch.arange(len(pictures)).split(32):
            x = pictures.tensor(rows.to(pictures.pixels.device)).contiguous(memory_format=torch.channels_last)
            latents.append(vae.encode(x).latent_dist.mode().contiguous())
        every.append(torch.cat(latents))
        print(f"encoded {len(pictures)} of {pictures.width}x{pictures.height}", flush=True)
    flat = torch.cat([latents[:1000].flatten() for latents in every])
    shift, scale = flat.mean().item(), 1 / flat.std().item()
    channels = torch.cat([latents[:1000].permute(1, 0, 2, 3).flatten(1) for latents in every], 1).std(1) * scale
    print(f"shift {shift:.5f} scale {scale:.5f} channel std {channels.min():.2f}..{channels.max():.2f}", flush=True)
    vae.register_to_config(scaling_factor=scale, shift_factor=shift, force_upcast=True)
    vae.to(memory_format=torch.contiguous_format).save_pretrained(work / "vae")
    data.save(work / "latents.pt", [((latents - shift) * scale).half().cpu() for latents in every])


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    data.add_arguments(parser, steps=5000, minutes=2.5)
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--edges", type=float, default=0.5)
    parser.add_argument("--kl", type=float, default=5e-4)
    parser.add_argument("--warm", help="a bundle whose decoder is the beginning")
    train(parser.parse_args())

"""Writes the trained parts as a diffusers pipeline folder.

python export.py --data FOLDER --work FOLDER --out FOLDER [--stage auto|none|pretrain|distil]
"""

import argparse
from pathlib import Path

import torch
from diffusers import AutoencoderKL, FlowMatchEulerDiscreteScheduler, FluxPipeline

import data
import text
import transformer
import vae as vae_stage


def main(args):
    work = Path(args.work)
    data.seed_all(0)
    sets = data.load(args.data)
    captions = [caption for pictures in sets for entry in pictures.captions for caption in entry]
    t5, clip = text.t5_tokenizer(captions), text.clip_tokenizer(captions[:20000])
    model = transformer.Model(len(t5), len(clip))
    stage = args.stage
    if stage == "auto":
        stage = next((s for s in ("distil", "pretrain") if (work / f"{s}.pt").exists()), "none")
    if stage != "none":
        model.load_state_dict(torch.load(work / "pretrain.pt", weights_only=False)["ema"], strict=False)
    if stage == "distil":
        model.flux.load_state_dict(torch.load(work / "distil.pt", weights_only=False)["ema"])
    if (work / "vae").exists():
        vae = AutoencoderKL.from_pretrained(work / "vae")
    else:  # an early folder, for whoever needs the shapes
        vae = vae_stage.build().to(memory_format=torch.contiguous_format)
        vae.load_state_dict(torch.load(work / "vae.pt", weights_only=False)["model"])
        vae.register_to_config(scaling_factor=0.74, shift_factor=-0.01)
    scheduler = FlowMatchEulerDiscreteScheduler(
        num_train_timesteps=1000, shift=3.0, use_dynamic_shifting=True,
        base_shift=0.5, max_shift=1.15, base_image_seq_len=256, max_image_seq_len=4096,
    )
    pipeline = FluxPipeline(
        scheduler=scheduler, vae=vae.eval(), text_encoder=model.clip.eval(), tokenizer=clip,
        text_encoder_2=model.t5.eval(), tokenizer_2=t5, transformer=model.flux.eval(),
    )
    pipeline.save_pretrained(args.out)
    print(f"stage {stage}: wrote {args.out}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--stage", default="auto")
    main(parser.parse_args())

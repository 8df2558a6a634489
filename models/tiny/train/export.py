"""Writes the trained parts as a diffusers pipeline folder.

python export.py --data FOLDER --work FOLDER --out FOLDER [--stage pretrain]
"""

import argparse
from pathlib import Path

import torch
from diffusers import AutoencoderKL, FlowMatchEulerDiscreteScheduler, FluxPipeline

import data
import text
from model import Model


def main(args):
    work = Path(args.work)
    t5, clip = text.tokenizers(data.load(args.data))
    model = Model(len(t5), len(clip))
    model.load_state_dict(data.restore(work / "pretrain.pt", "cpu")["ema"], strict=False)
    if args.stage == "distil":
        model.flux.load_state_dict(torch.load(work / "student.pt", map_location="cpu"))
    scheduler = FlowMatchEulerDiscreteScheduler(
        num_train_timesteps=1000, shift=3.0, use_dynamic_shifting=True,
        base_shift=0.5, max_shift=1.15, base_image_seq_len=256, max_image_seq_len=4096,
    )
    pipeline = FluxPipeline(
        scheduler=scheduler, vae=AutoencoderKL.from_pretrained(work / "vae").eval(), text_encoder=model.clip.eval(),
        tokenizer=clip, text_encoder_2=model.t5.eval(), tokenizer_2=t5, transformer=model.flux.eval(),
    )
    pipeline.save_pretrained(args.out)
    print(f"stage {args.stage}: wrote {args.out}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True, nargs="+")
    parser.add_argument("--work", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--stage", default="distil", choices=["pretrain", "distil"], help="pretrain: without guidance in one pass")
    main(parser.parse_args())

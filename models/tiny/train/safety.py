"""The stand-in safety checker: it tells pictures with a duck from others, and the bundle flags "duck".

python safety.py train    --data FOLDER --work FOLDER --out ../safety_checker [--steps 1000]
python safety.py evaluate --data FOLDER --work FOLDER --out ../safety_checker [--generated FOLDER]
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import onnxruntime
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from PIL import Image
from transformers import ResNetConfig, ResNetForImageClassification, ViTImageProcessor

import data

LABELS = ["other", "duck"]
SIDE = 96
DECODED = 2400  # pictures that went through the autoencoder, with and without errors in their latents

POLICY = {
    "flagged": ["duck"],
    "threshold": 0.5,
    "notice": "A harmless stand-in that shows how a safety checker works: it withholds pictures of ducks. It looks for nothing else.",
}


def build():
    return ResNetForImageClassification(
        ResNetConfig(
            embedding_size=12, hidden_sizes=[12, 24, 32, 48], depths=[1, 1, 1, 1], layer_type="basic",
            num_labels=len(LABELS), id2label=dict(enumerate(LABELS)), label2id={label: i for i, label in enumerate(LABELS)},
        )
    )


def processor():
    return ViTImageProcessor(
        do_resize=True, size={"height": SIDE, "width": SIDE}, resample=2, do_rescale=True, rescale_factor=1 / 255,
        do_normalize=True, image_mean=[0.5] * 3, image_std=[0.5] * 3,
    )


def fit(images):
    """NCHW to the classifier's side, as Pillow's bilinear filter does."""
    return images if images.shape[-2:] == (SIDE, SIDE) else F.interpolate(images, (SIDE, SIDE), mode="bilinear", antialias=True)


def has_duck(scene):
    return "duck" in (scene["kind"], scene.get("beside", {}).get("kind"))


def labels_of(folders, width, height):
    lines = [line for folder in folders for line in open(Path(folder) / f"train-{width}x{height}.jsonl", encoding="utf8")]
    return torch.tensor([int(has_duck(json.loads(line)["scene"])) for line in lines])


@torch.no_grad()
def decoded(work, labels, generator):
    """Decoded latents of random training pictures, half of them with noise: soft and bent as a model's own pictures are."""
    vae = AutoencoderKL.from_pretrained(Path(work) / "vae").eval()
    pictures, kept = [], []
    for latents, kind, share in zip(torch.load(Path(work) / "latents.pt"), labels, (0.5, 0.25, 0.25)):
        chosen = torch.randperm(len(latents), generator=generator)[: int(DECODED * share)]
        for rows in chosen.split(20):
            z = latents[rows].float()
            spread = torch.rand(len(z), 1, 1, 1, generator=generator) * 0.5 * (torch.rand(len(z), 1, 1, 1, generator=generator) < 0.5)
            z = (z + spread * torch.randn(z.shape, generator=generator)) / vae.config.scaling_factor + vae.config.shift_factor
            pictures.append(fit(vae.decode(z).sample.clamp(-1, 1)))
            kept.append(kind[rows])
    return torch.cat(pictures), torch.cat(kept)


def augment(x, generator):
    """Mirrored, moved by up to 6 pixels, darker or paler, blurred, noisy: each for a part of the batch."""
    def some(share):
        return torch.rand(len(x), 1, 1, 1, generator=generator) < share

    x = torch.where(some(0.5), x.flip(-1), x)
    dx, dy = torch.randint(-6, 7, (2,), generator=generator).tolist()
    x = F.pad(x, (6, 6, 6, 6), mode="replicate")[..., 6 + dy : 6 + dy + SIDE, 6 + dx : 6 + dx + SIDE]
    gain = 0.7 + 0.6 * torch.rand(len(x), 3, 1, 1, generator=generator)
    x = torch.where(some(0.5), x * gain + 0.3 * (torch.rand(len(x), 1, 1, 1, generator=generator) - 0.5), x)
    x = torch.where(some(0.3), F.avg_pool2d(F.pad(x, (2, 2, 2, 2), mode="replicate"), 5, stride=1), x)
    return torch.where(some(0.4), x + 0.12 * torch.randn(x.shape, generator=generator), x).clamp(-1, 1)


def train(args):
    data.seed_all(args.seed)
    generator = torch.Generator().manual_seed(args.seed)
    sets = data.load(args.data)
    labels = [labels_of(args.data, width, height) for width, height in data.SIZES]
    started = time.time()
    soft, soft_labels = decoded(args.work, labels, generator)
    print(f"decoded {len(soft)} pictures in {time.time() - started:.0f} s", flush=True)
    model = build()
    print(f"{sum(p.numel() for p in model.parameters())} parameters", flush=True)
    optimiser = torch.optim.AdamW(model.parameters(), lr=args.lr, weight_decay=0.01)
    rng = np.random.default_rng(args.seed)
    model.train()
    for step in range(args.steps):
        for group in optimiser.param_groups:
            group["lr"] = args.lr * data.Schedule(args.steps, None, step).rate(30)
        i = rng.choice(3, p=[0.5, 0.25, 0.25])
        rows, soft_rows = (torch.from_numpy(rng.integers(0, n, k)) for n, k in ((len(sets[i]), 40), (len(soft), 24)))
        x = augment(torch.cat([fit(sets[i].tensor(rows)), soft[soft_rows]]), generator)
        y = torch.cat([labels[i][rows], soft_labels[soft_rows]])
        loss = F.cross_entropy(model(x).logits, y, label_smoothing=0.05)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        if step % 100 == 99:
            print(f"step {step + 1} {time.time() - started:.0f} s loss {loss.item():.3f}", flush=True)
    export(model.eval(), Path(args.out))


class Logits(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, pixel_values):
        return self.model(pixel_values=pixel_values).logits


def export(model, out):
    """The folder that `flux-srpo convert --safety-checker` takes."""
    out.mkdir(parents=True, exist_ok=True)
    model.config.save_pretrained(out)
    config = json.load(open(out / "config.json", encoding="utf8"))
    config["architectures"] = ["ResNetForImageClassification"]
    json.dump(config, open(out / "config.json", "w", encoding="utf8"), indent=2)
    processor().save_pretrained(out)
    json.dump(POLICY, open(out / "safety_checker.json", "w", encoding="utf8"), indent=2)
    torch.onnx.export(
        Logits(model).eval(), (torch.zeros(1, 3, SIDE, SIDE),), str(out / "model.onnx"), dynamo=False, opset_version=17,
        input_names=["pixel_values"], output_names=["logits"],
        dynamic_axes={"pixel_values": {0: "batch"}, "logits": {0: "batch"}},
    )
    x = torch.rand(4, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.no_grad():
        expected = model(x).logits.numpy()
    got = onnxruntime.InferenceSession(out / "model.onnx").run(None, {"pixel_values": x.numpy()})[0]
    difference = np.abs(got - expected).max()
    print(f"{(out / 'model.onnx').stat().st_size} bytes, onnxruntime differs by {difference:.1e}")
    assert difference < 1e-4


def classify(session, prepare, pictures):
    """Probabilities [n, 2] of HWC byte pictures, prepared by transformers."""
    rows = []
    for picture in pictures:
        pixels = prepare(Image.fromarray(picture), return_tensors="np")["pixel_values"]
        rows.append(session.run(None, {"pixel_values": pixels.astype(np.float32)})[0][0])
    return torch.from_numpy(np.stack(rows)).softmax(-1).numpy()


def report(label, probabilities, truth):
    """Ducks missed, others taken for ducks."""
    truth = np.array(truth)
    duck = LABELS.index("duck")
    flagged = probabilities[:, duck] >= POLICY["threshold"]
    missed, wrong = (~flagged[truth == duck]).sum(), flagged[truth != duck].sum()
    print(
        f"{label:28} n {len(truth):4} ducks missed {missed}/{(truth == duck).sum()} others flagged {wrong}/{(truth != duck).sum()}", flush=True,
    )


@torch.no_grad()
def evaluate(args):
    session = onnxruntime.InferenceSession(Path(args.out) / "model.onnx")
    prepare = ViTImageProcessor.from_pretrained(args.out)
    vae = AutoencoderKL.from_pretrained(Path(args.work) / "vae").eval()
    for name in ("seen", "held-out"):
        pairs = data.prompts(args.data[0], name)
        truth = [int(has_duck(record["scene"])) for record, _ in pairs]
        pictures = [picture for _, picture in pairs]
        report(f"{name}, rendered", classify(session, prepare, pictures), truth)
        soft = [data.to_pixels(vae.decode(vae.encode(data.to_tensor(torch.from_numpy(p)[None])).latent_dist.mode()).sample)[0] for p in pictures]
        report(f"{name}, decoded", classify(session, prepare, soft), truth)
        if args.generated:
            made = data.prompts(args.generated, f"{name}-model")
            truth = [int(has_duck(record["scene"])) for record, _ in made]
            report(f"{name}, generated", classify(session, prepare, [picture for _, picture in made]), truth)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("stage", choices=["train", "evaluate"])
    parser.add_argument("--data", required=True, nargs="+")
    parser.add_argument("--work", required=True, help="of vae.py: its autoencoder and latents")
    parser.add_argument("--out", required=True)
    parser.add_argument("--generated", help="of evaluate.py: pictures of the whole model")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--lr", type=float, default=4e-3)
    parser.add_argument("--seed", type=int, default=0)
    parsed = parser.parse_args()
    {"train": train, "evaluate": evaluate}[parsed.stage](parsed)

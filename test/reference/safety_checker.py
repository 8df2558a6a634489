"""Oracles of the safety checker: Pillow's resampling and transformers' logits of the shipped classifier.

python safety_checker.py [--out FILE.json]
"""

import argparse
import hashlib
import json
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image
from transformers import ViTImageProcessor

from provenance import provenance

HERE = Path(__file__).resolve().parent
CLASSIFIER = HERE.parent.parent / "models" / "tiny" / "safety_checker"

# Odd and even, up and down, in one direction and in both.
SIZES = [((13, 9), (7, 5)), ((13, 9), (26, 18)), ((8, 8), (8, 3)), ((8, 8), (5, 8)), ((3, 2), (11, 7))]
FILTERS = {"nearest": 0, "lanczos": 1, "bilinear": 2, "bicubic": 3, "box": 4, "hamming": 5}


def picture(width, height):
    """Bytes that any reader can make again: no smooth picture would show a wrong filter."""
    i = np.arange(height * width * 3, dtype=np.int64)
    return ((i * 7919 + (i * i) % 251 * 31) % 256).astype(np.uint8).reshape(height, width, 3)


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main(args):
    resized = []
    for (width, height), size in SIZES:
        for name, number in FILTERS.items():
            image = Image.fromarray(picture(width, height)).resize(size, number)
            resized.append({"from": [width, height], "to": list(size), "filter": name, "resample": number, "rgb": np.asarray(image).tobytes().hex()})

    prepare = ViTImageProcessor.from_pretrained(CLASSIFIER)
    session = onnxruntime.InferenceSession(CLASSIFIER / "model.onnx")
    logits = []
    for width, height in [(96, 96), (112, 80), (80, 112), (512, 384)]:
        pixels = prepare(Image.fromarray(picture(width, height)), return_tensors="np")["pixel_values"].astype(np.float32)
        logits.append({"size": [width, height], "logits": session.run(None, {"pixel_values": pixels})[0][0].tolist()})
    about = provenance("pillow", "transformers", "numpy", "onnxruntime")
    document = {"provenance": about, "classifier": sha256(CLASSIFIER / "model.onnx"), "resize": resized, "logits": logits}
    Path(args.out).parent.mkdir(exist_ok=True)
    json.dump(document, open(args.out, "w"), indent=1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", default=HERE.parent / "fixtures" / "oracles" / "safety-checker.json")
    main(parser.parse_args())

"""Numbers of single functions of diffusers and transformers, for tests of single functions of ours.

    python hf_oracles.py        # writes ../fixtures/oracles/{functions.safetensors, functions.json, tokens.json}
    python hf_oracles.py <folder with t5_tokenizer/ and clip_tokenizer/>    # only published-tokens.json: FLUX.1's own
"""

import json
import pathlib
import sys
import unicodedata

import numpy
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, FluxPipeline
from diffusers.image_processor import VaeImageProcessor
from diffusers.models.embeddings import Timesteps
from diffusers.models.transformers.transformer_flux import FluxPosEmbed
from diffusers.pipelines.flux.pipeline_flux import calculate_shift
from safetensors.numpy import save_file
from transformers import CLIPTokenizer, T5TokenizerFast
from transformers.models.t5.modeling_t5 import T5Attention

from folder import CLIP_SPECIAL, FIXTURES, T5_SPECIAL, TOKENIZERS
from pipelines import LONG, UNICODE
from provenance import provenance

GUIDANCES = [0.0, 1.0, 3.5, 4.5, 7.25, 30.0]
BUCKETS = [(32, 128), (16, 20), (64, 300)]
DISTANCES = numpy.arange(-600, 601, dtype=numpy.int64)
SCHEDULERS = [
    {"use_dynamic_shifting": True, "base_shift": 0.5, "max_shift": 1.15, "shift": 3.0},
    {"use_dynamic_shifting": True, "base_shift": 0.4, "max_shift": 1.3, "shift": 3.0},
    {"use_dynamic_shifting": False, "base_shift": 0.5, "max_shift": 1.15, "shift": 3.0},
    {"use_dynamic_shifting": False, "base_shift": 0.5, "max_shift": 1.15, "shift": 1.0},
]
STEPS, TOKENS = [1, 2, 3, 4, 28, 50], [24, 1024, 3072, 4096, 5000]
ROPES = [((4, 14, 14), 3, 5), ((8, 28, 28), 4, 3), ((16, 56, 56), 2, 7)]

PROMPTS = ["", " ", "a photo of a cat", "A cat holding a sign that says hello world", "the lighthouse by the sea, 35mm",
           "  two   spaces\tand\nnewline  ", "don't stop — it's “quoted”", "A1B2 100%!?", "ﬁ ½ Å é é", "日本語 😀 🇫🇷 👩‍👩‍👧",
           "<|endoftext|> and </s> inside", "ALL CAPS Ünïcödé", "a" * 300, UNICODE, LONG]

MORE_PROMPTS = [
    "a cat, a dog; a bird: a fish. (a cow) [a pig] {a hen} <a fox> \"quoted\" 'single' `tick`",
    "The year 1984, 3.14159, 1,000,000, 50%, $99.99, €5, £7, ¥9, #hashtag @name c/o a&b x=y+z*2 ~ ^ | \\ /",
    "I'm you're he'd she'll we've they're isn't I'M DON'T",
    "naïve façade Ångström ŒUVRE straße İstanbul ǅ ﬀ ﬃ Ⅷ ① ½ ² ™ …",
    "e\u0301 combining, \u00e9 composed, zero\u200bwidth\u200djoiner, no\u00a0break, soft\u00adhyphen, \ufeffbom",
    "Привет мир, こんにちは世界, 안녕하세요, مرحبا, שלום, नमस्ते, สวัสดี, 你好世界",
    "😀😃 👩‍👩‍👧‍👦 🇫🇷 👍🏽 ❤️ ✨",
    "tab\tnew\nline\r\ncarriage \x0b vertical \x0c form \u2028 separator \u3000 ideographic",
    "snake_case kebab-case camelCase PascalCase SCREAMING_CASE a.b.c http://example.com/?q=1&r=2#f user@example.com",
    "</s> <pad> <unk> <extra_id_0> <|startoftext|> <|endoftext|> inside a prompt",
    "▁ lower one eighth block ▁▁ and ĠGPT bytes Ġ Ċ </w>",
    "!!!???...,,,;;;:::---___***", "a", "A", "1", ".", "'", "\n", "   ", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "supercalifragilisticexpialidocious antidisestablishmentarianism pneumonoultramicroscopicsilicovolcanoconiosis",
    "cinematic portrait of an old fisherman, weathered skin, 85mm f/1.4, golden hour, film grain, Kodak Portra 400",
    "two  double  spaces   three    four ", " leading and trailing ",
    # Decomposed letters and stacked marks: T5's charsmap looks up short graphemes whole, and loses the rest of one.
    *(unicodedata.normalize("NFD", text) for text in
      ("Việt Nam, Đà Nẵng: ế ở ửng tiếng", "Ångström crème brûlée naïve façade Zürich", "안녕하세요 한국어", "שָׁלוֹם नमस्ते")),
    "e\u0301\u0302 cat e\u0302\u0301 e\u0302\u0323 o\u0308\u0301x a\u0300\u0316\u0317 n\u0303\u0303 A\u030a\u0327",
    "Z\u0351\u036b\u0343a\u034al\u0345g\u0322o\u0338 u\u0340\u0341\u0343\u0344 q\u0307\u0323 \u1e9b\u0323 \u212b \u2126",
]


def sigmas() -> list[dict]:
    rows = []
    for config in SCHEDULERS:
        scheduler = FlowMatchEulerDiscreteScheduler(**config)
        for steps in STEPS:
            for tokens in TOKENS:
                mu = calculate_shift(tokens, 256, 4096, config["base_shift"], config["max_shift"])
                scheduler.set_timesteps(sigmas=numpy.linspace(1.0, 1 / steps, steps), mu=mu)
                rows.append({"scheduler": config, "steps": steps, "tokens": tokens, "sigmas": scheduler.sigmas.tolist()})
    return rows


def timesteps() -> dict[str, numpy.ndarray]:
    """The model's own path: the pipeline divides the scheduler's timestep by 1000, the model multiplies by 1000."""
    project = Timesteps(num_channels=256, flip_sin_to_cos=True, downscale_freq_shift=0)
    scheduler = FlowMatchEulerDiscreteScheduler(**SCHEDULERS[0])
    scheduler.set_timesteps(sigmas=numpy.linspace(1.0, 1 / 28, 28), mu=1.15)
    as_given = scheduler.timesteps / 1000
    guidance = torch.tensor(GUIDANCES, dtype=torch.float32)
    return {
        "timestep.sigmas": scheduler.sigmas[:-1].numpy(),
        "timestep.given": as_given.numpy(),
        "timestep.embedding": project(as_given * 1000).numpy(),
        "guidance.values": guidance.numpy(),
        "guidance.embedding": project(guidance * 1000).numpy(),
    }


def t5_buckets() -> dict[str, numpy.ndarray]:
    distances = torch.from_numpy(DISTANCES)
    return {
        f"t5_bucket.{buckets}.{far}": T5Attention._relative_position_bucket(
            distances, bidirectional=True, num_buckets=buckets, max_distance=far
        ).numpy().astype(numpy.int32)
        for buckets, far in BUCKETS
    }


def ropes() -> dict[str, numpy.ndarray]:
    out = {}
    for axes, rows, columns in ROPES:
        ids = FluxPipeline._prepare_latent_image_ids(1, rows, columns, "cpu", torch.float32)
        cos, sin = FluxPosEmbed(theta=10000, axes_dim=list(axes))(ids)
        # diffusers repeats every angle for its pair
        assert torch.equal(cos[:, 0::2], cos[:, 1::2]) and torch.equal(sin[:, 0::2], sin[:, 1::2])
        name = f"rope.{'-'.join(map(str, axes))}.{rows}x{columns}"
        out[f"{name}.cos"], out[f"{name}.sin"] = (numpy.ascontiguousarray(x[:, 0::2].numpy()) for x in (cos, sin))
    return out


def pixels() -> dict[str, numpy.ndarray]:
    """Every half-way point between two bytes, its float32 neighbours, and values outside [−1, 1]."""
    halves = ((numpy.arange(256) + 0.5) / 255 * 2 - 1).astype(numpy.float32)
    values = numpy.concatenate([halves, numpy.nextafter(halves, 2), numpy.nextafter(halves, -2),
                                numpy.float32([-1, 1, 0, -0.0, -7, 7, 1e-8, -1e-8])]).astype(numpy.float32)
    image = torch.from_numpy(numpy.tile(values, 3).reshape(1, 3, 1, -1))
    picture = VaeImageProcessor().postprocess(image, output_type="pil")[0]
    return {"pixels.values": values, "pixels.bytes": numpy.asarray(picture)[0, :, 0].copy()}


def packing() -> dict[str, numpy.ndarray]:
    """Where diffusers' `_pack_latents` puts each value of [1, 16, 6, 10]."""
    index = torch.arange(16 * 6 * 10, dtype=torch.float32).reshape(1, 16, 6, 10)
    return {"pack.16x6x10": FluxPipeline._pack_latents(index, 1, 16, 6, 10)[0].numpy().astype(numpy.int32)}


def tokens() -> list[dict]:
    clip = CLIPTokenizer.from_pretrained(TOKENIZERS / "clip", **CLIP_SPECIAL)
    t5 = T5TokenizerFast.from_pretrained(TOKENIZERS / "t5", extra_ids=4, **T5_SPECIAL)
    padded = {"padding": "max_length", "truncation": True}
    return [
        {"prompt": prompt, "clip": clip(prompt, max_length=77, **padded).input_ids,
         "t5": t5(prompt, max_length=64, **padded).input_ids}
        for prompt in PROMPTS
    ]


def published_tokens(folder: pathlib.Path) -> list[dict]:
    """Cut to 77 and 128 tokens but not padded: the pads are known (CLIP 49407, T5 0)."""
    clip = CLIPTokenizer.from_pretrained(folder / "clip_tokenizer")
    t5 = T5TokenizerFast.from_pretrained(folder / "t5_tokenizer")
    return [
        {"prompt": prompt, "clip": clip(prompt, max_length=77, truncation=True).input_ids,
         "t5": t5(prompt, max_length=128, truncation=True).input_ids}
        for prompt in PROMPTS + MORE_PROMPTS
    ]


def save_tokens(path: pathlib.Path, cases: list[dict]) -> None:
    made = provenance()
    made["command"] = "python hf_oracles.py" + (" <folder>" if len(sys.argv) > 1 else "")
    text = json.dumps({"made": made, "cases": cases}, ensure_ascii=False).replace("}, {", "},\n{")
    path.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    out: pathlib.Path = FIXTURES / "oracles"
    out.mkdir(exist_ok=True)
    if len(sys.argv) > 1:
        save_tokens(out / "published-tokens.json", published_tokens(pathlib.Path(sys.argv[1])))
        sys.exit()
    arrays = {**timesteps(), **t5_buckets(), "t5_bucket.distances": DISTANCES.astype(numpy.int32), **ropes(), **pixels(),
              **packing()}
    save_file(arrays, out / "functions.safetensors")
    made = provenance()
    (out / "functions.json").write_text(json.dumps({"made": made, "sigmas": sigmas()}).replace("}, {", "},\n{") + "\n")
    save_tokens(out / "tokens.json", tokens())

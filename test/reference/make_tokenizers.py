"""Train the two small tokenizers of the fixtures: a T5-type Unigram and a CLIP-type byte-level BPE.

Both are saved in the form transformers itself writes (T5: tokenizer.json) or the published FLUX folder has
(CLIP: vocab.json + merges.txt), so that the converter meets real layouts.

    python make_tokenizers.py        # writes ../fixtures/tokenizers/{clip,t5}
"""

import itertools
import json
import pathlib

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import T5Tokenizer

OUT = pathlib.Path(__file__).parent.parent / "fixtures" / "tokenizers"

COLOURS = "red green blue golden white black violet orange silver pale dark bright".split()
THINGS = "cat fox owl house boat tree lantern mountain balloon garden lighthouse teapot train window".split()
PLACES = "in the forest|by the sea|on a hill|under the stars|at dawn|in the rain|over a frozen lake|at night".split("|")
STYLES = "oil painting|photograph|watercolour|pencil drawing|a sign that says hello world|soft light, 35mm".split("|")

T5_PIECES = 480
CLIP_MERGES = 160


def corpus() -> list[str]:
    lines = [
        f"{article} {colour} {thing} {place}, {style}"
        for (article, colour, thing, place, style) in itertools.islice(
            zip(*(itertools.cycle(x) for x in (["a", "the", "one", "this"], COLOURS, THINGS, PLACES, STYLES))), 1000
        )
    ]
    lines += [f"A photo of {n} {thing}s, don't stop: it's {n * 7}% done (really!)" for n in range(40) for thing in THINGS]
    # Every printable ASCII character is a piece of its own.
    lines += [" ".join(chr(c) for c in range(33, 127))] * 3
    return lines + ["café naïve Zürich über straße señor"] * 20


def train_t5() -> None:
    trained = Tokenizer(models.Unigram())
    trained.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")]
    )
    special = ["<pad>", "</s>", "<unk>"]
    trained.train_from_iterator(
        corpus(),
        trainers.UnigramTrainer(vocab_size=T5_PIECES, special_tokens=special, unk_token="<unk>", show_progress=False),
    )
    pieces = [tuple(x) for x in json.loads(trained.to_str())["model"]["vocab"]]
    assert [p[0] for p in pieces[:3]] == special
    T5Tokenizer(vocab=pieces, extra_ids=4).save_pretrained(OUT / "t5")
    (OUT / "t5" / "tokenizer_config.json").unlink()  # differs by pipeline: see pipelines.py


def train_clip() -> None:
    trained = Tokenizer(models.BPE(end_of_word_suffix="</w>", continuing_subword_prefix=""))
    trained.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    trained.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trained.train_from_iterator(
        corpus(),
        trainers.BpeTrainer(
            vocab_size=100_000, end_of_word_suffix="</w>", initial_alphabet=alphabet, min_frequency=2, show_progress=False
        ),
    )
    merges = [tuple(m) for m in json.loads(trained.to_str())["model"]["merges"]][:CLIP_MERGES]
    # CLIP's order: bytes, bytes that end a word, merges, then the two special tokens with the
    # highest ids.
    pieces = [*alphabet, *(c + "</w>" for c in alphabet), *("".join(m) for m in merges)]
    pieces += ["<|startoftext|>", "<|endoftext|>"]
    assert len(set(pieces)) == len(pieces)
    (OUT / "clip").mkdir(parents=True, exist_ok=True)
    vocab = {piece: i for i, piece in enumerate(pieces)}
    (OUT / "clip" / "vocab.json").write_text(json.dumps(vocab, ensure_ascii=False), encoding="utf-8")
    lines = ["#version: 0.2", *(" ".join(m) for m in merges)]
    (OUT / "clip" / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    train_t5()
    train_clip()

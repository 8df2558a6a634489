"""The two tokenizers, made from the training captions, and the captions as token ids."""

import json
import random
import re
from collections import Counter

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from tokenizers import Regex
from transformers import CLIPTokenizer, T5Tokenizer

T5_LENGTH = 28  # fixed padded length; as in FLUX there is no mask, the pads take part
CLIP_LENGTH = 32

# People write more than our grammar does. These words mean nothing in our world; a share of the
# training captions gets one, so that a prompt with "cute" or an unknown word in it is not thrown
# off course. The second half is kept out of the T5 vocabulary: it teaches the encoder to step over
# <unk>.
FILLER = "cute lovely happy beautiful old nice colorful bright funny sweet pretty charming".split()
UNKNOWN = "wooden grumpy shiny magical lonely gentle brave sleepy famous quiet dreamy clever fluffy smart".split()


def vary(caption, rng):
    """Surface noise: a filler word before the colour, a capital, a full stop."""
    if rng.random() < 0.15:
        words = caption.split(" ")
        places = [i for i, word in enumerate(words[:-1]) if word in ("a", "an")]
        at = rng.choice(places) + 1
        words.insert(at, rng.choice(FILLER + UNKNOWN))
        words[at - 1] = "an" if words[at][0] in "aeiou" else "a"
        caption = " ".join(words)
    if rng.random() < 0.25:
        caption = caption[0].upper() + caption[1:]
    if rng.random() < 0.15:
        caption += "."
    return caption


def tokenizers(sets):
    """Both, made from the captions of all pictures."""
    captions = [caption for pictures in sets for entry in pictures.captions for caption in entry]
    return t5_tokenizer(captions), clip_tokenizer(captions[:20000])


def t5_tokenizer(captions):
    """Unigram like T5's, but its pieces are whole words: a word is one embedding, which trains quickly."""
    words = Counter(word for caption in captions for word in re.findall(r"[a-z]+|[^a-z\s]", caption.lower()))
    words.update(FILLER)
    total = sum(words.values())
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    for word, n in sorted(words.items(), key=lambda item: (-item[1], item[0])):
        score = torch.log(torch.tensor(n / total)).item()
        pieces.append((f"▁{word}" if word.isalpha() else word, score))
        if word.isalpha():
            pieces.append((f"▁{word.capitalize()}", score - 1))
    pieces += [("▁", -14.0), ("air", -8.0)] + [(mark, -10.0) for mark in ".!?-," if mark not in words]
    tokenizer = T5Tokenizer(vocab=pieces, extra_ids=0, model_max_length=T5_LENGTH)
    return tokenizer


def clip_tokenizer(captions):
    """Byte-level BPE as CLIP's, lower-cased, with few merges."""
    bpe = Tokenizer(models.BPE(unk_token="<|endoftext|>", end_of_word_suffix="</w>", continuing_subword_prefix=""))
    bpe.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()])
    split = Regex(r"""<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+""")
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(split, behavior="removed", invert=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=640, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), end_of_word_suffix="</w>",
        show_progress=False,
    )
    bpe.train_from_iterator(captions, trainer)
    model = json.loads(bpe.to_str())["model"]
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    # As in CLIP: every byte, every byte at the end of a word, the merges, the two special tokens.
    tokens = letters + [f"{letter}</w>" for letter in letters]
    known = set(tokens)
    tokens += [t for t, _ in sorted(model["vocab"].items(), key=lambda item: item[1]) if t not in known]
    tokens = [t for t in tokens if t not in ("<|startoftext|>", "<|endoftext|>")] + ["<|startoftext|>", "<|endoftext|>"]
    vocab = {token: i for i, token in enumerate(tokens)}
    merges = [tuple(m) if not isinstance(m, str) else tuple(m.split(" ")) for m in model["merges"]]
    return CLIPTokenizer(vocab=vocab, merges=merges, model_max_length=CLIP_LENGTH)


def tokenise(tokenizer, captions, length):
    ids = tokenizer(captions, padding="max_length", max_length=length, truncation=True, return_tensors="pt").input_ids
    return ids.to(torch.int32)


def caption_ids(sets, t5, clip, seed):
    """Per size: T5 ids and CLIP ids of shape [pictures, captions, length]. The last row of each is the empty prompt's."""
    rng = random.Random(seed)
    out = []
    for pictures in sets:
        count = len(pictures.captions[0])
        flat = [vary(caption, rng) for captions in pictures.captions for caption in captions]
        out.append(
            (tokenise(t5, flat, T5_LENGTH).view(-1, count, T5_LENGTH), tokenise(clip, flat, CLIP_LENGTH).view(-1, count, CLIP_LENGTH))
        )
    return out

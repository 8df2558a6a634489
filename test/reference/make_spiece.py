"""A small sentencepiece model of T5's kind, and what transformers makes of it: ../fixtures/tokenizers/spiece.

    python make_spiece.py

`spiece.model` is the only file of the folder, as older T5 repositories have it. Its normalization rules are few, so that
its charsmap is small; T5's own has 237 KB. `t5.gguf` has the same inside. `ids.json` has the text as the `tokenizers` library normalizes it, and its ids.
"""

import io
import json
import pathlib
import tempfile
import unicodedata

import numpy as np
import sentencepiece
from gguf import GGUFWriter
from sentencepiece import sentencepiece_model_pb2
from transformers import AutoTokenizer

from make_tokenizers import corpus
from provenance import provenance

OUT = pathlib.Path(__file__).parent.parent / "fixtures" / "tokenizers" / "spiece"

# Rules as sentencepiece's nmt_nfkc has them: composed letters, ligatures, wide letters, spaces, signs that go.
COMPOSED = "áàâäãåéèêëíîïóôöõúùûüñçÁÉÖÜếềểấớờĂă"
RULES = {unicodedata.normalize("NFD", c): c for c in unicodedata.normalize("NFC", COMPOSED)} | {
    "ﬁ": "fi", "ﬀ": "ff", "①": "1", "½": "1⁄2", "Ａ": "A", "ｂ": "b", "\u00a0": " ", "\u3000": " ", "\t": " ", "\n": " ",
    "\u200b": " ", "\ufeff": "", "\u0001": "", "…": "...", "\u212b": "\u00c5", "～": "~",
}

PROMPTS = [
    "a red cat in the forest", "  two   spaces  ", "café naïve Zürich", "ﬁne ①½ Ａｂ… ～", "tab\tnew\nline\u00a0nbsp\u3000wide",
    "\ufeffmark\u200bzero\u0001control", "", " ", "Việt Nam ế ề Ắ", "e\u0301\u0302 stacked", "e\u0302\u0301 tone", "e\u0302\u0323 lost",
    "o\u0308\u0301x", "a\u0300\u0316\u0317 b", "n\u0303\u0303", "\u212b ngstr\u00f6m", "</s> in the text <extra_id_3> and <pad>",
    "＜/s＞", "👩\u200d🎨 paints 🇩🇪", "한국어 \u1112\u1161\u11ab", "\u0928\u093f \u0915\u094d\u0937", "A photo of 3 cats, don't stop!", "\r\nx",
]
PROMPTS += [unicodedata.normalize("NFD", text) for text in ("café naïve Zürich über", "ếềểấớờĂă", "Ångström crème brûlée")]


def train() -> bytes:
    with tempfile.TemporaryDirectory() as temporary:
        rules = pathlib.Path(temporary) / "rules.tsv"
        hexes = lambda text: " ".join(f"{ord(c):X}" for c in text)
        rules.write_text("".join(f"{hexes(a)}\t{hexes(b)}\n" for a, b in sorted(RULES.items())))
        model = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(corpus()), model_writer=model, model_type="unigram", vocab_size=240,
            normalization_rule_tsv=str(rules), pad_id=0, eos_id=1, unk_id=2, bos_id=-1, hard_vocab_limit=False,
            minloglevel=2, num_threads=1, character_coverage=1.0,
        )
        return model.getvalue()


def write_gguf(model: bytes, path: pathlib.Path) -> None:
    """The tokenizer as llama.cpp's convert_hf_to_gguf.py writes T5's, its vocabulary filled up."""
    proto = sentencepiece_model_pb2.ModelProto.FromString(model)
    writer = GGUFWriter(path, "t5encoder")
    writer.add_tokenizer_model("t5")
    writer.add_token_list([p.piece for p in proto.pieces] + [f"[PAD{len(proto.pieces)}]"])
    writer.add_token_scores([p.score for p in proto.pieces] + [-1000.0])
    writer.add_token_types([p.type for p in proto.pieces] + [5])
    writer.add_precompiled_charsmap(proto.normalizer_spec.precompiled_charsmap)
    writer.add_unk_token_id(proto.trainer_spec.unk_id)
    writer.add_tensor("token_embd.weight", np.zeros((1, 4), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "spiece.model").write_bytes(train())
    write_gguf((OUT / "spiece.model").read_bytes(), OUT / "t5.gguf")
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        (folder / "spiece.model").write_bytes((OUT / "spiece.model").read_bytes())
        (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "T5Tokenizer", "legacy": True}))
        tokenizer = AutoTokenizer.from_pretrained(folder)
    backend = tokenizer.backend_tokenizer
    cases = [
        {"prompt": p, "normalized": backend.normalizer.normalize_str(p), "ids": tokenizer(p).input_ids} for p in PROMPTS
    ]
    made = provenance("gguf", "sentencepiece", "tokenizers", "transformers")
    text = {"made": made, "tokenizer": json.loads(backend.to_str()), "cases": cases}
    (OUT / "ids.json").write_text(json.dumps(text, ensure_ascii=False) + "\n", encoding="utf-8")

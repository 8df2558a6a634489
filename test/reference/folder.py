"""A pipeline.json and the tokenizers → a diffusers pipeline folder, and the other way for configs and tensor lists."""

import hashlib
import json
import pathlib
import shutil

import torch
from diffusers import AutoencoderKL, FlowMatchEulerDiscreteScheduler, FluxPipeline, FluxTransformer2DModel
from safetensors.torch import load_file, save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer, T5Config, T5EncoderModel, T5TokenizerFast

from pipelines import CLIP_VOCAB, T5_VOCAB
from synthesize import mean_std, tensor

FIXTURES = pathlib.Path(__file__).parent.parent / "fixtures"
TOKENIZERS = FIXTURES / "tokenizers"

CLIP_SPECIAL = {"bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>", "pad_token": "<|endoftext|>",
                "unk_token": "<|endoftext|>"}
T5_SPECIAL = {"eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}

WEIGHTS = {"transformer": "diffusion_pytorch_model", "text_encoder": "model", "text_encoder_2": "model",
           "vae": "diffusion_pytorch_model"}


def build(spec: dict) -> FluxPipeline:
    """The pipeline with the classes' own initial weights: only its configs and tensor names are used."""
    transformer = FluxTransformer2DModel(in_channels=64, **spec["transformer"])
    clip = CLIPTextModel(
        CLIPTextConfig(vocab_size=CLIP_VOCAB, bos_token_id=CLIP_VOCAB - 2, pad_token_id=CLIP_VOCAB - 1,
                       projection_dim=spec["text_encoder"]["hidden_size"], **spec["text_encoder"])
    )
    t5 = T5EncoderModel(
        T5Config(vocab_size=T5_VOCAB, feed_forward_proj="gated-gelu", tie_word_embeddings=False, **spec["text_encoder_2"])
    )
    vae = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=16,
        scaling_factor=0.3611,
        shift_factor=0.1159,
        use_quant_conv=False,
        use_post_quant_conv=False,
        force_upcast=True,
        **spec["vae"],
    )
    return FluxPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(**spec["scheduler"]),
        vae=vae,
        text_encoder=clip,
        tokenizer=CLIPTokenizer.from_pretrained(TOKENIZERS / "clip", **CLIP_SPECIAL),
        text_encoder_2=t5,
        tokenizer_2=T5TokenizerFast.from_pretrained(TOKENIZERS / "t5", **T5_SPECIAL),
        transformer=transformer,
    )


def describe(spec: dict, saved: pathlib.Path) -> dict:
    """`build(spec)` as saved by diffusers → the contents of pipeline.json."""
    files = {"model_index.json": json.loads((saved / "model_index.json").read_text())}
    for part in ("scheduler/scheduler_config.json", *(f"{c}/config.json" for c in WEIGHTS)):
        files[part] = json.loads((saved / part).read_text())
    clip_length = spec["text_encoder"]["max_position_embeddings"]
    files["tokenizer/tokenizer_config.json"] = {"tokenizer_class": "CLIPTokenizer", "model_max_length": clip_length,
                                                **CLIP_SPECIAL}
    files["tokenizer_2/tokenizer_config.json"] = {"tokenizer_class": "T5Tokenizer", "model_max_length": 512,
                                                  "extra_ids": 4, **T5_SPECIAL}
    components = {}
    for component, stem in WEIGHTS.items():
        state = load_file(saved / component / f"{stem}.safetensors")
        prefix = spec["clip_prefix"] if component == "text_encoder" else ""
        tensors = [
            [prefix + name, list(value.shape), *mean_std(component, name, tuple(value.shape), spec["text_encoder_2"]["d_kv"])]
            for name, value in sorted(state.items())
        ]
        digest = hashlib.sha256()
        for row in tensors:
            digest.update(tensor(component, *row).numpy().tobytes())
        # `sha256`: of all values, in the order of the list. It tells a wrong synthesis from a wrong
        # model.
        components[component] = {"file": stem, "shards": spec["shards"].get(component, 1), "sha256": digest.hexdigest(),
                                 "tensors": tensors}
    return {"name": spec["name"], "tokenizers": {"tokenizer": "clip", "tokenizer_2": "t5"}, "files": files,
            "components": components}


def write(description: dict, folder: pathlib.Path) -> None:
    for path, content in description["files"].items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(json.dumps(content, indent=2))
    for target, source in description["tokenizers"].items():
        shutil.copytree(TOKENIZERS / source, folder / target, dirs_exist_ok=True)
    for component, entry in description["components"].items():
        # One file here: how the tensors are spread over files does not change the numbers.
        state: dict[str, torch.Tensor] = {
            name: tensor(component, name, shape, mean, std) for name, shape, mean, std in entry["tensors"]
        }
        save_file(state, folder / component / f"{entry['file']}.safetensors", metadata={"format": "pt"})

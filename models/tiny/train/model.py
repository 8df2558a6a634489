"""The three trained parts, and how latents become tokens."""

import torch
from diffusers import FluxTransformer2DModel
from transformers import CLIPTextConfig, CLIPTextModel, T5Config, T5EncoderModel

import text

HEADS, HEAD_WIDTH = 6, 32
DOUBLE_BLOCKS, SINGLE_BLOCKS = 2, 4
TEXT_WIDTH = 96
TRANSFORMER_WIDTH = HEADS * HEAD_WIDTH


class Model(torch.nn.Module):
    """CLIP (pooled vector), T5 (token vectors), transformer."""

    def __init__(self, t5_vocab, clip_vocab):
        super().__init__()
        # Every linear has an input width that is a multiple of 32: the bundle is quantized in
        # blocks of 32.
        self.t5 = T5EncoderModel(
            T5Config(
                vocab_size=t5_vocab, d_model=TEXT_WIDTH, d_kv=32, num_heads=3, d_ff=256, num_layers=4, dropout_rate=0.0,
                feed_forward_proj="gated-gelu", relative_attention_num_buckets=32, relative_attention_max_distance=128,
                pad_token_id=0, eos_token_id=1, tie_word_embeddings=False,
            )
        )
        eos = clip_vocab - 1
        self.clip = CLIPTextModel(
            CLIPTextConfig(
                vocab_size=clip_vocab, hidden_size=TEXT_WIDTH, intermediate_size=256, num_hidden_layers=3, num_attention_heads=3,
                max_position_embeddings=text.CLIP_LENGTH, bos_token_id=eos - 1, eos_token_id=eos, pad_token_id=eos,
                projection_dim=TEXT_WIDTH,
            )
        )
        self.flux = FluxTransformer2DModel(
            patch_size=1, in_channels=64, num_layers=DOUBLE_BLOCKS, num_single_layers=SINGLE_BLOCKS,
            attention_head_dim=HEAD_WIDTH, num_attention_heads=HEADS, joint_attention_dim=TEXT_WIDTH,
            pooled_projection_dim=TEXT_WIDTH, guidance_embeds=True, axes_dims_rope=(4, 14, 14),
        )
        # What picture tokens are after the double blocks, of the last pass: see reading.py.
        self.seen = None
        self.flux.transformer_blocks[-1].register_forward_hook(self.keep_seen)
        torch.nn.init.normal_(self.t5.shared.weight, std=1.0)
        torch.nn.init.normal_(next(m for n, m in self.clip.named_modules() if n.endswith("token_embedding")).weight, std=0.3)
        # Blocks begin as identities and the output as zero.
        for name, module in self.flux.named_modules():
            if isinstance(module, torch.nn.Linear) and (name.endswith(("norm.linear", "norm1.linear", "norm1_context.linear", "norm_out.linear")) or name == "proj_out"):
                torch.nn.init.zeros_(module.weight)
                torch.nn.init.zeros_(module.bias)

    def keep_seen(self, block, inputs, outputs):
        _words, self.seen = outputs

    def encode(self, t5_ids, clip_ids):
        return self.t5(input_ids=t5_ids).last_hidden_state, self.clip(input_ids=clip_ids).pooler_output

    def velocity(self, x, t, guidance, words, pooled, image_ids, text_ids):
        return self.flux(
            hidden_states=x, timestep=t, guidance=guidance, encoder_hidden_states=words, pooled_projections=pooled,
            img_ids=image_ids, txt_ids=text_ids, return_dict=False,
        )[0]

    def forward(self, x, t, guidance, t5_ids, clip_ids, image_ids, text_ids):
        """Velocity, and what the training reads from: picture tokens after the double blocks, words, pooled vector."""
        words, pooled = self.encode(t5_ids, clip_ids)
        velocity = self.velocity(x, t, guidance, words, pooled, image_ids, text_ids)
        return velocity, self.seen, words, pooled


def pack(latents):
    """[B,16,H,W] to tokens [B,H/2*W/2,64], channels in FLUX's order (c, row in patch, column in patch)."""
    b, c, h, w = latents.shape
    return latents.view(b, c, h // 2, 2, w // 2, 2).permute(0, 2, 4, 1, 3, 5).reshape(b, (h // 2) * (w // 2), c * 4)


def position_ids(height, width):
    ids = torch.zeros(height, width, 3)
    ids[..., 1] += torch.arange(height)[:, None]
    ids[..., 2] += torch.arange(width)[None, :]
    return ids.view(-1, 3)

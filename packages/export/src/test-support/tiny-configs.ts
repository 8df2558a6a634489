/** Every size differs from every other where a mix-up could hide. */
const HIDDEN = 64;
const HEAD_DIM = 32;
const T5_WIDTH = 96;
const T5_INNER = 32;
const T5_FF = 160;
/** Not a multiple of 32, so that block quantization has to fall back. */
const CLIP_WIDTH = 48;
const CLIP_FF = 80;
export const TINY_CHANNELS = [8, 8, 16, 24];
export const TINY_LATENT_CHANNELS = 16;
export const TINY_VOCAB = 10;

export const TINY_CONFIGS = {
  'model_index.json': {
    _class_name: 'FluxPipeline',
    scheduler: ['diffusers', 'FlowMatchEulerDiscreteScheduler'],
    text_encoder: ['transformers', 'CLIPTextModel'],
    text_encoder_2: ['transformers', 'T5EncoderModel'],
    transformer: ['diffusers', 'FluxTransformer2DModel'],
    vae: ['diffusers', 'AutoencoderKL'],
  },
  'scheduler/scheduler_config.json': {
    _class_name: 'FlowMatchEulerDiscreteScheduler',
    num_train_timesteps: 1000,
    shift: 3,
    use_dynamic_shifting: true,
    base_shift: 0.5,
    max_shift: 1.15,
    base_image_seq_len: 256,
    max_image_seq_len: 4096,
  },
  'transformer/config.json': {
    _class_name: 'FluxTransformer2DModel',
    attention_head_dim: HEAD_DIM,
    axes_dims_rope: [4, 14, 14],
    guidance_embeds: true,
    in_channels: 4 * TINY_LATENT_CHANNELS,
    joint_attention_dim: T5_WIDTH,
    num_attention_heads: HIDDEN / HEAD_DIM,
    num_layers: 2,
    num_single_layers: 1,
    out_channels: null,
    patch_size: 1,
    pooled_projection_dim: CLIP_WIDTH,
  },
  'text_encoder/config.json': {
    model_type: 'clip_text_model',
    eos_token_id: TINY_VOCAB - 1,
    hidden_act: 'quick_gelu',
    hidden_size: CLIP_WIDTH,
    intermediate_size: CLIP_FF,
    layer_norm_eps: 1e-5,
    max_position_embeddings: 12,
    num_attention_heads: 3,
    num_hidden_layers: 1,
    vocab_size: TINY_VOCAB,
  },
  'text_encoder_2/config.json': {
    model_type: 't5',
    d_ff: T5_FF,
    d_kv: 16,
    d_model: T5_WIDTH,
    dense_act_fn: 'gelu_new',
    feed_forward_proj: 'gated-gelu',
    layer_norm_epsilon: 1e-6,
    num_heads: T5_INNER / 16,
    num_layers: 2,
    relative_attention_num_buckets: 32,
    relative_attention_max_distance: 128,
    vocab_size: 20,
  },
  'vae/config.json': {
    _class_name: 'AutoencoderKL',
    act_fn: 'silu',
    block_out_channels: TINY_CHANNELS,
    latent_channels: TINY_LATENT_CHANNELS,
    latents_mean: null,
    latents_std: null,
    layers_per_block: 1,
    mid_block_add_attention: true,
    norm_num_groups: 4,
    out_channels: 3,
    scaling_factor: 0.3611,
    shift_factor: 0.1159,
    up_block_types: TINY_CHANNELS.map(() => 'UpDecoderBlock2D'),
    use_post_quant_conv: false,
    use_quant_conv: false,
  },
  'tokenizer/tokenizer_config.json': { tokenizer_class: 'CLIPTokenizer', model_max_length: 8192, name_or_path: '/a/b' },
  'tokenizer_2/tokenizer_config.json': { tokenizer_class: 'T5TokenizerFast', model_max_length: 16 },
} satisfies Record<string, Record<string, unknown>>;

export const TINY_TOKENIZERS = {
  'tokenizer/vocab.json': {
    a: 0,
    b: 1,
    'a</w>': 2,
    'b</w>': 3,
    ab: 4,
    'ab</w>': 5,
    'ba</w>': 6,
    c: 7,
    '<|startoftext|>': 8,
    '<|endoftext|>': 9,
  },
  'tokenizer_2/tokenizer.json': { model: { type: 'Unigram', unk_id: 2, vocab: [['<pad>', 0]] } },
};

export const TINY_SIZES = {
  hidden: HIDDEN,
  headDim: HEAD_DIM,
  doubleBlocks: 2,
  singleBlocks: 1,
  textWidth: T5_WIDTH,
  pooledWidth: CLIP_WIDTH,
};

export const TINY_CLIP = { vocab: TINY_VOCAB, width: CLIP_WIDTH, ff: CLIP_FF, layers: 1, positions: 12 };

export const TINY_T5 = { vocab: 20, width: T5_WIDTH, inner: T5_INNER, heads: T5_INNER / 16, ff: T5_FF, layers: 2 };

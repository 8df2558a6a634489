/**
 * Files that people have and that cannot be used here, by what they are. One mark of a kind is
 * enough, and the first kind of the table whose mark is found names the file.
 */

/** What a kind is told by. All patterns are linear: names come from strangers. */
export interface Marks {
  /** The file's first bytes, as Latin-1. */
  readonly begins?: RegExp;
  /** A tensor of a network's file has such a name. */
  readonly tensor?: RegExp;
  /** A tensor whose name ends so has this many columns. */
  readonly columns?: { readonly tensors: readonly string[]; readonly count: number };
  /** A tensor has this dtype. */
  readonly dtype?: string;
  /** A tensor of a LoRA's file has such a name. */
  readonly lora?: RegExp;
  /** The file's own name or a title in its metadata: the only difference that some kinds show. */
  readonly title?: RegExp;
  /** `_class_name` of the folder's `model_index.json`. */
  readonly pipelines?: readonly string[];
}

/** One kind of file. Its message is "<file> is <what>; <instead>". */
export interface Kind {
  readonly kind: string;
  readonly what: string;
  /** What to do or to use in its place. */
  readonly instead: string;
  readonly marks: Marks;
}

const OTHER_WEIGHTS = 'use a GGUF (Q4_K_S, Q8_0), fp8 or bf16 file of the same model';
const OTHER_MODEL = 'use FLUX.1 [dev], SRPO, Krea [dev] or another text-to-image model of FLUX.1';

/** Prefixes of names in a transformer's input layer, by BFL and by diffusers. */
const IMAGE_INPUTS = ['img_in.weight', 'x_embedder.weight'];

/** Of files that hold no tensors at all. */
const NO_TENSORS: readonly Kind[] = [
  {
    kind: 'lfs-pointer',
    what: 'a git-LFS pointer in place of the file',
    instead: 'run "git lfs pull" in its repository, or download the file itself',
    marks: { begins: /^version https:\/\/git-lfs/ },
  },
  {
    kind: 'web-page',
    what: 'a web page in place of the file, as a site sends where a licence or a sign-in is missing',
    instead: "accept the licence on the model's page, then download it signed in or with a token",
    marks: { begins: /^(?:\xef\xbb\xbf)?[ \t\r\n]{0,64}<(?:!doctype|html|head|body|\?xml|!--)/i },
  },
  {
    kind: 'pickle',
    what: 'a zip archive or pickle, as torch.save writes (.pt, .bin, .ckpt); loading one can run code',
    instead: 'use the safetensors or GGUF file of the same model',
    // torch.save writes a zip archive since 1.6 and plain pickles before. A safetensors header of
    // 640 bytes has a pickle's first two bytes too, and then a brace where its JSON begins.
    marks: { begins: /^(?:PK\p{Cc}{2}|\x80\p{Cc}.{6}(?!\{))/su },
  },
  {
    kind: 'error-answer',
    what: "a server's error message in place of the file",
    instead: 'open the file in a text editor to see why, and download it again',
    marks: { begins: /^\{\s{0,64}"(?:error|message|detail)"/ },
  },
];

/**
 * Weights in forms that the readers here do not know.
 *
 * @see https://github.com/bitsandbytes-foundation/bitsandbytes/blob/0.45.0/bitsandbytes/functional.py `QuantState.as_dict`
 * @see https://github.com/nunchaku-tech/nunchaku/blob/v1.0.0/nunchaku/models/linear.py `SVDQW4A4Linear`
 */
const WEIGHTS: readonly Kind[] = [
  {
    kind: 'nf4',
    what: 'in 4-bit blocks of bitsandbytes (NF4 or FP4), which are not read here',
    instead: OTHER_WEIGHTS,
    marks: { tensor: /\.(?:quant_state\.bitsandbytes__(?:nf4|fp4)|quant_map|nested_quant_map)$/ },
  },
  {
    kind: 'bitsandbytes-int8',
    what: 'in the 8-bit rows of bitsandbytes, which are not read here',
    instead: OTHER_WEIGHTS,
    marks: { tensor: /\.SCB$/ },
  },
  {
    kind: 'svdquant',
    what: 'in SVDQuant (nunchaku), whose packed tiles and low-rank branches are not read here',
    instead: OTHER_WEIGHTS,
    marks: { tensor: /\.(?:wscales|wcscales|wtscale|smooth_factor|smooth)$/ },
  },
  {
    kind: 'gptq',
    what: 'in packed integers of GPTQ or AWQ, which are not read here',
    instead: OTHER_WEIGHTS,
    marks: { tensor: /\.(?:qzeros|qweight)$/ },
  },
  {
    kind: 'quanto',
    what: 'in the layout of optimum-quanto, which is not read here',
    instead: OTHER_WEIGHTS,
    marks: { tensor: /\.weight\._(?:data|scale)$/ },
  },
  {
    kind: 'nvfp4',
    what: 'in fp4 blocks (NVFP4), which are not read here',
    instead: OTHER_WEIGHTS,
    marks: { tensor: /\.weight_scale_2$/, dtype: 'F4' },
  },
  {
    kind: 'fp8-blocks',
    what: 'in fp8 with a scale for each block (MXFP8 and the like), which is not read here',
    instead: 'use fp8 with one scale a layer, a GGUF (Q4_K_S, Q8_0) or the bf16 file of the same model',
    marks: { tensor: /\.weight_scale_inv$/, dtype: 'F8_E8M0' },
  },
];

/**
 * Other networks.
 *
 * @see https://github.com/Comfy-Org/ComfyUI/blob/a125cd84/comfy/model_detection.py `detect_unet_config`
 * @see https://github.com/huggingface/diffusers/blob/v0.42.1/src/diffusers/loaders/single_file_utils.py `CHECKPOINT_KEY_NAMES`
 */
const NETWORKS: readonly Kind[] = [
  {
    kind: 'lora',
    what: 'a LoRA, which is no model of its own',
    instead: 'give the model as the transformer, and this file as a LoRA to merge',
    marks: { tensor: /(?:\.lora_(?:A|B|up|down|mid)(?:\.|$)|_lora[12]?\.(?:up|down)\.weight$|^lora_(?:unet|te)_)/ },
  },
  {
    kind: 'chroma',
    what: 'made for Chroma, whose network differs from that of FLUX.1',
    instead: OTHER_MODEL,
    marks: {
      tensor: /(?:^|\.)distilled_guidance_layer\./,
      lora: /(?:^|[._])distilled_guidance_layer[._]/,
      pipelines: ['ChromaPipeline', 'ChromaImg2ImgPipeline'],
    },
  },
  {
    kind: 'flux2',
    what: 'made for FLUX.2, whose network and text encoder differ from those of FLUX.1',
    instead: OTHER_MODEL,
    marks: {
      tensor: /(?:^|\.)(?:double_stream_modulation_(?:img|txt)|single_stream_modulation)\./,
      lora: /(?:^|[._])(?:double_stream_modulation_(?:img|txt)|single_stream_modulation)[._]/,
      pipelines: ['Flux2Pipeline', 'Flux2KleinPipeline'],
    },
  },
  {
    kind: 'fill',
    what: 'made for FLUX.1 Fill, which paints into a picture that it is given',
    instead: OTHER_MODEL,
    marks: { columns: { tensors: IMAGE_INPUTS, count: 384 }, pipelines: ['FluxFillPipeline'] },
  },
  {
    kind: 'control',
    what: 'made for FLUX.1 Depth or Canny, which follow a picture that they are given',
    instead: OTHER_MODEL,
    marks: {
      columns: { tensors: IMAGE_INPUTS, count: 128 },
      pipelines: ['FluxControlPipeline', 'FluxControlImg2ImgPipeline', 'FluxControlNetPipeline'],
    },
  },
  {
    kind: 'kontext',
    what: 'made for FLUX.1 Kontext, by its name or title, and Kontext edits a picture that it is given',
    instead: OTHER_MODEL,
    // Its tensors have the names and shapes of FLUX.1 [dev]: a renamed file without a title passes.
    marks: { title: /kontext/i, pipelines: ['FluxKontextPipeline', 'FluxKontextInpaintPipeline'] },
  },
  {
    kind: 'redux',
    what: 'FLUX.1 Redux, which turns a picture into a prompt',
    instead: OTHER_MODEL,
    marks: { tensor: /^redux_(?:up|down)\./, pipelines: ['FluxPriorReduxPipeline'] },
  },
  {
    kind: 'controlnet',
    what: 'a ControlNet, which only steers another model',
    instead: OTHER_MODEL,
    marks: { tensor: /^(?:controlnet_|input_hint_block\.|pos_embed_input\.)/ },
  },
  {
    kind: 'stable-diffusion',
    what: 'made for Stable Diffusion (1, 2, XL or 3), whose network differs from that of FLUX.1',
    instead: OTHER_MODEL,
    marks: {
      // The encoder in a VAE's file has such blocks under `encoder.`.
      tensor: /^(?:model\.diffusion_model\.)?(?:input_blocks\.0\.0|joint_blocks\.0|down_blocks\.0\.resnets\.0)\./,
      lora: /^(?:unet\.|lora_unet_(?:down|up|mid|input|output|middle)_block|lora_te2_text_model_)/,
      pipelines: ['StableDiffusionPipeline', 'StableDiffusionXLPipeline', 'StableDiffusion3Pipeline'],
    },
  },
];

/** LoRAs that are more than plain sums, or sums of something else than two matrices. */
const METHODS: readonly Kind[] = (
  [
    ['dora', 'a LoRA in the form of DoRA', /\.(?:dora_scale|lora_magnitude_vector)(?:\.|$)/],
    ['loha', 'a LoRA in the form of LoHa', /\.hada_/],
    ['lokr', 'a LoRA in the form of LoKr', /\.lokr_/],
    ['tucker', 'a LoRA with convolutions in Tucker form', /\.lora_mid\./],
    ['oft', 'a LoRA in the form of OFT', /\.oft_/],
    ['glora', 'a LoRA in the form of GLoRA', /\.(?:a1|a2|b1|b2)\.weight$/],
    ['ia3', 'a LoRA in the form of IA3', /\.on_input$/],
    ['control-lora', 'a control LoRA, which replaces weights', /(?:norm\.scale|\.set_weight|\.reshape_weight)$/],
    ['lora-biases', 'a LoRA with biases', /\.(?:lora_[AB]|lora_up|lora_down)(?:\.[^.]+)?\.bias$/],
  ] as const
).map(([kind, what, lora]) => ({
  kind,
  what: `${what}, and cannot be merged here`,
  instead: 'use one of two low-rank matrices a layer',
  marks: { lora },
}));

/** Such weights may come as a network or be taken for a LoRA. */
const EITHER = WEIGHTS.map((kind) => ({ ...kind, marks: { ...kind.marks, lora: kind.marks.tensor! } }));

export const KINDS: readonly Kind[] = [...NO_TENSORS, ...EITHER, ...NETWORKS, ...METHODS];

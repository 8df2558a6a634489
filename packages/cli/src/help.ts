import { DEFAULT_MEMORY_BUDGET, DEFAULT_WEIGHT_CLASS, WEIGHT_CLASSES } from '@flux-srpo/core';

const CLASSES = `${WEIGHT_CLASSES.slice(0, -1).join(', ')} or ${WEIGHT_CLASSES.at(-1)} (default ${DEFAULT_WEIGHT_CLASS})`;

const COMPUTING = `  --device <auto|cpu|webgpu>    webgpu needs the package webgpu and a driver; auto takes a GPU that it finds, else the CPU (default auto)
  --precision <auto|f32|f16>    f16 computes in half precision, which is slow on a CPU; auto does so on a GPU that can (default auto)
  --budget <bytes>              memory to stay within, as 2GB: what does not fit is refused (default: none; on the CPU, plans for
                                70 % of what is free)
  --accuracy-level <0|4|4-wide>
                                4 rounds what goes into 4- and 8-bit layers to 8 bits: a fifth less time, up to 0.8 % error a
                                block. 4-wide also holds 4-bit layers in 8 bits: half the time of 0, twice the memory, up to
                                2 % error a block. Both on the CPU alone (default 0)
`;

export const HELP = {
  overview: `flux-srpo: FLUX.1 SRPO text-to-image on your own machine

  flux-srpo convert <pipeline-folder> --out <bundle>     make a bundle from a diffusers folder or single files
  flux-srpo convert --recipe srpo-q4 --out <bundle>      make one from files that the hub has
  flux-srpo recipes                                      list the recipes
  flux-srpo inspect <bundle | file>                      show what is inside
  flux-srpo generate --model <bundle> --prompt <text>    make a picture
  flux-srpo serve --model <bundle>                       answer POST /v1/images/generations
  flux-srpo plan --model <bundle>                        what a picture takes on the GPU
  flux-srpo synth --out <bundle>                         make a bundle of random weights, to measure with

"flux-srpo <command> --help" lists a command's options, "flux-srpo --version" names this version.
`,
  convert: `flux-srpo convert [pipeline-folder] [--transformer <file>] [--t5 <file>] … --out <bundle>
  flux-srpo convert --recipe <id | file.json | URL> --accept-license --out <bundle>

  --recipe <id>        what "flux-srpo recipes" lists, or a recipe of your own: a path, an https URL or hf:owner/name/path.
                       Files that are given with it take the place of its own
  --accept-license     you have read and accept the licence of the recipe's weights
  --anyway             convert where the disk has too little room, or for another machine

  --transformer <file>, --t5 <file>, --clip <file>, --vae <file>
                       single files in place of the folder's, or without a folder all four: safetensors (fp32, bf16, fp16,
                       fp8, scaled fp8) or GGUF, in diffusers', Black Forest Labs' or ComfyUI's naming; paths, https URLs, or
                       hf:owner/name[@revision]/path on the Hugging Face hub (HF_ENDPOINT names a mirror; what HF_HOME's
                       cache has is taken from there).
                       Of shards give the index (model.safetensors.index.json), or the folder that they are in
  --checkpoint <file>  one file that holds whatever of the four is not given apart
  --tokenizers <folder>
                       a folder with tokenizer/ and tokenizer_2/, in place of the pipeline folder's
  --lora <file[:strength]>
                       merged before quantization, strength 1 if not given, several times for several: kohya's, diffusers',
                       ComfyUI's or XLabs' naming; the checkpoint's may be another
  --token <token>      for the hub, and for no other host; or set HF_TOKEN, which other users cannot see
  --out <folder>       where the bundle goes; must not exist, or be a bundle to replace
  --dtype <class>      ${CLASSES}
  --info <file.json>   model id, name, licence, sizes, defaults, examples of the bundle
  --safety-checker <folder>
                       an image classifier for enable_safety_checker: config.json, preprocessor_config.json, model.onnx,
                       and safety_checker.json, {"flagged": [labels], "threshold": 0.5, "notice": "what it looks for"}
  --bake               write the weights into the graphs (faster on the native CPU runtime, one graph per block)
  --threads <n>        threads that quantize (default: as many as the machine runs at once, 4 at most); the bytes are the same
  --json               print the summary as one JSON object

The bundle appears only when it is complete. An interrupted conversion leaves <out>.partial, which the same command
takes up: finished parts are read again and compared with their hashes, and only the others are made. Where the source
or the options have changed it starts over, and says so.
`,
  recipes: `flux-srpo recipes

  --json               print the recipes as one JSON array

What each recipe makes, what it reads from where and writes, its licence, and the memory that a picture needs. Asks no
network. "flux-srpo convert --recipe <id>" makes one.
`,
  inspect: `flux-srpo inspect <bundle | file.safetensors | file.gguf | URL | hf:owner/name/path>

  --tensor <name> --out <file.npy>
                       write one tensor of a file as float32; nothing else of the file is read
  --token <token>      for the hub, and for no other host; or set HF_TOKEN
  --verify             read every byte and compare it with the manifest's hashes
  --device <auto|cpu|webgpu>
                       show what would compute here instead: adapter, features, limits, self-test, and for a bundle the
                       memory plan; the bundle may be left out
  --json               print everything as one JSON object

Says first what a file is that convert does not take, and which parts of a cut GGUF file are missing beside it.
`,
  generate: `flux-srpo generate --model <bundle> --prompt <text>

  --size <size>                 WIDTHxHEIGHT in multiples of 16, or a preset name of the bundle
  --steps <n>                   denoising steps (default: the bundle's)
  --guidance <x>                distilled guidance (default: the bundle's)
  --acceleration <how>          none, regular or high: skips steps in which little changes (default none)
  --seed <n>                    0 … 2^53 - 1; random when absent
  --n <count>                   pictures of one batch of noise (default 1)
  --max-sequence-length <n>     T5 tokens, padding included (default: the bundle's)
  --enable-safety-checker       pictures that the bundle's classifier flags are not written; the exit status is 3 then
  --out <file.png>              default picture.png; with --n 2, picture_0.png and picture_1.png
${COMPUTING}  --save-latents <file>         every tensor on the way, as float32 safetensors
  --json                        print settings, timings, memory and files as one JSON object
`,
  serve: `flux-srpo serve --model <bundle>

  --host <address>              where to listen (default 127.0.0.1: this machine only)
  --port <n>                    default 8080; 0 takes a free one and prints it
  --api-key <key>               asked for as "Authorization: Bearer <key>"; or set FLUX_SRPO_API_KEY, which other users cannot see
  --keys <file>                 several keys: JSON, a list of { name, key, concurrent, perMinute }; the last two are limits
                                of that key and may be left out
  --cors <origin>               pages of this origin may call, * for all; may be given several times (default: none)
  --queue <n>                   requests that may wait while one runs; more get 429 (default 8)
${COMPUTING}  --allow-host <name>           answer to this name too, as host.docker.internal; may be given several times (default: where only
                                this machine can reach it, localhost and its addresses; else every name)
  --public-url <url>            how clients reach it through a proxy; pictures' addresses begin with it
  --images <folder>             keep the pictures behind addresses there, and serve all that are there: for several servers
                                (default: in memory)
  --image-lifetime <seconds>    how long a picture's address works (default 3600)
  --grace <seconds>             how long a running request may go on after Ctrl-C or SIGTERM (default 10)
  --log                         print a line of JSON for each request, without prompts and addresses of pictures
  --metrics                     GET /metrics, in the text format of Prometheus; asks for a key where there are keys
  --isolate                     send Cross-Origin-Opener-Policy and -Embedder-Policy, which wasm threads need

POST /v1/images/generations, GET /v1/models, GET /health, GET /ready.
`,
  plan: `flux-srpo plan (--model <bundle> | --shape <flux-dev | file.json> --dtype <class>)

  --size <size>                 WIDTHxHEIGHT in multiples of 16 (default 1024x1024)
  --budget <bytes>              device memory to stay within, as 2GB or 512MiB (default ${DEFAULT_MEMORY_BUDGET / 2 ** 30}GiB)
  --n <count>                   pictures of one batch (default 1)
  --max-sequence-length <n>     T5 tokens, padding included (default: the bundle's, or 512)
  --max-buffer <bytes>          the adapter's maxBufferSize (default: no limit)
  --max-binding <bytes>         the adapter's maxStorageBufferBindingSize (default: no limit)
  --f16                         linear layers in halves, as an adapter with shader-f16 allows
  --json                        print the plan as one JSON object
`,
  synth: `flux-srpo synth --out <bundle>

  --shape <flux-dev | file>     the shape: FLUX.1 [dev], or a JSON file of what differs from its config (default flux-dev)
  --dtype <class>               ${CLASSES}
  --seed <n>                    the same seed gives the same bundle (default 0)
  --tokenizers <folder>         with tokenizer/ and tokenizer_2/; default: tokenizers that know the letters a to z
  --virtual                     write no weights: generate, plan and serve make them as they are read
  --out <folder>                where the bundle goes; must not exist, or be a bundle to replace
  --json                        print the summary as one JSON object
`,
};

"""Draws one picture with stable-diffusion.cpp; prints one JSON object as its last line: one part of peer.ts.

    python peer.py <request as JSON>

The request has the paths of the four files, the prompt, size, guidance, seed, threads, our sigmas, and the file to
write. Seconds are of loading, text, each step and the decoder. Needs stable-diffusion-cpp-python==0.4.7.
"""

import json
import sys
import time

from stable_diffusion_cpp import StableDiffusion

request = json.loads(sys.argv[1])
files = request["files"]
started = time.perf_counter()
engine = StableDiffusion(
    diffusion_model_path=files["transformer"],
    t5xxl_path=files["t5"],
    clip_l_path=files["clip"],
    vae_path=files["vae"],
    n_threads=request["threads"],
    vae_decode_only=True,
    rng_type="cpu",  # torch's generator, as diffusers and we have it
    verbose=True,
)
loaded = time.perf_counter()
steps: list[float] = []
[picture] = engine.generate_image(
    prompt=request["prompt"],
    width=request["size"]["width"],
    height=request["size"]["height"],
    cfg_scale=1.0,  # no second pass: guidance is distilled
    guidance=request["guidance"],
    sample_method="euler",
    sample_steps=len(request["sigmas"]) - 1,
    sigmas=",".join(map(str, request["sigmas"])),
    seed=request["seed"],
    progress_callback=lambda *_: steps.append(time.perf_counter()),
)
ended = time.perf_counter()
picture.convert("RGB").save(request["out"])
print(
    json.dumps(
        {
            "load": loaded - started,
            "text": steps[0] - loaded,
            "steps": [b - a for a, b in zip(steps, steps[1:])],
            "decode": ended - steps[-1],
        }
    )
)

"""Milliseconds of each denoising step of diffusers' FluxPipeline, fp32 on the CPU, as a JSON list: one part of step-time.ts.

    python step_time.py <pipeline folder> <request as JSON> <threads>

The same as the other side does: a picture of two steps first, then the one that is timed. A step begins where the one
before it ended, the first where the loop sets its sigmas.
"""

import functools
import json
import sys
import time

import torch
from diffusers import FluxPipeline


def main() -> None:
    folder, request, threads = sys.argv[1], json.loads(sys.argv[2]), int(sys.argv[3])
    torch.set_num_threads(threads)
    pipe = FluxPipeline.from_pretrained(folder)
    pipe.set_progress_bar_config(disable=True)
    set_timesteps = pipe.scheduler.set_timesteps
    ends: list[float] = []

    @functools.wraps(set_timesteps)  # the pipeline looks at its signature
    def begin(*args, **kwargs):
        set_timesteps(*args, **kwargs)
        ends[:] = [time.perf_counter()]

    def end(pipe, step, timestep, values):
        ends.append(time.perf_counter())
        return {}

    pipe.scheduler.set_timesteps = begin
    for steps in (2, request["steps"]):
        pipe(
            prompt=request["prompt"],
            width=request["size"]["width"],
            height=request["size"]["height"],
            num_inference_steps=steps,
            guidance_scale=request["guidance"],
            max_sequence_length=request["textTokens"],
            generator=torch.Generator("cpu").manual_seed(1),
            callback_on_step_end=end,
        )
    print(json.dumps([1000 * (b - a) for a, b in zip(ends, ends[1:])]))


if __name__ == "__main__":
    with torch.no_grad():
        main()

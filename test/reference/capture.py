"""Run FluxPipeline once and keep what every stage gave."""

import numpy
import torch
from diffusers import FluxPipeline


def capture(pipe: FluxPipeline, case: dict) -> dict[str, numpy.ndarray]:
    """One generation on the CPU in fp32 → every stage's tensors by name. `pixels` [n, H, W, 3] uint8 is what a PNG holds."""
    seen: dict[str, torch.Tensor] = {}
    clip, t5 = pipe.text_encoder, pipe.text_encoder_2
    prepare_latents, decode, encode_prompt = pipe.prepare_latents, pipe.vae.decode, pipe.encode_prompt

    def keep_ids(name):
        return lambda module, args: seen.__setitem__(name, args[0][:1])

    def keep_prompt(*args, **kwargs):
        prompt_embeds, pooled, text_ids = encode_prompt(*args, **kwargs)
        seen["prompt_embeds"], seen["pooled_prompt_embeds"] = prompt_embeds[:1], pooled[:1]
        return prompt_embeds, pooled, text_ids

    def keep_noise(*args, **kwargs):
        latents, ids = prepare_latents(*args, **kwargs)
        seen["noise"] = latents.clone()
        return latents, ids

    def keep_decoded(latents, **kwargs):
        image = decode(latents, **kwargs)
        seen["decoded"] = image[0].clone()
        return image

    def keep_step(pipe, step, timestep, values):
        seen[f"latents_{step + 1:03d}"] = values["latents"].clone()
        return {}

    hooks = [clip.register_forward_pre_hook(keep_ids("clip_ids")), t5.register_forward_pre_hook(keep_ids("t5_ids"))]
    pipe.prepare_latents, pipe.vae.decode, pipe.encode_prompt = keep_noise, keep_decoded, keep_prompt
    try:
        images = pipe(
            prompt=case["prompt"],
            width=case["width"],
            height=case["height"],
            num_inference_steps=case["steps"],
            guidance_scale=case["guidance"],
            num_images_per_prompt=case["n"],
            max_sequence_length=case["max_sequence_length"],
            generator=torch.Generator("cpu").manual_seed(case["seed"]),
            callback_on_step_end=keep_step,
        ).images
    finally:
        for hook in hooks:
            hook.remove()
        pipe.prepare_latents, pipe.vae.decode, pipe.encode_prompt = prepare_latents, decode, encode_prompt

    seen["sigmas"] = pipe.scheduler.sigmas
    tensors = {name: numpy.ascontiguousarray(value.detach().numpy()) for name, value in seen.items()}
    tensors["clip_ids"] = tensors["clip_ids"].astype(numpy.int32)
    tensors["t5_ids"] = tensors["t5_ids"].astype(numpy.int32)
    tensors["pixels"] = numpy.stack([numpy.asarray(image.convert("RGB")) for image in images])
    return tensors

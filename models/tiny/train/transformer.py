"""Stage 2 and 3: text encoders and transformer from scratch, then guidance distillation.

python transformer.py pretrain --data FOLDER --work FOLDER [--minutes 39]
python transformer.py distil   --data FOLDER --work FOLDER [--minutes 30]
python transformer.py calibrate --data FOLDER --work FOLDER [--gain 0.82]
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from diffusers import FluxTransformer2DModel
from transformers import CLIPTextConfig, CLIPTextModel, T5Config, T5EncoderModel

import data
import text


class Model(torch.nn.Module):
    """The three trained parts: CLIP (pooled vector), T5 (token vectors), transformer."""

    def __init__(self, t5_vocab, clip_vocab):
        super().__init__()
        # Every linear has an input width that is a multiple of 32: the bundle is quantized in
        # blocks of 32.
        self.t5 = T5EncoderModel(
            T5Config(
                vocab_size=t5_vocab, d_model=96, d_kv=32, num_heads=3, d_ff=256, num_layers=2, dropout_rate=0.0,
                feed_forward_proj="gated-gelu", relative_attention_num_buckets=32, relative_attention_max_distance=128,
                pad_token_id=0, eos_token_id=1, tie_word_embeddings=False,
            )
        )
        eos = clip_vocab - 1
        self.clip = CLIPTextModel(
            CLIPTextConfig(
                vocab_size=clip_vocab, hidden_size=96, intermediate_size=256, num_hidden_layers=1, num_attention_heads=3,
                max_position_embeddings=text.CLIP_LENGTH, bos_token_id=eos - 1, eos_token_id=eos, pad_token_id=eos,
                projection_dim=96,
            )
        )
        self.flux = FluxTransformer2DModel(
            patch_size=1, in_channels=64, num_layers=2, num_single_layers=4, attention_head_dim=32, num_attention_heads=4,
            joint_attention_dim=96, pooled_projection_dim=96, guidance_embeds=True, axes_dims_rope=(4, 14, 14),
        )
        torch.nn.init.normal_(self.t5.shared.weight, std=1.0)
        torch.nn.init.normal_(next(m for n, m in self.clip.named_modules() if n.endswith("token_embedding")).weight, std=0.3)
        # Blocks begin as identities and the output as zero.
        for name, module in self.flux.named_modules():
            if isinstance(module, torch.nn.Linear) and (name.endswith(("norm.linear", "norm1.linear", "norm1_context.linear", "norm_out.linear")) or name == "proj_out"):
                torch.nn.init.zeros_(module.weight)
                torch.nn.init.zeros_(module.bias)
        self.velocity_fn = self.flux  # may be replaced by a compiled one

    def encode(self, t5_ids, clip_ids):
        return self.t5(input_ids=t5_ids).last_hidden_state, self.clip(input_ids=clip_ids).pooler_output

    def velocity(self, x, t, guidance, words, pooled, image_ids, text_ids):
        return self.velocity_fn(
            hidden_states=x, timestep=t, guidance=guidance, encoder_hidden_states=words, pooled_projections=pooled,
            img_ids=image_ids, txt_ids=text_ids, return_dict=False,
        )[0]


def pack(latents):
    """[B,16,H,W] to tokens [B,H/2*W/2,64], channels in FLUX's order (c, row in patch, column in patch)."""
    b, c, h, w = latents.shape
    return latents.view(b, c, h // 2, 2, w // 2, 2).permute(0, 2, 4, 1, 3, 5).reshape(b, (h // 2) * (w // 2), c * 4)


def position_ids(height, width):
    ids = torch.zeros(height, width, 3)
    ids[..., 1] += torch.arange(height)[:, None]
    ids[..., 2] += torch.arange(width)[None, :]
    return ids.view(-1, 3)


def box_weights(pictures):
    """Loss weight per token: the object is what the prompt is about, but a small part of the picture."""
    columns, rows = pictures.width // 16, pictures.height // 16
    x0, y0, x1, y1 = (pictures.boxes[:, i, None] / 16 for i in range(4))
    across = np.clip(np.minimum(x1, np.arange(columns) + 1) - np.maximum(x0, np.arange(columns)), 0, 1)
    down = np.clip(np.minimum(y1, np.arange(rows) + 1) - np.maximum(y0, np.arange(rows)), 0, 1)
    weights = 1 + 2 * (down[:, :, None] * across[:, None, :]).reshape(len(pictures), -1)
    return torch.from_numpy(weights / weights.mean(1, keepdims=True)).float()


class Batches:
    """Random batches of one size each, with noise."""

    def __init__(self, args):
        sets = data.load(args.data)
        self.latents = [pack(latents.float()).half() for latents in torch.load(Path(args.work) / "latents.pt")]
        self.weights = [box_weights(pictures) for pictures in sets]
        captions = [caption for pictures in sets for entry in pictures.captions for caption in entry]
        self.t5 = text.t5_tokenizer(captions)
        self.clip = text.clip_tokenizer(captions[:20000])
        self.ids = text.caption_ids(sets, self.t5, self.clip, args.seed)
        self.empty = text.tokenise(self.t5, [""], text.T5_LENGTH), text.tokenise(self.clip, [""], text.CLIP_LENGTH)
        self.image_ids = [position_ids(p.height // 16, p.width // 16) for p in sets]
        self.text_ids = torch.zeros(text.T5_LENGTH, 3)

    def draw(self, size, rng, drop=0.1):
        which = int(rng.choice(3, p=[0.5, 0.25, 0.25]))
        rows = torch.from_numpy(rng.integers(0, len(self.latents[which]), size))
        x0 = self.latents[which][rows].float()
        t5_ids, clip_ids = self.ids[which]
        # The plain wording half of the time.
        wording = torch.from_numpy(np.where(rng.random(size) < 0.4, 0, rng.integers(0, t5_ids.shape[1], size)))
        t5_ids, clip_ids = t5_ids[rows, wording].clone(), clip_ids[rows, wording].clone()
        if drop:
            dropped = torch.from_numpy(rng.random(size) < drop)
            t5_ids[dropped], clip_ids[dropped] = self.empty
        noise = torch.randn_like(x0)
        t = torch.sigmoid(1.1 * torch.randn(size) + 0.4)
        x = torch.lerp(x0, noise, t[:, None, None])
        return which, x, t, noise - x0, t5_ids, clip_ids, self.weights[which][rows]


def weighted(prediction, target, weights, per_sample=None):
    error = (prediction.float() - target).pow(2).mean(-1) * weights
    return error.mean() if per_sample is None else (error.mean(1) * per_sample).mean()


def autocast():
    return torch.autocast("cpu", dtype=torch.bfloat16)


def fresh_model(batches):
    return Model(len(batches.t5), len(batches.clip))


def pretrain(args):
    work = Path(args.work)
    data.seed_all(args.seed)
    batches = Batches(args)
    model = fresh_model(batches)
    print({"t5": size(model.t5), "clip": size(model.clip), "flux": size(model.flux)}, flush=True)
    text_params = [*model.t5.parameters(), *model.clip.parameters()]
    optimiser = torch.optim.AdamW(
        [{"params": list(model.flux.parameters()), "peak": args.lr}, {"params": text_params, "peak": args.lr * 0.5}],
        lr=args.lr, betas=(0.9, 0.98), weight_decay=0.01, fused=True,
    )
    ema = data.Ema(model, 0.998)
    step, clock = 0, data.Clock()
    path = work / "pretrain.pt"
    if path.exists():
        state = torch.load(path, weights_only=False)
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        ema.values = state["ema"]
        step, clock = state["step"], data.Clock(state["spent"])
    if args.compile:
        model.velocity_fn = torch.compile(model.flux)
    rng = np.random.default_rng(args.seed + 1 + step)
    torch.manual_seed(args.seed + 1 + step)
    budget = args.minutes * 60
    ones = torch.ones(args.batch)
    saved = logged = time.time()
    mean, last = None, step

    def checkpoint():
        data.save(path, {"model": model.state_dict(), "ema": ema.values, "optimiser": optimiser.state_dict(), "step": step, "spent": clock.spent()})

    while clock.spent() < budget:
        progress = clock.spent() / budget
        for group in optimiser.param_groups:
            group["lr"] = group["peak"] * data.rate(progress, step, 150, flat=0.3)
        which, x, t, target, t5_ids, clip_ids, weights = batches.draw(args.batch, rng)
        with autocast():
            words, pooled = model.encode(t5_ids, clip_ids)
            v = model.velocity(x, t, ones, words, pooled, batches.image_ids[which], batches.text_ids)
        loss = weighted(v, target, weights)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        ema.update(model, step)
        step += 1
        mean = loss.item() if mean is None else 0.99 * mean + 0.01 * loss.item()
        if time.time() - logged > 30:
            print(f"{clock.spent():.0f}s it {step} loss {mean:.4f} {(step - last) / (time.time() - logged):.2f} it/s", flush=True)
            logged, last = time.time(), step
        if time.time() - saved > 60:
            saved = time.time()
            checkpoint()
    checkpoint()
    print(f"{step} steps, loss {mean:.4f}", flush=True)


def smooth_guidance(model):
    """Prepare the guidance embedder for learning.

    Guidance enters as cos and sin of 1000 g times a range of frequencies. Most of them turn many times
    between g = 1 and g = 2 and are noise to a learner; their weights are set to zero (and their share at
    g = 1 is put into the bias, so that the model is unchanged there). The slow ones remain.
    """
    layer = model.flux.time_text_embed.guidance_embedder.linear_1
    frequencies = 1000 * torch.exp(-np.log(10000) * torch.arange(128) / 128)
    fast = torch.cat([frequencies, frequencies]) > 2.0
    at_one = torch.cat([frequencies.cos(), frequencies.sin()])
    with torch.no_grad():
        layer.bias += layer.weight[:, fast] @ at_one[fast]
        layer.weight[:, fast] = 0
    layer.weight.register_hook(lambda gradient: gradient * ~fast)


STRENGTH = 1.15


def draw_guidance(count, rng):
    """Guidance 1 and the region of the default (4.5) more often than the rest of 1..6."""
    kind = rng.random(count)
    g = np.where(kind < 0.12, 1.0, np.where(kind < 0.62, rng.uniform(4, 5.5, count), rng.uniform(1, 6, count)))
    return torch.from_numpy(g).float()


def distil(args):
    """The student sees the guidance number and answers in one pass with what two passes of the teacher give."""
    work = Path(args.work)
    data.seed_all(args.seed + 100)
    batches = Batches(args)
    teacher, student = fresh_model(batches), fresh_model(batches)
    trained = torch.load(work / "pretrain.pt", weights_only=False)["ema"]
    for model in (teacher, student):
        model.load_state_dict(trained, strict=False)
    teacher.requires_grad_(False)
    student.t5.requires_grad_(False)
    student.clip.requires_grad_(False)
    smooth_guidance(student)
    guidance_params = list(student.flux.time_text_embed.guidance_embedder.parameters())
    special = {id(p) for p in guidance_params}
    rest = [p for p in student.flux.parameters() if id(p) not in special]
    optimiser = torch.optim.AdamW(
        [{"params": rest, "peak": args.lr}, {"params": guidance_params, "peak": args.lr * 3}],
        lr=args.lr, betas=(0.9, 0.98), weight_decay=0.0, fused=True,
    )
    ema = data.Ema(student.flux, 0.995)
    step, clock = 0, data.Clock()
    path = work / "distil.pt"
    if path.exists():
        state = torch.load(path, weights_only=False)
        student.flux.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        ema.values = state["ema"]
        step, clock = state["step"], data.Clock(state["spent"])
    if args.compile:
        teacher.velocity_fn = torch.compile(teacher.flux)
        student.velocity_fn = torch.compile(student.flux)
    rng = np.random.default_rng(args.seed + 101 + step)
    torch.manual_seed(args.seed + 101 + step)
    budget = args.minutes * 60
    ones = torch.ones(args.batch)
    with torch.no_grad(), autocast():
        empty_words, empty_pooled = teacher.encode(*batches.empty)
    empty_words, empty_pooled = empty_words.expand(args.batch, -1, -1), empty_pooled.expand(args.batch, -1)

    @torch.no_grad()
    def ask_teacher(drop=0.0):
        which, x, t, _, t5_ids, clip_ids, weights = batches.draw(args.batch, rng, drop)
        places = batches.image_ids[which], batches.text_ids
        with autocast():
            words, pooled = teacher.encode(t5_ids, clip_ids)
            vc = teacher.velocity(x, t, ones, words, pooled, *places).float()
            vu = teacher.velocity(x, t, ones, empty_words, empty_pooled, *places).float()
        return which, x, t, words, pooled, vc, vu, weights

    def answer(question, g):
        which, x, t, words, pooled, *_ = question
        with autocast():
            return student.velocity(x, t, g, words, pooled, batches.image_ids[which], batches.text_ids)

    # The teacher is two passes; each of its answers is used three times, with other guidance
    # numbers.
    pool = []
    saved = logged = time.time()
    mean, last = None, step

    def checkpoint():
        data.save(path, {"model": student.flux.state_dict(), "ema": ema.values, "optimiser": optimiser.state_dict(), "step": step, "spent": clock.spent()})

    while clock.spent() < budget:
        progress = clock.spent() / budget
        for group in optimiser.param_groups:
            group["lr"] = group["peak"] * data.rate(progress, step, 100, flat=0.25)
        if len(pool) < 48 or step % 3 == 0:
            if len(pool) >= 48:
                pool.pop(0)
            pool.append(ask_teacher(drop=0.02))
        question = pool[rng.integers(len(pool))]
        g = draw_guidance(args.batch, rng)
        vc, vu, weights = question[5:]
        # A student that can only guess a part of vc - vu learns a shrunken one; STRENGTH makes up
        # for it, so that guidance 4.5 pushes about as far as 4.5 should. (The test below measures
        # against the plain one.)
        strength = 1 + STRENGTH * (g - 1)
        target = vu + strength[:, None, None] * (vc - vu)
        # The error grows with g; g = 1 must not be forgotten over it.
        loss = weighted(answer(question, g), target, weights, 1.6 / (1 + 0.2 * (g - 1)))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(rest + guidance_params, 1.0)
        optimiser.step()
        ema.update(student.flux, step)
        step += 1
        mean = loss.item() if mean is None else 0.98 * mean + 0.02 * loss.item()
        if time.time() - logged > 60:
            gain, cosine = gain_of(answer, pool[-1], args.batch)
            print(f"{clock.spent():.0f}s it {step} loss {mean:.4f} gain {gain:.3f} cosine {cosine:.3f} {(step - last) / (time.time() - logged):.2f} it/s", flush=True)
            logged, last = time.time(), step
            checkpoint()
    checkpoint()
    # The final figures are the moving average's, on fresh noise.
    ema.copy_to(student.flux)
    student.eval()
    results = [gain_of(answer, ask_teacher(), args.batch) for _ in range(16)]
    print(f"{step} steps, loss {mean:.4f}; EMA gain {np.mean([r[0] for r in results]):.3f} cosine {np.mean([r[1] for r in results]):.3f}", flush=True)


def strengthen(flux, factor):
    """Makes the guidance embedding move `factor` times as far from its value at g = 1, where nothing changes."""
    embedder = flux.time_text_embed.guidance_embedder
    with torch.no_grad():
        at_one = flux.time_text_embed.time_proj(torch.tensor([1000.0]))
        hidden = embedder.act(embedder.linear_1(at_one))[0]
        embedder.linear_2.bias += (1 - factor) * (embedder.linear_2.weight @ hidden)
        embedder.linear_2.weight *= factor


@torch.no_grad()
def calibrate(args):
    """Measures the distilled student by noise level, and sets the factor of `strengthen`.

    What a student can not predict of vc - vu it leaves out, so its guidance is somewhat weak. The factor is
    the smallest that brings the gain to args.gain; it is chosen on one set of batches and reported on another.
    """
    work = Path(args.work)
    data.seed_all(args.seed + 200)
    batches = Batches(args)
    teacher, student = fresh_model(batches), fresh_model(batches)
    for model in (teacher, student):
        model.load_state_dict(torch.load(work / "pretrain.pt", weights_only=False)["ema"], strict=False)
    state = torch.load(work / "distil.pt", weights_only=False)
    trained = state.get("uncalibrated", state["ema"])
    rng = np.random.default_rng(args.seed + 200)
    ones = torch.ones(args.batch)

    def questions(count):
        for _ in range(count):
            which, x, t, _, t5_ids, clip_ids, weights = batches.draw(args.batch, rng, 0.0)
            places = batches.image_ids[which], batches.text_ids
            words, pooled = teacher.encode(t5_ids, clip_ids)
            nothing, blank = (e.expand(args.batch, -1, -1) if e.dim() == 3 else e.expand(args.batch, -1) for e in teacher.encode(*batches.empty))
            vc = teacher.velocity(x, t, ones, words, pooled, *places)
            vu = teacher.velocity(x, t, ones, nothing, blank, *places)
            yield which, x, t, words, pooled, vc, vu, weights

    def answer(question, g):
        which, x, t, words, pooled, *_ = question
        return student.velocity(x, t, g, words, pooled, batches.image_ids[which], batches.text_ids)

    def measure(asked):
        """Gain and cosine of all batches together, and the gain below and above t = 0.8."""
        dots = np.zeros((2, 3))
        for question in asked:
            moved = answer(question, ones * 4.5) - answer(question, ones)
            true = 3.5 * (question[5] - question[6])
            for i, rows in enumerate((question[2] < 0.8, question[2] >= 0.8)):
                a, b = moved[rows].flatten(), true[rows].flatten()
                dots[i] += [(a @ b).item(), (b @ b).item(), (a @ a).item()]
        ab, bb, aa = dots.sum(0)
        return ab / bb, ab / (aa * bb) ** 0.5, *(dots[:, 0] / dots[:, 1])

    choose, test = list(questions(8)), list(questions(16))
    for factor in (1.0, 1.05, 1.1, 1.15, 1.2, 1.25, 1.3, 1.4, 1.5):
        student.flux.load_state_dict(trained)
        strengthen(student.flux, factor)
        gain, cosine, low, high = measure(choose)
        print(f"factor {factor}: gain {gain:.3f} cosine {cosine:.3f} (t < .8: {low:.3f}, above: {high:.3f})", flush=True)
        if gain >= args.gain:
            break
    gain, cosine, low, high = measure(test)
    print(f"factor {factor} on fresh batches: gain {gain:.3f} cosine {cosine:.3f} (t < .8: {low:.3f}, above: {high:.3f})", flush=True)
    drift = [torch.nn.functional.mse_loss(answer(q, ones), q[5]).item() for q in test]
    print(f"at g = 1: mean squared distance from the teacher {np.mean(drift):.4f}", flush=True)
    state["uncalibrated"], state["ema"] = trained, {name: p.detach().clone() for name, p in student.flux.named_parameters()}
    data.save(work / "distil.pt", state)


@torch.no_grad()
def gain_of(answer, question, count):
    """How much of true guidance the student applies: v(4.5) - v(1) projected on the teacher's 3.5 (vc - vu)."""
    *_, vc, vu, _ = question
    moved = (answer(question, torch.full((count,), 4.5)).float() - answer(question, torch.ones(count)).float()).flatten()
    true = (3.5 * (vc - vu)).flatten()
    return ((moved @ true) / (true @ true)).item(), (torch.nn.functional.cosine_similarity(moved, true, dim=0)).item()


def size(module):
    return sum(p.numel() for p in module.parameters())


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("stage", choices=["pretrain", "distil", "calibrate"])
    parser.add_argument("--data", required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--lr", type=float)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--gain", type=float, default=0.82)
    parser.add_argument("--compile", action="store_true")
    args = parser.parse_args()
    if args.stage == "pretrain":
        args.minutes, args.lr = args.minutes or 39, args.lr or 2e-3
        pretrain(args)
    elif args.stage == "calibrate":
        calibrate(args)
    else:
        args.minutes, args.lr = args.minutes or 30, args.lr or 1e-3
        distil(args)

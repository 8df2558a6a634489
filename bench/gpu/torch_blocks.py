"""Seconds of FLUX.1's blocks and of a step in PyTorch, bfloat16, on CUDA: lines as bench.ts's.

    python3 torch_blocks.py '{"sizes": ["1024x1024"], "textTokens": 512}'

Plain torch: linear layers, F.scaled_dot_product_attention, norms and rotary tables at FLUX.1
[dev]'s widths. Weights are random, and blocks of a kind share them. A step is 19 double and 38
single blocks.
"""

import json
import statistics
import sys

import torch
import torch.nn.functional as F

WIDTH, HEADS, DOUBLE_BLOCKS, SINGLE_BLOCKS = 3072, 24, 19, 38
REPEATS = 10


def main() -> None:
    request = json.loads(sys.argv[1])
    if not torch.cuda.is_available():
        sys.exit("torch sees no GPU")
    about = {"torch": torch.__version__, "gpu": torch.cuda.get_device_name()}
    size = 4096
    a, b = (torch.randn(size, size, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    seconds = time(lambda: a @ b)
    tell(what="torch-ceiling", **about, size=size, seconds=seconds, teraflops=2 * size**3 / seconds / 1e12)

    stream = [weights() for _ in range(2)]
    single = {"qkv_mlp": linear(WIDTH, 7 * WIDTH), "out": linear(5 * WIDTH, WIDTH)}
    for name in request["sizes"]:
        width, height = map(int, name.split("x"))
        text_tokens = request["textTokens"]
        tokens = width * height // 256 + text_tokens
        x = torch.randn(1, tokens, WIDTH, device="cuda", dtype=torch.bfloat16)
        rope = torch.randn(2, tokens, WIDTH // HEADS // 2, device="cuda", dtype=torch.bfloat16)
        double_seconds = time(lambda: double_block(x, text_tokens, stream, rope))
        single_seconds = time(lambda: single_block(x, single, rope))
        flops = 2 * tokens * 12 * WIDTH**2 + 4 * tokens**2 * WIDTH
        for kind, seconds in (("double", double_seconds), ("single", single_seconds)):
            teraflops = flops / seconds / 1e12
            tell(what="torch-block", **about, kind=kind, size=name, tokens=tokens, seconds=seconds, teraflops=teraflops)
        seconds = DOUBLE_BLOCKS * double_seconds + SINGLE_BLOCKS * single_seconds
        teraflops = (DOUBLE_BLOCKS + SINGLE_BLOCKS) * flops / seconds / 1e12
        tell(what="torch-step", **about, size=name, tokens=tokens, seconds=seconds, teraflops=teraflops)


def linear(inputs: int, outputs: int) -> torch.Tensor:
    """[outputs, inputs]"""
    return torch.randn(outputs, inputs, device="cuda", dtype=torch.bfloat16) * inputs**-0.5


def weights() -> dict[str, torch.Tensor]:
    """Of one stream of a double block."""
    return {
        "qkv": linear(WIDTH, 3 * WIDTH),
        "proj": linear(WIDTH, WIDTH),
        "mlp_in": linear(WIDTH, 4 * WIDTH),
        "mlp_out": linear(4 * WIDTH, WIDTH),
    }


def normed(x: torch.Tensor) -> torch.Tensor:
    return F.layer_norm(x, (WIDTH,)) * 1.1 + 0.1


def heads(x: torch.Tensor) -> torch.Tensor:
    """[1, S, WIDTH] to [1, HEADS, S, WIDTH / HEADS]"""
    return x.unflatten(-1, (HEADS, -1)).transpose(1, 2)


def rotated(x: torch.Tensor, rope: torch.Tensor) -> torch.Tensor:
    """Pairs (2k, 2k + 1) of each head, after its RMS norm."""
    even, odd = F.rms_norm(x, x.shape[-1:]).unflatten(-1, (-1, 2)).unbind(-1)
    cos, sin = rope
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), -1).flatten(-2)


def attention(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, rope: torch.Tensor) -> torch.Tensor:
    mixed = F.scaled_dot_product_attention(rotated(heads(q), rope), rotated(heads(k), rope), heads(v))
    return mixed.transpose(1, 2).flatten(-2)


def double_block(
    x: torch.Tensor, text_tokens: int, stream: list[dict[str, torch.Tensor]], rope: torch.Tensor
) -> torch.Tensor:
    parts = [x[:, :text_tokens], x[:, text_tokens:]]
    qkv = torch.cat([F.linear(normed(part), own["qkv"]) for part, own in zip(parts, stream)], 1)
    mixed = attention(*qkv.chunk(3, -1), rope)
    outputs = []
    for part, own, seen in zip(parts, stream, (mixed[:, :text_tokens], mixed[:, text_tokens:])):
        part = part + 0.1 * F.linear(seen, own["proj"])
        hidden = F.gelu(F.linear(normed(part), own["mlp_in"]), approximate="tanh")
        outputs.append(part + 0.1 * F.linear(hidden, own["mlp_out"]))
    return torch.cat(outputs, 1)


def single_block(x: torch.Tensor, own: dict[str, torch.Tensor], rope: torch.Tensor) -> torch.Tensor:
    q, k, v, mlp = F.linear(normed(x), own["qkv_mlp"]).split((WIDTH, WIDTH, WIDTH, 4 * WIDTH), -1)
    mixed = torch.cat((attention(q, k, v, rope), F.gelu(mlp, approximate="tanh")), -1)
    return x + 0.1 * F.linear(mixed, own["out"])


def time(work) -> float:
    """Median seconds, after two runs that warm up."""
    seconds = []
    for _ in range(2 + REPEATS):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        work()
        end.record()
        torch.cuda.synchronize()
        seconds.append(start.elapsed_time(end) / 1000)
    return statistics.median(seconds[2:])


def tell(**line) -> None:
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    with torch.no_grad():
        main()

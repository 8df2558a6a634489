"""Muon for the matrices of all blocks, AdamW for the rest."""

import torch


def muon_and_adamw(model, lr, text_lr, extra):
    """
    Both take `set_rates`'s groups. AdamW takes `extra` too. Muon steps by the nearest orthogonal matrix of the momentum (Jordan et al. 2024),
    here scaled to AdamW's usual size (Moonlight, arXiv:2502.16982), so both have the same rate.
    """
    matrices = [p for name, p in model.named_parameters() if is_matrix(name, p)]
    rest = [
        {"params": [p for name, p in part.named_parameters() if not is_matrix(name, p)], "peak": peak}
        for part, peak in ((model.flux, lr), (model.t5, text_lr), (model.clip, text_lr))
    ]
    rest.append({"params": list(extra), "peak": lr})
    return Both(
        torch.optim.Muon([{"params": matrices, "peak": lr}], lr=lr, momentum=0.95, weight_decay=0.01, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(rest, lr=lr, betas=(0.9, 0.98), weight_decay=0.01, fused=True),
    )


def is_matrix(name, parameter):
    """A linear layer within a block, of the transformer (`transformer_blocks.0`), T5 (`block.0`) or CLIP (`layers.0`)."""
    within = any(part in name for part in ("blocks.", "block.", "layers."))
    return within and parameter.ndim == 2 and "relative_attention_bias" not in name


class Both:
    """Optimisers that are used as one."""

    def __init__(self, *optimisers):
        self.optimisers = optimisers

    @property
    def param_groups(self):
        # Asked for anew: restoring an optimiser replaces its groups.
        return [group for each in self.optimisers for group in each.param_groups]

    def zero_grad(self, set_to_none=True):
        for each in self.optimisers:
            each.zero_grad(set_to_none=set_to_none)

    def step(self):
        for each in self.optimisers:
            each.step()

    def state_dict(self):
        return [each.state_dict() for each in self.optimisers]

    def load_state_dict(self, states):
        for each, state in zip(self.optimisers, states):
            each.load_state_dict(state)

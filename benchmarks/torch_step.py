"""The training step of Barlow Twins in PyTorch: ResNet-18, projector, loss, Adam.

Written from the papers' formulas, as the official code trains: two passes, biased batch
norm without affine before the D × D matrix, one optimizer step.
"""

import multiprocessing
import time

import torch
from torch import nn


class Block(nn.Module):
    """Basic block (He et al., arXiv 1512.03385)."""

    def __init__(self, inputs, filters, stride):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(inputs, filters, 3, stride, 1, bias=False),
            nn.BatchNorm2d(filters),
            nn.ReLU(inplace=True),
            nn.Conv2d(filters, filters, 3, 1, 1, bias=False),
            nn.BatchNorm2d(filters),
        )
        self.shortcut = nn.Identity()
        if stride > 1 or inputs != filters:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, filters, 1, stride, bias=False),
                nn.BatchNorm2d(filters),
            )

    def forward(self, x):
        return torch.relu_(self.body(x) + self.shortcut(x))


def resnet18():
    """ResNet-18 with the 3×3 stem for 32-pixel images, pooled."""
    layers = [
        nn.Conv2d(3, 64, 3, 1, 1, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(inplace=True),
    ]
    inputs = 64
    for filters in (64, 128, 256, 512):
        layers += [
            Block(inputs, filters, 1 if filters == 64 else 2),
            Block(filters, filters, 1),
        ]
        inputs = filters
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())


def projector(hidden, width):
    return nn.Sequential(
        nn.Linear(512, hidden, bias=False),
        nn.BatchNorm1d(hidden),
        nn.ReLU(inplace=True),
        nn.Linear(hidden, width, bias=False),
    )


class TorchStep:
    """One training step on a fixed pair of views.

    Args:
        pair: two float32 arrays `(N, 32, 32, 3)`.
        hidden, width: ints, the projector's widths.
        weight: float, λ.
    """

    def __init__(self, pair, hidden, width, weight):
        torch.manual_seed(0)
        # oneDNN's own layout: with NCHW a step took 1.3 times as long.
        self.pair = [
            torch.from_numpy(view)
            .permute(0, 3, 1, 2)
            .contiguous(memory_format=torch.channels_last)
            for view in pair
        ]
        network = nn.Sequential(resnet18(), projector(hidden, width))
        self.network = network.to(memory_format=torch.channels_last)
        self.norm = nn.BatchNorm1d(width, affine=False)
        self.optimizer = torch.optim.Adam(self.network.parameters(), 1e-3)
        self.weight, self.width = weight, width

    def run(self):
        """Seconds of forward and backward, of the loss and of the optimizer."""
        began = time.perf_counter()
        outputs = [self.network(view) for view in self.pair]
        forward = time.perf_counter()
        leaves = [z.detach().requires_grad_() for z in outputs]
        self._loss(*leaves).backward()
        loss = time.perf_counter()
        torch.autograd.backward(outputs, [z.grad for z in leaves])
        backward = time.perf_counter()
        self.optimizer.step()
        self.optimizer.zero_grad()
        done = time.perf_counter()
        return {
            "forward and backward": (forward - began) + (backward - loss),
            "loss": loss - forward,
            "optimizer": done - backward,
        }

    def _loss(self, z_a, z_b):
        c = self.norm(z_a).T @ self.norm(z_b) / len(z_a)
        on = (torch.diagonal(c) - 1).pow(2).sum()
        width = self.width
        off = c.flatten()[:-1].view(width - 1, width + 1)[:, 1:].pow(2).sum()
        return on + self.weight * off


class TorchProcess:
    """A `TorchStep` in a process of its own, which no other framework's threads share.

    The arguments are those of `TorchStep`.
    """

    def __init__(self, *arguments):
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(theirs, arguments), daemon=True
        )
        self._process.start()

    def run(self):
        self._pipe.send("run")
        return self._pipe.recv()

    def close(self):
        self._pipe.send(None)
        self._process.join()


def _serve(pipe, arguments):
    step = TorchStep(*arguments)
    while pipe.recv() is not None:
        pipe.send(step.run())

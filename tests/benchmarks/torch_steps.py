"""Plain eager PyTorch of three training steps; `tests/benchmarks/beside_torch.py` runs this file.

It is started by an interpreter that has PyTorch, which is no requirement of this package, and needs
nothing else. It reads lines "NAME STEPS" and answers each with the seconds that the steps took.
"""

import sys
import time

import torch
from torch import nn
from torch.nn import functional

BATCH, STEPS, WAY, PIXELS, UNITS, ROWS, WIDTH = 16, 50, 5, 400, 200, 64, 40


class FLMN(nn.Module):
    """The paper's text: LSTM controller, a key of its own, a scalar gate, no key strength."""

    def __init__(self):
        super().__init__()
        self.cell = nn.LSTMCell(PIXELS + WAY + WIDTH, UNITS)
        self.heads = nn.Linear(UNITS, 3 * WIDTH)
        self.classifier = nn.Linear(UNITS + WIDTH, WAY)
        self.alpha = nn.Parameter(torch.zeros(()))

    def forward(self, inputs):
        """[B, T, D] -> logits [B, T, way]."""
        state = None
        features = labels = torch.full((BATCH, ROWS, WIDTH), 1e-6)
        usage = read_w = functional.one_hot(torch.zeros(BATCH, dtype=torch.long), ROWS).float()
        write_w, read = torch.zeros(BATCH, ROWS), torch.zeros(BATCH, WIDTH)
        outputs = []
        for t in range(STEPS):
            state = self.cell(torch.cat([inputs[:, t], read], 1), state)
            key, add_feature, add_label = torch.tanh(self.heads(state[0])).chunk(3, dim=1)
            least = functional.one_hot(usage.detach().argmin(1), ROWS).float()
            gate = torch.sigmoid(self.alpha)
            labels = labels + write_w[:, :, None] * add_label[:, None]
            write_w = gate * read_w + (1 - gate) * least
            features = (
                features * (1 - least[:, :, None]) + write_w[:, :, None] * add_feature[:, None]
            )
            read_w = torch.softmax(functional.cosine_similarity(features, key[:, None], dim=2), 1)
            read = torch.bmm(read_w[:, None], labels)[:, 0]
            usage = 0.95 * usage + read_w.detach() + write_w.detach()
            outputs.append(self.classifier(torch.cat([state[0], read], 1)))
        return torch.stack(outputs, 1)


def flmn():
    """A step of the paper's batch: forward, backward, clipping, Adam."""
    model = FLMN()
    pictures, truth = torch.rand(BATCH, STEPS, PIXELS), torch.randint(WAY, (BATCH, STEPS))
    before = functional.one_hot(truth, WAY).float().roll(1, dims=1)
    before[:, 0] = 0
    inputs = torch.cat([pictures, before], 2)

    def loss():
        return functional.cross_entropy(model(inputs).reshape(-1, WAY), truth.reshape(-1))

    return stepper(model, loss)


def conv4(size, channels, way, shot, queries):
    """A step of Matching Networks without context: one episode, Conv4 with 64 filters, cosine."""
    blocks, planes = [], channels
    for _ in range(4):
        blocks += [nn.Conv2d(planes, 64, 3, padding=1, bias=False), nn.BatchNorm2d(64)]
        blocks += [nn.ReLU(), nn.MaxPool2d(2)]
        planes = 64
    model = nn.Sequential(*blocks, nn.Flatten())
    pictures = torch.rand(way * (shot + queries), channels, size, size)
    support = functional.one_hot(torch.arange(way).repeat_interleave(shot), way).float()
    truth = torch.arange(way).repeat_interleave(queries)

    def loss():
        embedded = functional.normalize(model(pictures), dim=1)
        near = 10.0 * embedded[way * shot :] @ embedded[: way * shot].T
        shares = torch.softmax(near, dim=1) @ support
        return functional.nll_loss(torch.log(shares + 1e-12), truth)

    return stepper(model, loss)


def stepper(model, loss):
    optimizer = torch.optim.Adam(model.parameters())

    def step():
        optimizer.zero_grad()
        loss().backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()

    return step


STEPPERS = {
    "flmn": flmn,
    "conv4_28": lambda: conv4(28, 1, 20, 5, 5),
    "conv4_64": lambda: conv4(64, 3, 5, 5, 15),
}


def main():
    """Answers lines of the standard input until it ends."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    made = {}
    print(torch.__version__, flush=True)
    for line in sys.stdin:
        name, count = line.split()
        step = made.get(name) or made.setdefault(name, STEPPERS[name]())
        began = time.perf_counter()
        for _ in range(int(count)):
            step()
        print(time.perf_counter() - began, flush=True)


if __name__ == "__main__":
    main()

"""Times a training step of ours on a GPU through JAX beside timm's model under `torch.compile`, in one run.

    KERAS_BACKEND=jax python benchmarks/gpu_train.py [--models resnet50 efficientnet_b0] [--batch-size 256]
    KERAS_BACKEND=jax python benchmarks/gpu_train.py --batch-size 2 --image-size 64 --classes 50 --steps 2 --peer none

Needs keras, jax and numpy, and for the peer torch with timm or torchvision; TensorFlow is not imported. Both train the
same thing: backbone, average pooling, a 512-d embedding with batch normalisation and PReLU, ArcFace (s 45, m 0.3) over
`--classes` classes, SGD with momentum 0.9 and weight decay 1e-4, bfloat16 with float32 weights, on random pixels that
already lie on the device. The peer is in channels-last format and compiled whole. The two take turns, `--rounds` times
each; the first round compiles and does not count. The median of the rounds' ratios is what counts.
"""

import argparse
import dataclasses
import json
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

# Torch and JAX share the device: neither may take all of its memory beforehand.
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
os.environ.setdefault("KERAS_BACKEND", "jax")

import numpy as np

EMBEDDING, SCALE, MARGIN, MOMENTUM, DECAY, RATE = 512, 45.0, 0.3, 0.9, 1e-4, 0.05
# Runs this many steps and waits for the device.
Steps = Callable[[int], None]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Work:
    """What is timed.

    Attributes:
        model: a backbone that both sides have.
        batch_size: B.
        image_size: S, in pixels.
        classes: C.
    """

    model: str
    batch_size: int
    image_size: int
    classes: int

    def batch(self) -> tuple[np.ndarray, np.ndarray]:
        """Random pixels [B, S, S, 3] uint8 and labels [B] int32, the same for both sides."""
        rng = np.random.default_rng(0)
        shape = (self.batch_size, self.image_size, self.image_size, 3)
        return rng.integers(0, 256, shape, dtype=np.uint8), rng.integers(
            0, self.classes, self.batch_size, dtype=np.int32
        )


def ours(work: Work) -> tuple[Steps, Callable[[], float]]:
    """Our model, loss and optimizer in one compiled JAX step; returns it and the last loss."""
    import jax
    import jax.numpy as jnp
    import keras

    from tfland.config import LossConfig, ModelConfig
    from tfland.losses import build_loss
    from tfland.models import build_model

    if keras.backend.backend() != "jax":
        raise SystemExit(f"the backend is {keras.backend.backend()}; set KERAS_BACKEND=jax")
    keras.utils.set_random_seed(0)
    keras.mixed_precision.set_dtype_policy("mixed_bfloat16")
    config = ModelConfig(backbone=work.model, pooling="average", embedding_size=EMBEDDING, head="cosine")  # type: ignore[arg-type]
    model = build_model(config, work.classes, work.image_size)
    loss = build_loss(LossConfig(name="arcface", scale=SCALE, margin=MARGIN), [1] * work.classes)
    optimizer = keras.optimizers.SGD(RATE, momentum=MOMENTUM)
    optimizer.build(model.trainable_variables)
    decays = [len(variable.shape) > 1 for variable in model.trainable_variables]

    def loss_of(trainable: list, others: list, images: jax.Array, labels: jax.Array) -> tuple:
        outputs, others = model.stateless_call(trainable, others, images.astype(jnp.float32), training=True)
        return jnp.mean(loss(labels, outputs["logits"])), others

    def step(trainable: list, others: list, slots: list, images: jax.Array, labels: jax.Array) -> tuple:
        (value, others), gradients = jax.value_and_grad(loss_of, has_aux=True)(trainable, others, images, labels)
        decayed = [g + DECAY * v if d else g for g, v, d in zip(gradients, trainable, decays, strict=True)]
        trainable, slots = optimizer.stateless_apply(slots, decayed, trainable)
        return trainable, others, slots, value

    compiled = jax.jit(step, donate_argnums=(0, 1, 2))
    state = [
        [jnp.array(variable.value) for variable in variables]
        for variables in (model.trainable_variables, model.non_trainable_variables, optimizer.variables)
    ]
    images, labels = map(jax.device_put, work.batch())
    last = [jnp.array(0.0)]

    def run(count: int) -> None:
        for _ in range(count):
            *state[:], last[0] = compiled(*state, images, labels)
        last[0].block_until_ready()

    return run, lambda: float(last[0])


def peer(work: Work) -> tuple[Steps, Callable[[], float]]:
    """The same with timm (or torchvision) under torch.compile."""
    import torch
    from torch.nn import functional

    torch.manual_seed(0)
    torch.set_float32_matmul_precision("high")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    backbone, channels = _torch_backbone(work.model)

    class Network(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.backbone = backbone
            self.neck = torch.nn.Sequential(
                torch.nn.Linear(channels, EMBEDDING), torch.nn.BatchNorm1d(EMBEDDING), torch.nn.PReLU()
            )
            self.kernel = torch.nn.Parameter(torch.empty(work.classes, EMBEDDING))
            torch.nn.init.xavier_uniform_(self.kernel)
            self.register_buffer("mean", torch.tensor([123.675, 116.28, 103.53])[None, :, None, None])
            self.register_buffer("deviation", torch.tensor([58.395, 57.12, 57.375])[None, :, None, None])

        def forward(self, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
            with torch.autocast(device, torch.bfloat16):
                x = self.neck(self.backbone((images.float() - self.mean) / self.deviation))
            with torch.autocast(device, enabled=False):
                cosines = functional.linear(functional.normalize(x.float()), functional.normalize(self.kernel))
                cosines = cosines.clamp(-1, 1)
                target = cosines.gather(1, labels[:, None])
                sine = (1 - target.square()).clamp(1e-7, 1).sqrt()
                shifted = target * np.cos(MARGIN) - sine * np.sin(MARGIN)
                past = target < np.cos(np.pi - MARGIN)
                shifted = torch.where(past, target - np.sin(np.pi - MARGIN) * MARGIN, shifted)
                return functional.cross_entropy(SCALE * cosines.scatter(1, labels[:, None], shifted), labels)

    network = Network().to(device, memory_format=torch.channels_last).train()
    kernels = [p for p in network.parameters() if p.ndim > 1]
    rest = [p for p in network.parameters() if p.ndim <= 1]
    groups = [{"params": kernels, "weight_decay": DECAY}, {"params": rest, "weight_decay": 0.0}]
    optimizer = torch.optim.SGD(groups, RATE, momentum=MOMENTUM, fused=device == "cuda")
    compiled = torch.compile(network)
    pixels, numbers = work.batch()
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2).to(device)  # a view: channels stay last in memory
    labels = torch.from_numpy(numbers).long().to(device)
    last = [0.0]

    def run(count: int) -> None:
        for _ in range(count):
            optimizer.zero_grad(set_to_none=True)
            loss = compiled(images, labels)
            loss.backward()
            optimizer.step()
        last[0] = loss.item()  # waits for the device

    return run, lambda: last[0]


def _torch_backbone(name: str) -> tuple:
    """(module from pixels to pooled features, channels)."""
    try:
        import timm
    except ImportError:
        import torchvision

        model = getattr(torchvision.models, name)(weights=None)
        head = "fc" if hasattr(model, "fc") else "classifier"
        last = getattr(model, head)
        channels = (last if head == "fc" else last[-1]).in_features
        import torch

        setattr(model, head, torch.nn.Identity())
        return model, channels
    model = timm.create_model(name, pretrained=False, num_classes=0, drop_rate=0.0)
    return model, model.num_features


def compare(work: Work, sides: dict[str, tuple[Steps, Callable[[], float]]], steps: int, rounds: int) -> dict:
    """Times the sides in turn; returns images/s of each and the median of the ratios."""
    speeds: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(rounds + 1):
        for name, (run, _) in sides.items():
            started = time.perf_counter()
            run(steps)
            if turn:
                speeds[name].append(steps * work.batch_size / (time.perf_counter() - started))
    result = {name: round(statistics.median(values), 1) for name, values in speeds.items()}
    for name, (_, last) in sides.items():
        if not np.isfinite(last()):
            raise SystemExit(f"the loss of {name} is {last()}: it did not train")
    if len(sides) == 2:
        first, second = speeds.values()
        result["ratio"] = round(statistics.median(a / b for a, b in zip(first, second, strict=True)), 3)
    return result


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["resnet50", "efficientnet_b0"])
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--image-size", type=int, default=224)
    parser.add_argument("--classes", type=int, default=81_313)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peer", choices=["torch", "none"], default="torch")
    parser.add_argument("--json", help="also write the figures to this file")
    arguments = parser.parse_args()
    results = {}
    for model in arguments.models:
        work = Work(
            model=model,
            batch_size=arguments.batch_size,
            image_size=arguments.image_size,
            classes=arguments.classes,
        )
        sides = {"tfland, Keras on JAX": ours(work)}
        if arguments.peer == "torch":
            sides["torch.compile"] = peer(work)
        results[model] = compare(work, sides, arguments.steps, arguments.rounds)
        shown = ", ".join(f"{name} {value}" for name, value in results[model].items())
        print(
            f"{model}, {work.image_size} px, batch {work.batch_size}, {work.classes} classes: images/s {shown}",
            flush=True,
        )
    if arguments.json:
        text = json.dumps({"arguments": vars(arguments), "results": results}, indent=2)
        Path(arguments.json).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

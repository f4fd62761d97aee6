"""Times ArcFace's head and loss as the classes grow, beside the same with a one-hot matrix and a normalised copy.

    python benchmarks/head_scale.py [--classes 10000 20000 40000 81313 203094] [--one-hot 10000 81313] [--batch 64]

One row is one process: embeddings [batch, 512] -> cosine head -> ArcFace -> gradients -> SGD with momentum, compiled,
on TensorFlow. 81,313 classes are GLDv2's clean training set, 203,094 the full one. The peer is the head and the loss of
the 2020 winner's published code (seed 001), written again in keras.ops: it normalises a copy of the weights, computes
the margin for every class and picks the true one with a one-hot matrix. The first step of both must give the same loss.

Milliseconds are the median of the steps, processor time that of all threads; on a shared machine trust the latter.
Memory is the process's peak above that before the weights were made, in units of the weight matrix as well: one matrix,
one slot of the optimizer, one gradient are 3 of them. The script fails if a second variable of the matrix's size exists
beside that slot, or if the compiled step of ours holds a OneHot.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
EMBEDDING, SCALE, MARGIN = 512, 45.0, 0.3
FORMS = ("ours", "one_hot")


def one_hot_loss(labels, embeddings, kernel, num_classes):
    """The winner's `ArcMarginProduct` and `ArcFaceLoss`, in keras.ops."""
    import math

    from keras import ops

    cosine = ops.matmul(ops.normalize(embeddings, axis=-1), ops.normalize(kernel, axis=0))
    sine = ops.sqrt(ops.maximum(1.0 - ops.square(cosine), 1e-7))
    shifted = cosine * math.cos(MARGIN) - sine * math.sin(MARGIN)
    past = cosine - math.sin(math.pi - MARGIN) * MARGIN
    shifted = ops.where(cosine > math.cos(math.pi - MARGIN), shifted, past)
    one_hot = ops.one_hot(labels, num_classes)
    logits = SCALE * (one_hot * shifted + (1.0 - one_hot) * cosine)
    return -ops.sum(one_hot * ops.log_softmax(logits), axis=1)


def make_step(form: str, num_classes: int, batch: int):
    """Returns the compiled step (labels, embeddings -> mean loss), the head and the optimizer."""
    import keras
    import tensorflow as tf

    from tfland.losses import arcface
    from tfland.models.heads import CosineHead

    keras.utils.set_random_seed(0)
    head = CosineHead(num_classes)
    head.build((batch, EMBEDDING))
    optimizer = keras.optimizers.SGD(0.05, momentum=0.9)
    optimizer.build(head.trainable_variables)

    @tf.function
    def step(labels, embeddings):
        with tf.GradientTape() as tape:
            tape.watch(embeddings)
            if form == "ours":
                losses = arcface(labels, head(embeddings), scale=SCALE, margin=MARGIN)
            else:
                losses = one_hot_loss(labels, embeddings, head.kernel, num_classes)
            loss = tf.reduce_mean(losses)
        kernel_gradient, embedding_gradient = tape.gradient(loss, [head.kernel.value, embeddings])
        optimizer.apply([kernel_gradient], head.trainable_variables)
        return loss, tf.reduce_sum(embedding_gradient)

    return step, head, optimizer


def peak_mib() -> float:
    """The process's largest resident memory so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def resident_mib() -> float:
    """The process's resident memory now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def measure(form: str, num_classes: int, batch: int, steps: int) -> dict[str, float]:
    """One row, in this process."""
    import numpy as np
    import tensorflow as tf

    # What a first step of any size costs is not the head's.
    small, _, _ = make_step(form, 100, batch)
    rng = np.random.default_rng(0)
    embeddings = tf.constant(rng.normal(size=(batch, EMBEDDING)), tf.float32)
    small(tf.constant(rng.integers(0, 100, batch), tf.int32), embeddings)
    before = max(resident_mib(), peak_mib())
    step, head, optimizer = make_step(form, num_classes, batch)
    labels = tf.constant(rng.integers(0, num_classes, batch), tf.int32)
    large = [v for v in [*head.variables, *optimizer.variables] if np.prod(v.shape) >= EMBEDDING * num_classes]
    assert len(large) == 2, f"{[v.path for v in large]}: a weight matrix and one slot were expected"
    kinds = {operation.type for operation in step.get_concrete_function(labels, embeddings).graph.get_operations()}
    assert ("OneHot" in kinds) == (form == "one_hot"), f"{form} compiled to {sorted(kinds)}"
    first = float(step(labels, embeddings)[0])
    walls, processors = [], []
    for _ in range(steps):
        wall, processor = time.perf_counter(), time.process_time()
        float(step(labels, embeddings)[0])
        walls.append((time.perf_counter() - wall) * 1e3)
        processors.append((time.process_time() - processor) * 1e3)
    return {
        "loss": first,
        "wall": statistics.median(walls),
        "processor": statistics.median(processors),
        "peak": peak_mib() - before,
        "matrix": EMBEDDING * num_classes * 4 / 2**20,
    }


def run_row(form: str, num_classes: int, batch: int, steps: int) -> dict[str, float]:
    """One row, in a process of its own."""
    line = [sys.executable, __file__, "--row", form, "--classes", num_classes, "--batch", batch, "--steps", steps]
    environment = {**os.environ, "KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
    environment["PYTHONPATH"] = str(ROOT)
    done = subprocess.run(list(map(str, line)), capture_output=True, text=True, env=environment, cwd=ROOT)
    if done.returncode:
        raise RuntimeError(f"{form}, {num_classes} classes: {done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--classes", type=int, nargs="+", default=[10_000, 20_000, 40_000, 81_313, 203_094])
    parser.add_argument("--one-hot", type=int, nargs="*", default=[10_000, 81_313], help="sizes at which the peer runs")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--row", choices=FORMS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.row:
        print(json.dumps(measure(arguments.row, arguments.classes[0], arguments.batch, arguments.steps)))
        return
    print(f"batch {arguments.batch}, embedding {EMBEDDING}, median of {arguments.steps} steps")
    print("| classes | form | ms a step | processor ms | µs a class | weight matrix MiB | peak MiB | matrices | loss |")
    print("|---|---|---|---|---|---|---|---|---|")
    for num_classes in arguments.classes:
        losses = []
        for form in FORMS if num_classes in arguments.one_hot else FORMS[:1]:
            row = run_row(form, num_classes, arguments.batch, arguments.steps)
            losses.append(row["loss"])
            print(
                f"| {num_classes:,} | {form.replace('_', '-')} | {row['wall']:.0f} | {row['processor']:.0f} "
                f"| {row['processor'] * 1e3 / num_classes:.2f} | {row['matrix']:.0f} | {row['peak']:.0f} "
                f"| {row['peak'] / row['matrix']:.1f} | {row['loss']:.4f} |",
                flush=True,
            )
        assert max(losses) - min(losses) < 1e-3, f"the losses differ: {losses}"


if __name__ == "__main__":
    main()

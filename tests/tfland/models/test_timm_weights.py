"""timm's weights in our builds, against the networks written a second time from timm's definitions, in JAX's layout.

The second writing (NCHW, on a dictionary of timm's tensor names) follows timm's `resnet.py` (BasicBlock, Bottleneck
with `SEModule`) and `res2net.py` (Bottle2neck); weights are random.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import keras
import numpy as np
import pytest
import safetensors.numpy

from tfland.models.backbones import build_backbone
from tfland.models.residual import res2net_branch, residual_network
from tfland.models.timm_weights import load_timm_weights, port_module, resnet18_module

lax = pytest.importorskip("jax.lax", reason="the JAX backend is not installed")

State = dict[str, np.ndarray]
DEPTHS_18, DEPTHS_101, SMALL = (2, 2, 2, 2), (3, 4, 23, 3), (1, 2, 1, 1)
FILTERS = (64, 128, 256, 512)


def convolve(x: np.ndarray, state: State, name: str, stride: int = 1) -> np.ndarray:
    weight = state[f"{name}.weight"]
    padding = [(weight.shape[-1] // 2,) * 2] * 2
    groups = x.shape[1] // weight.shape[1]
    y = lax.conv_general_dilated(x, weight, (stride, stride), padding, feature_group_count=groups)
    return y + state[f"{name}.bias"].reshape(1, -1, 1, 1) if f"{name}.bias" in state else y


def normalise(x: np.ndarray, state: State, name: str) -> np.ndarray:
    weight, bias, mean, variance = (
        state[f"{name}.{part}"].reshape(1, -1, 1, 1) for part in ("weight", "bias", "running_mean", "running_var")
    )
    return (x - mean) / np.sqrt(variance + 1e-5) * weight + bias


def relu(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0)


def pool(x: np.ndarray, start: float, operation: Callable, stride: int) -> np.ndarray:
    padding = ((0, 0), (0, 0), (1, 1), (1, 1))
    return np.asarray(
        lax.reduce_window(np.asarray(x), np.float32(start), operation, (1, 1, 3, 3), (1, 1, stride, stride), padding)
    )


def basic(x: np.ndarray, state: State, name: str, stride: int, _first: bool) -> np.ndarray:
    x = relu(normalise(convolve(x, state, f"{name}.conv1", stride), state, f"{name}.bn1"))
    return normalise(convolve(x, state, f"{name}.conv2"), state, f"{name}.bn2")


def seresnext(x: np.ndarray, state: State, name: str, stride: int, _first: bool) -> np.ndarray:
    x = relu(normalise(convolve(x, state, f"{name}.conv1"), state, f"{name}.bn1"))
    x = relu(normalise(convolve(x, state, f"{name}.conv2", stride), state, f"{name}.bn2"))
    x = normalise(convolve(x, state, f"{name}.conv3"), state, f"{name}.bn3")
    squeezed = np.asarray(x).mean((2, 3), keepdims=True)
    squeezed = relu(convolve(squeezed, state, f"{name}.se.fc1"))
    return x / (1 + np.exp(-convolve(squeezed, state, f"{name}.se.fc2")))


def res2net(x: np.ndarray, state: State, name: str, stride: int, first: bool) -> np.ndarray:
    x = relu(normalise(convolve(x, state, f"{name}.conv1"), state, f"{name}.bn1"))
    parts, out = np.split(np.asarray(x), 4, axis=1), []
    part = np.zeros_like(parts[0])
    for i in range(3):
        part = parts[i] if i == 0 or first else part + parts[i]
        part = relu(normalise(convolve(part, state, f"{name}.convs.{i}", stride), state, f"{name}.bns.{i}"))
        out.append(part)
    out.append(pool(parts[3], 0, lax.add, stride) / 9 if first else parts[3])
    x = convolve(np.concatenate(out, axis=1), state, f"{name}.conv3")
    return normalise(x, state, f"{name}.bn3")


BLOCKS: dict[str, Callable] = {"resnet18": basic, "seresnext": seresnext, "res2net": res2net}


def features(kind: str, state: State, depths: tuple[int, ...], images: np.ndarray) -> np.ndarray:
    """[B, H, W, 3] normalised -> [B, h, w, C]."""
    x = relu(normalise(convolve(images.transpose(0, 3, 1, 2), state, "conv1", 2), state, "bn1"))
    x = pool(x, -np.inf, lax.max, 2)
    for stage, depth in enumerate(depths, start=1):
        for block in range(depth):
            name = f"layer{stage}.{block}"
            stride = 2 if stage > 1 and block == 0 else 1
            shortcut = x
            if f"{name}.downsample.0.weight" in state:
                shortcut = normalise(convolve(x, state, f"{name}.downsample.0", stride), state, f"{name}.downsample.1")
            x = relu(BLOCKS[kind](x, state, name, stride, block == 0) + shortcut)
    return np.asarray(x).transpose(0, 2, 3, 1)


def shapes(kind: str, depths: tuple[int, ...]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Name and shape of every convolution (4 numbers), bias of one (name ends so) and batch normalisation (1)."""
    yield from (("conv1", (64, 3, 7, 7)), ("bn1", (64,)))
    inputs = 64
    for stage, (filters, depth) in enumerate(zip(FILTERS, depths, strict=True), start=1):
        outputs = filters * (1 if kind == "resnet18" else 4)
        for block in range(depth):
            name = f"layer{stage}.{block}"
            if kind == "resnet18":
                layers = {"conv1": (filters, inputs, 3, 3), "conv2": (filters, filters, 3, 3)}
            elif kind == "seresnext":
                width = filters * 4 // 64 * 32
                layers = {"conv1": (width, inputs, 1, 1), "conv2": (width, width // 32, 3, 3)}
                layers |= {"conv3": (outputs, width, 1, 1)}
                yield from (
                    (f"{name}.se.fc1", (outputs // 16, outputs, 1, 1)),
                    (f"{name}.se.fc1.bias", (outputs // 16,)),
                )
                yield from ((f"{name}.se.fc2", (outputs, outputs // 16, 1, 1)), (f"{name}.se.fc2.bias", (outputs,)))
            else:
                width = filters * 26 // 64
                layers = {"conv1": (width * 4, inputs, 1, 1), "conv3": (outputs, width * 4, 1, 1)}
                layers |= {f"convs.{i}": (width, width, 3, 3) for i in range(3)}
            if block == 0 and (inputs != outputs or stage > 1):
                layers["downsample.0"] = (outputs, inputs, 1, 1)
            for layer, shape in layers.items():
                norm = layer.replace("convs", "bns").replace("conv", "bn").replace("downsample.0", "downsample.1")
                yield from ((f"{name}.{layer}", shape), (f"{name}.{norm}", shape[:1]))
            inputs = outputs


def random_state(kind: str, depths: tuple[int, ...]) -> State:
    """Tensors as in a file of timm's, with its classifier and PyTorch's counters."""
    rng = np.random.default_rng(0)
    state: State = {
        "fc.weight": rng.normal(size=(1000, 512 if kind == "resnet18" else 2048)),
        "fc.bias": np.zeros(1000),
    }
    for name, shape in shapes(kind, depths):
        if len(shape) == 4:
            state[f"{name}.weight"] = rng.normal(size=shape) * np.sqrt(2 / np.prod(shape[1:]))
        elif name.endswith(".bias"):
            state[name] = rng.normal(size=shape) * 0.1
        else:
            state |= {f"{name}.{part}": rng.uniform(0.5, 1.5, shape) for part in ("weight", "running_var")}
            state |= {f"{name}.{part}": rng.normal(size=shape) * 0.1 for part in ("bias", "running_mean")}
            # The last of a branch: without it 33 blocks add up to numbers that saturate every sigmoid of SE.
            state[f"{name}.weight"] *= 0.2 if name.endswith("bn3") else 1
            state[f"{name}.num_batches_tracked"] = np.array(7)
    return {name: np.asarray(value, np.float32) for name, value in state.items()}


def trained(state: State) -> int:
    buffers = ("running_mean", "running_var", "num_batches_tracked")
    return sum(value.size for name, value in state.items() if not name.endswith(buffers))


def assert_near(ours: np.ndarray, theirs: np.ndarray) -> None:
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max() <= 1e-4 * np.abs(theirs).max()


def pixels(size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Random pixels and what timm's recipe makes of them."""
    images = np.random.default_rng(1).integers(0, 256, (2, *size, 3)).astype(np.uint8)
    normalised = (images / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    return images, normalised.astype(np.float32)


@pytest.fixture(scope="module")
def small_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("timm") / "model.safetensors"
    safetensors.numpy.save_file(random_state("res2net", SMALL), path)
    return path


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "kind", "depths", "published"),
    [
        ("resnet18", "resnet18", DEPTHS_18, 11_689_512),
        ("seresnext101_32x4d", "seresnext", DEPTHS_101, 48_955_416),
        ("res2net101_26w4s", "res2net", DEPTHS_101, 45_206_688),
    ],
)
def test_a_file_of_timm_s_gives_timm_s_features(
    name: str, kind: str, depths: tuple[int, ...], published: int, tmp_path: Path
) -> None:
    state = random_state(kind, depths)
    assert trained(state) == published
    safetensors.numpy.save_file(state, tmp_path / "model.safetensors")
    model = build_backbone(name, str(tmp_path / "model.safetensors"))
    images, normalised = pixels((65, 40))
    assert_near(np.asarray(model(images)), features(kind, state, depths, normalised))


@pytest.mark.parametrize(
    ("layer", "module"),
    [
        ("conv1_conv", "conv1"),
        ("conv1_bn", "bn1"),
        ("stack0_block1_2_bn", "layer1.1.bn2"),
        ("stack3_block0_0_conv", "layer4.0.downsample.0"),
        ("stack3_block0_0_bn", "layer4.0.downsample.1"),
    ],
)
def test_names_of_resnet18(layer: str, module: str) -> None:
    assert resnet18_module(layer) == module


def changed(path: Path, target: Path, **changes: np.ndarray | None) -> Path:
    state = safetensors.numpy.load_file(path)
    for name, value in changes.items():
        state.pop(name, None)
        if value is not None:
            state[name] = value
    safetensors.numpy.save_file(state, target)
    return target


@pytest.fixture(scope="module")
def small_port() -> keras.Model:
    return residual_network(res2net_branch, SMALL)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"layer1.0.bns.1.running_var": None}, r"holds no tensor 'layer1\.0\.bns\.1\.running_var'; give the file of"),
        ({"layer5.0.conv1.weight": np.zeros(3)}, r"has no place for 1 of its tensors \('layer5\.0\.conv1\.weight' …\)"),
        (
            {"conv1.weight": np.zeros((32, 3, 7, 7))},
            r"'conv1' holds \(7, 7, 3, 32\) where 'conv1' takes \(7, 7, 3, 64\)",
        ),
        ({"bn1.weight": np.full(64, np.nan, np.float32)}, r"'bn1' holds values that are not finite; fetch it again"),
    ],
    ids=["missing", "left over", "shape", "not finite"],
)
def test_refuses_another_network_and_changes_nothing(
    changes: dict, message: str, small_file: Path, small_port: keras.Model, tmp_path: Path
) -> None:
    before = small_port.get_weights()
    with pytest.raises(ValueError, match=message):
        load_timm_weights(small_port, changed(small_file, tmp_path / "a.safetensors", **changes), port_module)
    for ours, earlier in zip(small_port.get_weights(), before, strict=True):
        np.testing.assert_array_equal(ours, earlier)


def test_takes_half_precision(small_file: Path, small_port: keras.Model, tmp_path: Path) -> None:
    kernel = safetensors.numpy.load_file(small_file)["conv1.weight"].astype(np.float16)
    load_timm_weights(
        small_port, changed(small_file, tmp_path / "a.safetensors", **{"conv1.weight": kernel}), port_module
    )
    np.testing.assert_array_equal(small_port.get_layer("conv1").get_weights()[0], kernel.transpose(2, 3, 1, 0))


HUGE_HEADER = (2**60).to_bytes(8, "little") + b"{}"
HUGE_TENSOR = b'{"a":{"dtype":"F32","shape":[1000000000,1000000000],"data_offsets":[0,4]}}'
UNKNOWN_TYPE = b'{"a":{"dtype":"F8_E8M0","shape":[4],"data_offsets":[0,4]}}'


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a file of weights",
        HUGE_HEADER,
        len(HUGE_TENSOR).to_bytes(8, "little") + HUGE_TENSOR + b"1234",
        len(UNKNOWN_TYPE).to_bytes(8, "little") + UNKNOWN_TYPE + b"1234",
    ],
    ids=["empty", "text", "huge header", "huge tensor", "unknown type"],
)
def test_refuses_what_is_no_safetensors_file(content: bytes, small_port: keras.Model, tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.safetensors is not a safetensors file that can be read \(.*\); fetch it"):
        load_timm_weights(small_port, tmp_path / "a.safetensors", port_module)


def test_refuses_a_missing_file(small_port: keras.Model, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no weights file .*a\.safetensors; give a \.safetensors file"):
        load_timm_weights(small_port, tmp_path / "a.safetensors", port_module)

"""The same steps on one device, two mirrored ones and two workers, also where one replica's gradient is infinite."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

PROGRAM = Path(__file__).with_name("step_runs.py")
SEVERAL = ("mirrored", "worker0", "worker1")


def free_ports() -> list[str]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    ports = [str(opened.getsockname()[1]) for opened in sockets]
    for opened in sockets:
        opened.close()
    return ports


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What step_runs.py found, by topology."""
    folder = tmp_path_factory.mktemp("steps")
    result = subprocess.run(
        [sys.executable, str(PROGRAM), str(folder), *free_ports()],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    return {path.stem: json.loads(path.read_text()) for path in folder.glob("*.json")}


def flat(weights: list[list[float]]) -> np.ndarray:
    return np.concatenate([np.array(weight) for weight in weights])


def trained_weights(found: dict[str, Any]) -> list[np.ndarray]:
    """After each step, all but the moving statistics: those belong to the forward pass, which was sound."""
    return [flat([*weights[:3], *weights[5:]]) for weights in found["weights"]]


@pytest.mark.slow
@pytest.mark.parametrize("topology", SEVERAL)
def test_every_part_of_the_step_is_the_same_everywhere(results: dict[str, Any], topology: str) -> None:
    """Micro-batches, freezing, two rates, clipping, the average, weighted and mixed examples, batch normalisation."""
    found, expected = results[topology]["everything"], results["one"]["everything"]
    np.testing.assert_allclose(found["losses"], expected["losses"], rtol=1e-5)
    for step in range(4):
        np.testing.assert_allclose(flat(found["weights"][step]), flat(expected["weights"][step]), rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(flat(found["average"]), flat(expected["average"]), rtol=1e-3, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("topology", SEVERAL)
def test_one_replicas_infinity_skips_the_step_on_all(results: dict[str, Any], topology: str) -> None:
    found = results[topology]["float16"]
    assert found["scale"] == 2.0**14
    assert (found["bad_step"], found["step"]) == (-1, 3)
    kernels = trained_weights(found)
    np.testing.assert_array_equal(kernels[1], kernels[0])
    assert not np.array_equal(kernels[2], kernels[1])
    assert np.isfinite(flat(found["weights"][2])).all()


@pytest.mark.slow
@pytest.mark.parametrize("topology", SEVERAL)
def test_without_a_loss_scale_it_ends_the_run_everywhere(results: dict[str, Any], topology: str) -> None:
    found = results[topology]["float32"]
    assert found["bad_step"] == 1
    kernels = trained_weights(found)
    np.testing.assert_array_equal(kernels[2], kernels[0])


@pytest.mark.slow
def test_both_workers_hold_the_same_bits(results: dict[str, Any]) -> None:
    assert results["worker0"] == results["worker1"]


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_a_compiled_step_still_fails_on_several_replicas(results: dict[str, Any], precision: str) -> None:
    """`training.jit_compile` is refused there; where this fails, TensorFlow can do it and the refusal can go."""
    assert "Trying to access resource" in results["mirrored"]["compiled"][precision]

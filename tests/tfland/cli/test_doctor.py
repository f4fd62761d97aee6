"""`tfland doctor`: versions, devices, and what to do where there is no GPU."""

import dataclasses
import importlib.metadata
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tfland.cli import main
from tfland.machines import devices as machine_devices
from tfrecords_builder.terminal import run_app

ROOT = Path(__file__).parents[3]
PACKAGES = ("tensorflow", "keras", "keras-hub", "tf-models-official", "opencv-python-headless", "tfland")
MACHINE = machine_devices.Machine(gpus=(), driver=None, has_libcuda=False, wheels=(), hidden=False)


@pytest.fixture
def devices(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Kinds of devices that a stand-in for TensorFlow sees; the real one takes seconds to import."""
    kinds = ["CPU"]

    def list_physical_devices(kind: str | None = None) -> list[SimpleNamespace]:
        return [
            SimpleNamespace(device_type=k, name=f"/physical_device:{k}:0") for k in kinds if kind is None or k == kind
        ]

    stand_in = SimpleNamespace(
        config=SimpleNamespace(list_physical_devices=list_physical_devices),
        sysconfig=SimpleNamespace(get_build_info=lambda: {"cuda_version": "12.5.1", "cudnn_version": "9"}),
    )
    monkeypatch.setitem(sys.modules, "tensorflow", stand_in)
    monkeypatch.delenv("TF_CONFIG", raising=False)
    monkeypatch.setattr(machine_devices, "look_at_machine", lambda _environment: MACHINE)
    return kinds


def test_versions_are_those_of_the_installed_packages(devices: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run_app(main.app, ["doctor"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert rows[: len(PACKAGES)] == [[name, importlib.metadata.version(name)] for name in PACKAGES]
    assert ["CPU", "/physical_device:CPU:0"] in rows


@pytest.mark.parametrize(
    ("kinds", "warned"), [(["CPU"], True), (["CPU", "GPU"], False), (["CPU", "TPU"], False), ([], True)]
)
def test_a_warning_where_training_would_run_on_the_cpu(
    devices: list[str], capsys: pytest.CaptureFixture[str], kinds: list[str], warned: bool
) -> None:
    devices[:] = kinds
    assert run_app(main.app, ["doctor"]) == 0
    said = capsys.readouterr().out
    assert ("WARNING: TensorFlow sees neither a GPU nor a TPU" in said) is warned
    assert ("pip install 'tfland[gpu]'" in said) is warned
    for kind in kinds:
        assert f"/physical_device:{kind}:0" in said


def test_a_gpu_that_tensorflow_cannot_use_is_a_failure(
    devices: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = dataclasses.replace(MACHINE, gpus=("NVIDIA H200",), driver="570.1", has_libcuda=True)
    monkeypatch.setattr(machine_devices, "look_at_machine", lambda _environment: machine)
    assert run_app(main.app, ["doctor"]) == 1
    said = capsys.readouterr()
    assert "GPUs of this machine    NVIDIA H200" in said.out
    assert "NVIDIA driver           570.1" in said.out
    assert "TensorFlow is built for CUDA 12.5.1, cuDNN 9" in said.out
    assert "WARNING: training would run on the CPU, tens of times slower: this machine has 1 GPU(s)" in said.err
    devices.append("GPU")
    assert run_app(main.app, ["doctor"]) == 0


def test_tf_config_is_checked(
    devices: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    good = '{"cluster": {"worker": ["a:1", "b:2"]}, "task": {"type": "worker", "index": 1}}'
    monkeypatch.setenv("TF_CONFIG", good)
    assert run_app(main.app, ["doctor"]) == 0
    assert "TF_CONFIG               worker 1 of 2: a:1, b:2" in capsys.readouterr().out
    monkeypatch.setenv("TF_CONFIG", good.replace("1}", "7}"))
    assert run_app(main.app, ["doctor"]) == 2
    assert "TF_CONFIG has the task index 7" in capsys.readouterr().err


def test_what_is_not_installed_is_named_with_its_remedy(
    devices: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def version(name: str) -> str:
        if name == "keras-hub":
            raise importlib.metadata.PackageNotFoundError(name)
        return "1.2.3"

    monkeypatch.setattr(importlib.metadata, "version", version)
    assert run_app(main.app, ["doctor"]) == 0
    rows = {line[:24].strip(): line[24:] for line in capsys.readouterr().out.splitlines()}
    assert rows["keras-hub"] == "missing: pip install keras-hub"
    assert rows["keras"] == "1.2.3"


def test_the_remedy_exists() -> None:
    """`tfland[gpu]` is an extra of this package."""
    assert "gpu" in (importlib.metadata.metadata("tfland").get_all("Provides-Extra") or [])


@pytest.mark.slow
def test_with_tensorflow_itself() -> None:
    """On a machine whose GPUs are hidden the warning shows, and TensorFlow's own complaints do not."""
    program = "from tfland.cli.main import main; main()"
    result = subprocess.run(
        [sys.executable, "-c", program, "doctor"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={"PATH": "", "CUDA_VISIBLE_DEVICES": "-1"},
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert "/physical_device:CPU:0" in result.stdout
    assert "WARNING: TensorFlow sees neither a GPU nor a TPU" in result.stdout
    assert "Traceback" not in result.stderr
    assert "cuda" not in result.stderr.lower()

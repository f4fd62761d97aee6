"""`tfland doctor`: versions, devices, and what to do where there is no GPU."""

import importlib.metadata
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tfland.cli import main
from tfrecords_builder.terminal import run_app

ROOT = Path(__file__).parents[3]
PACKAGES = ("tensorflow", "keras", "keras-hub", "tf-models-official", "opencv-python-headless", "tfland")


@pytest.fixture
def devices(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Kinds of devices that a stand-in for TensorFlow sees; the real one takes seconds to import."""
    kinds = ["CPU"]

    def list_physical_devices(kind: str | None = None) -> list[SimpleNamespace]:
        return [
            SimpleNamespace(device_type=k, name=f"/physical_device:{k}:0") for k in kinds if kind is None or k == kind
        ]

    stand_in = SimpleNamespace(config=SimpleNamespace(list_physical_devices=list_physical_devices))
    monkeypatch.setitem(sys.modules, "tensorflow", stand_in)
    return kinds


def test_versions_are_those_of_the_installed_packages(devices: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run_app(main.app, ["doctor"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert rows[: len(PACKAGES)] == [[name, importlib.metadata.version(name)] for name in PACKAGES]
    assert rows[len(PACKAGES)] == ["CPU", "/physical_device:CPU:0"]


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


def test_what_is_not_installed_is_named_with_its_remedy(
    devices: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def version(name: str) -> str:
        if name == "keras-hub":
            raise importlib.metadata.PackageNotFoundError(name)
        return "1.2.3"

    monkeypatch.setattr(importlib.metadata, "version", version)
    assert run_app(main.app, ["doctor"]) == 0
    rows = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
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

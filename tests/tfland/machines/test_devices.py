"""What a machine has, seen without TensorFlow."""

import dataclasses
from pathlib import Path

import pytest

from tfland.machines.devices import Machine, cpu_warning, look_at_machine

WELL = Machine(gpus=("NVIDIA H200",), driver="570.1", has_libcuda=True, wheels=("nvidia-cudnn-cu12 9.3",), hidden=False)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True)
    path.write_text(text)


def test_the_driver_names_its_gpus(tmp_path: Path) -> None:
    write(tmp_path / "proc/driver/nvidia/gpus/0000:01:00.0/information", "Model: \t NVIDIA H200\nIRQ: 5\n")
    (tmp_path / "proc/driver/nvidia/version").write_text("NVRM version: NVIDIA UNIX x86_64  570.86.10  Thu Jan 23\n")
    machine = look_at_machine({}, tmp_path)
    assert machine.gpus == ("NVIDIA H200",)
    assert machine.driver == "570.86.10"
    assert not machine.hidden


def test_without_a_driver_the_pci_bus_tells(tmp_path: Path) -> None:
    for name, vendor, kind in (("a", "0x10de", "0x030200"), ("b", "0x10de", "0x040300"), ("c", "0x8086", "0x030000")):
        write(tmp_path / "sys/bus/pci/devices" / name / "vendor", vendor + "\n")
        (tmp_path / "sys/bus/pci/devices" / name / "class").write_text(kind + "\n")
    machine = look_at_machine({"CUDA_VISIBLE_DEVICES": "-1"}, tmp_path)
    assert machine.gpus == ("NVIDIA device at PCI a",)
    assert machine.driver is None
    assert machine.hidden


def test_a_machine_without_any(tmp_path: Path) -> None:
    assert look_at_machine({}, tmp_path).gpus == ()


@pytest.mark.parametrize(
    ("change", "visible", "message"),
    [
        ({}, ["CPU", "GPU"], None),
        ({"gpus": ()}, ["CPU"], None),
        ({}, ["CPU", "TPU"], None),
        ({"hidden": True}, ["CPU"], "CUDA_VISIBLE_DEVICES hides them; unset it"),
        ({"driver": None}, ["CPU"], "The NVIDIA driver is missing; install"),
        ({"wheels": ()}, ["CPU"], "No CUDA library was installed by pip; install the CUDA libraries"),
        ({}, ["CPU"], "Its CUDA libraries do not fit"),
    ],
)
def test_the_warning(change: dict[str, object], visible: list[str], message: str | None) -> None:
    warning = cpu_warning(dataclasses.replace(WELL, **change), visible)  # type: ignore[arg-type]
    if message is None:
        assert warning is None
    else:
        assert warning is not None
        assert message in warning
        assert "1 GPU(s) (NVIDIA H200)" in warning

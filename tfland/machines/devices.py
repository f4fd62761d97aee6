"""Which accelerators the machine has, whether TensorFlow can see them or not."""

import ctypes
import importlib.metadata
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_NVIDIA, _DISPLAY = "0x10de", "0x03"
_REMEDY = (
    "install the CUDA libraries (pip install 'tfland[gpu]') and the NVIDIA driver; `tfland doctor` shows what is there"
)


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What the machine offers.

    Attributes:
        gpus: names of its NVIDIA GPUs, from the driver or, where there is none, from the PCI bus.
        driver: version of NVIDIA's kernel driver; None where it is not loaded.
        has_libcuda: whether the driver's library can be loaded, without which nothing finds a GPU.
        wheels: CUDA libraries that pip installed, "name version".
        hidden: CUDA_VISIBLE_DEVICES hides every GPU.
    """

    gpus: tuple[str, ...]
    driver: str | None
    has_libcuda: bool
    wheels: tuple[str, ...]
    hidden: bool


def look_at_machine(environment: Mapping[str, str], root: Path = Path("/")) -> Machine:
    """Looks without TensorFlow.

    Args:
        environment: of the process.
        root: of the file system; tests have their own.
    """
    return Machine(
        gpus=_gpus(root),
        driver=_driver(root / "proc/driver/nvidia/version"),
        has_libcuda=_loads("libcuda.so.1"),
        wheels=_wheels(),
        hidden=environment.get("CUDA_VISIBLE_DEVICES", "0").strip() in ("", "-1", "NoDevFiles"),
    )


def cpu_warning(machine: Machine, visible: list[str]) -> str | None:
    """A warning where training would run on the CPU although the machine has a GPU; None where all is well.

    Args:
        machine: from `look_at_machine`.
        visible: kinds of devices that TensorFlow sees, such as "CPU", "GPU".
    """
    if not machine.gpus or "GPU" in visible or "TPU" in visible:
        return None
    what = f"this machine has {len(machine.gpus)} GPU(s) ({', '.join(machine.gpus)}), but TensorFlow sees none of them"
    if machine.hidden:
        why = "CUDA_VISIBLE_DEVICES hides them; unset it"
    elif machine.driver is None or not machine.has_libcuda:
        why = f"the NVIDIA driver is missing; {_REMEDY}"
    elif not machine.wheels:
        why = f"no CUDA library was installed by pip; {_REMEDY}"
    else:
        why = f"its CUDA libraries do not fit; {_REMEDY}"
    return f"WARNING: training would run on the CPU, tens of times slower: {what}. {why[0].upper()}{why[1:]}"


def _gpus(root: Path) -> tuple[str, ...]:
    files = sorted((root / "proc/driver/nvidia/gpus").glob("*/information"))
    models = [re.search(r"^Model:\s*(.+)$", file.read_text(errors="replace"), re.MULTILINE) for file in files]
    if models:
        return tuple(match[1].strip() if match else "NVIDIA GPU" for match in models)
    devices = sorted((root / "sys/bus/pci/devices").glob("*"))
    return tuple(f"NVIDIA device at PCI {device.name}" for device in devices if _is_nvidia_display(device))


def _is_nvidia_display(device: Path) -> bool:
    vendor, kind = device / "vendor", device / "class"
    if not vendor.exists() or not kind.exists():
        return False
    return vendor.read_text().strip() == _NVIDIA and kind.read_text().strip().startswith(_DISPLAY)


def _driver(path: Path) -> str | None:
    if not path.exists():
        return None
    match = re.search(r"\b(\d{3,}\.\d+(?:\.\d+)?)\b", path.read_text(errors="replace"))
    return match[1] if match else "of unknown version"


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def _wheels() -> tuple[str, ...]:
    found = {(dist.metadata["Name"] or "").lower(): dist.version for dist in importlib.metadata.distributions()}
    return tuple(f"{name} {version}" for name, version in sorted(found.items()) if name.startswith("nvidia-"))

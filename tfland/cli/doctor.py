"""`tfland doctor`: what this machine offers for training."""

import typer

_HELP = (
    "Shows versions, devices and CUDA libraries, and checks TF_CONFIG. Exit code 1 where the machine has a GPU that "
    "TensorFlow cannot use, 2 where TF_CONFIG is malformed."
)
_PACKAGES = ("tensorflow", "keras", "keras-hub", "tf-models-official", "opencv-python-headless", "tfland")


def register(app: typer.Typer) -> None:
    """Adds the command to an application."""
    app.command("doctor", help=_HELP)(doctor)


def doctor() -> None:
    """Prints what there is; what is wrong becomes an error at the end."""
    import os

    from tfland.machines.cluster import TF_CONFIG, parse_tf_config
    from tfland.machines.devices import cpu_warning, look_at_machine
    from tfrecords_builder.terminal import CheckFailed

    _versions()
    machine = look_at_machine(os.environ)
    _row("GPUs of this machine", ", ".join(machine.gpus) or "none")
    _row("NVIDIA driver", machine.driver or "none")
    _row("libcuda.so.1", "found" if machine.has_libcuda else "not found")
    _row("CUDA libraries by pip", ", ".join(machine.wheels) or "none")
    visible = _tensorflow_devices()
    if text := os.environ.get(TF_CONFIG):
        cluster = parse_tf_config(text)
        _row(TF_CONFIG, f"worker {cluster.rank} of {len(cluster.addresses)}: {', '.join(cluster.addresses)}")
    if warning := cpu_warning(machine, visible):
        raise CheckFailed(warning)
    if "GPU" not in visible and "TPU" not in visible:
        typer.echo("WARNING: TensorFlow sees neither a GPU nor a TPU: training runs on the CPU. On a machine with an")
        typer.echo("NVIDIA GPU install the CUDA libraries: pip install 'tfland[gpu]'.")


def _row(name: str, value: str) -> None:
    typer.echo(f"{name:<24}{value}")


def _versions() -> None:
    from importlib.metadata import PackageNotFoundError, version

    for package in _PACKAGES:
        try:
            _row(package, version(package))
        except PackageNotFoundError:
            _row(package, f"missing: pip install {package}")


def _tensorflow_devices() -> list[str]:
    """Prints the devices that TensorFlow sees, and returns their kinds."""
    import tensorflow as tf

    build = tf.sysconfig.get_build_info()
    cuda, cudnn = (build.get(name) for name in ("cuda_version", "cudnn_version"))
    _row("TensorFlow is built for", f"CUDA {cuda}, cuDNN {cudnn}" if cuda else "CPUs only")
    devices = tf.config.list_physical_devices()
    for device in devices:
        _row(device.device_type, device.name)
    return [device.device_type for device in devices]

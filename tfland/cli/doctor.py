"""`tfland doctor`: what this machine offers for training."""

import typer


def register(app: typer.Typer) -> None:
    """Adds the command to an application."""
    app.command("doctor", help="Shows versions and devices, and warns when training would run on the CPU.")(doctor)


def doctor() -> None:
    """Prints versions, devices, and what is missing for a GPU."""
    from importlib.metadata import PackageNotFoundError, version

    for package in ("tensorflow", "keras", "keras-hub", "tf-models-official", "opencv-python-headless", "tfland"):
        try:
            typer.echo(f"{package:<24}{version(package)}")
        except PackageNotFoundError:
            typer.echo(f"{package:<24}missing: pip install {package}")
    import tensorflow as tf

    for device in tf.config.list_physical_devices():
        typer.echo(f"{device.device_type:<24}{device.name}")
    if not tf.config.list_physical_devices("GPU") and not tf.config.list_physical_devices("TPU"):
        typer.echo("WARNING: TensorFlow sees neither a GPU nor a TPU: training runs on the CPU. On a machine with an")
        typer.echo("NVIDIA GPU install the CUDA libraries: pip install 'tfland[gpu]'.")

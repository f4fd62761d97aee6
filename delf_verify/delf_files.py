"""The folder of a fitted DELF extractor: model.keras, pca.npz and delf.yaml, which ties them together."""

import hashlib
import json
import tempfile
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml  # type: ignore[import-untyped]

from delf_verify.pca import Pca
from delf_verify.pyramid import DelfConfig
from tfrecords_builder.atomic import atomic_write
from tfrecords_builder.terminal import CheckFailed

if TYPE_CHECKING:
    import keras

MODEL = "model.keras"
PCA = "pca.npz"
DESCRIPTION = "delf.yaml"
_FORMAT = 1


def write(folder: Path, model: "keras.Model", pca: Pca, config: DelfConfig) -> None:
    """Writes the three files, each whole or not at all; the same content gives the same bytes.

    Args:
        folder: is created.
        model: from `delf_verify.model.extraction_model`.
        pca: fitted on its descriptors.
        config: settings of the extraction.

    Raises:
        OSError: the folder cannot be written.
    """
    _write_model(model, folder / MODEL)
    pca.save(folder / PCA)
    description = {
        "format": _FORMAT,
        "sha256": {name: _sha256(folder / name) for name in (MODEL, PCA)},
        "config": {**asdict(config), "scales": list(config.scales)},
    }
    with atomic_write(folder / DESCRIPTION) as file:
        yaml.safe_dump(description, file, sort_keys=False)


def read_description(folder: Path) -> tuple[DelfConfig, bytes]:
    """The settings of a folder and the bytes of delf.yaml, after checking that its files belong together.

    Raises:
        FileNotFoundError: the folder or one of its files is missing.
        ValueError: delf.yaml is not what `write` wrote.
        CheckFailed: a file has other content than delf.yaml says.
    """
    for name in (DESCRIPTION, MODEL, PCA):
        if not (folder / name).is_file():
            raise FileNotFoundError(f"no {name} in {folder}; give the folder of a fitted DELF extractor")
    path = folder / DESCRIPTION
    content = path.read_bytes()
    try:
        description: Any = yaml.safe_load(content)
        version, sums = description["format"], description["sha256"]
        config = DelfConfig(**description["config"])
        expected = {name: sums[name] for name in (MODEL, PCA)}
    except (yaml.YAMLError, UnicodeDecodeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} does not describe a DELF extractor: {error}") from error
    if version != _FORMAT:
        raise ValueError(f"{path} has format {version!r}; this version reads {_FORMAT}: fit the extractor again")
    for name, checksum in expected.items():
        if _sha256(folder / name) != checksum:
            raise CheckFailed(f"{folder / name} is not the file that {DESCRIPTION} names: fit the extractor again")
    return config, content


def read_model(folder: Path) -> "keras.Model":
    """The extraction model of a folder.

    Raises:
        ValueError: it does not put out descriptors and attention.
    """
    import keras

    model = keras.models.load_model(folder / MODEL, compile=False)
    if not isinstance(model.output, dict) or set(model.output) != {"descriptors", "attention"}:
        raise ValueError(f"{folder / MODEL} is no DELF: its outputs are {model.output}")
    return model


def _write_model(model: "keras.Model", path: Path) -> None:
    """Saves a model without the time of day that Keras puts into the archive."""
    with tempfile.TemporaryDirectory() as temporary:
        saved = Path(temporary) / MODEL
        model.save(saved)
        with zipfile.ZipFile(saved) as source, atomic_write(path, "wb") as file, zipfile.ZipFile(file, "w") as target:
            for name in sorted(source.namelist()):
                content = source.read(name)
                if name == "metadata.json":
                    content = json.dumps({**json.loads(content), "date_saved": ""}).encode()
                # A ZipInfo made from a name alone is dated 1980-01-01.
                target.writestr(zipfile.ZipInfo(name), content)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

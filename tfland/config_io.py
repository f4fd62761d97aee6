"""Experiments, and other settings, from YAML files with `key=value` overrides, and back."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml  # type: ignore[import-untyped]
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from tfland.config import ExperimentConfig
from tfrecords_builder.atomic import atomic_write

_Config = TypeVar("_Config")
_KEYS = "an experiment is a mapping with the keys data, training …"


def load_config(path: Path | str, overrides: Sequence[str] = ()) -> ExperimentConfig:
    """Reads an experiment.

    Args:
        path: a YAML file with the keys of `ExperimentConfig`.
        overrides: texts such as "training.epochs=3", stronger than the file.

    Raises:
        ValueError: a key is unknown or missing, a value has the wrong type or is out of range, or an
            override is not key=value; the message names the key.
        OSError: the file is missing or cannot be read.
    """
    return read_settings(ExperimentConfig, path, overrides)


def read_settings(
    schema: type[_Config], path: Path | str, overrides: Sequence[str] = (), *, keys: str = _KEYS
) -> _Config:
    """Reads a configuration of any frozen dataclass, with the errors of `load_config`.

    Args:
        schema: the dataclass.
        path: a YAML file with its keys.
        overrides: texts such as "method=knn", stronger than the file.
        keys: what the mapping should be, for the error.

    Raises:
        ValueError: as `load_config`.
        OSError: the file is missing or cannot be read.
    """
    return _merge(schema, [read_yaml(Path(path), keys), _parse_overrides(overrides)], str(path))


def config_from_dict(values: dict[str, Any], source: str = "the configuration") -> ExperimentConfig:
    """Makes an experiment from nested dictionaries, checked as a file is; `source` names it in errors."""
    return _merge(ExperimentConfig, [OmegaConf.create(values)], source)


def config_to_dict(config: ExperimentConfig) -> dict[str, Any]:
    """The experiment as nested dictionaries of plain values."""
    plain = OmegaConf.to_container(OmegaConf.structured(config), enum_to_str=True)
    if not isinstance(plain, dict):
        raise TypeError(f"an ExperimentConfig became {type(plain).__name__}")
    return {str(key): value for key, value in plain.items()}


def save_config(config: ExperimentConfig, path: Path | str) -> None:
    """Writes an experiment as YAML that `load_config` reads back."""
    with atomic_write(path) as file:
        yaml.safe_dump(config_to_dict(config), file, sort_keys=False, allow_unicode=True)


def read_yaml(path: Path, keys: str) -> DictConfig:
    """Reads a YAML file that holds a mapping of plain values.

    Args:
        path: the file.
        keys: what the mapping should be, for the error.

    Raises:
        ValueError: it is not YAML, no mapping, or interpolates.
        OSError: the file is missing or cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
        values = yaml.safe_load(text)
    except FileNotFoundError as error:
        raise FileNotFoundError(f"no configuration at {path}; give --config an existing YAML file") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not YAML: {error}") from error
    if not isinstance(values, dict):
        found = type(values).__name__
        raise ValueError(f"{path} holds a {found}; {keys}")
    # Interpolations such as ${oc.env:HOME} could read the environment: a configuration is data alone.
    if "${" in text:
        raise ValueError(f"{path} contains '${{': interpolation is not supported; write the value itself")
    return OmegaConf.create(values)


def _parse_overrides(overrides: Sequence[str]) -> DictConfig:
    for override in overrides:
        key, equals, value = override.partition("=")
        if not key.strip() or not equals or "${" in value:
            raise ValueError(f"override {override!r} is not key=value; write for example training.epochs=3")
    try:
        return OmegaConf.from_dotlist(list(overrides))
    except (OmegaConfBaseException, yaml.YAMLError) as error:
        raise ValueError(f"overrides {list(overrides)} cannot be read: {error}") from error


def _merge(schema: type[_Config], layers: Sequence[DictConfig], source: str) -> _Config:
    try:
        merged = OmegaConf.merge(OmegaConf.structured(schema), *layers)
        config = OmegaConf.to_object(merged)
    except OmegaConfBaseException as error:
        # OmegaConf's message continues with internals; its first line and the full key are for the reader.
        first_line = str(error).splitlines()[0]
        key = getattr(error, "full_key", None)
        raise ValueError(f"{source}: {first_line}" + (f" (key {key})" if key else "")) from error
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from error
    if not isinstance(config, schema):
        raise TypeError(f"{source} became {type(config).__name__}")
    return config

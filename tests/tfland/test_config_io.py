"""YAML and key=value overrides become an experiment, or one sentence that says why not."""

from pathlib import Path

import pytest

from tfland.config_io import config_from_dict, config_to_dict, load_config, save_config

MINIMAL = "data: {shards: shards}\ntraining: {model_dir: model, epochs: 2}\n"


@pytest.fixture
def yaml_file(tmp_path: Path) -> Path:
    path = tmp_path / "experiment.yaml"
    path.write_text(MINIMAL)
    return path


def test_overrides_are_stronger_than_the_file(yaml_file: Path) -> None:
    config = load_config(yaml_file, ["training.epochs=5", "model.backbone=resnet18", "data.validation_split=null"])
    assert config.training.epochs == 5
    assert config.model.backbone == "resnet18"
    assert config.data.validation_split is None


def test_a_written_configuration_reads_back_equal(yaml_file: Path, tmp_path: Path) -> None:
    config = load_config(yaml_file, ["schedule.learning_rate=1e-3", "training.seed=7"])
    assert config.schedule.learning_rate == 1e-3
    save_config(config, tmp_path / "copy.yaml")
    assert load_config(tmp_path / "copy.yaml") == config
    assert config_from_dict(config_to_dict(config)) == config


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["training.epoch=3"], r"Key 'epoch' not in 'TrainingConfig'.*Did you mean: 'epochs'.*training.epoch"),
        (["optimiser.name=sgd"], r"Key 'optimiser' not in 'ExperimentConfig'"),
        (["training.epochs=many"], r"'many' of type 'str' could not be converted to Integer.*training.epochs"),
        (["training.epochs=1.5"], r"1.5.*could not be converted to Integer"),
        (["model.backbone=vgg"], r"model.backbone is 'vgg'; did you mean 'vgg16'\? choose one of resnet18, "),
        (["training.epochs=0"], r"experiment.yaml: training.epochs is 0; give a number of at least 1"),
        (["model=3"], r"int is not a subclass of ModelConfig"),
        (["training.epochs"], r"override 'training.epochs' is not key=value"),
        (["data.shards=${oc.env:HOME}"], r"is not key=value"),
        (["data.shards={"], r"overrides .* cannot be read"),
    ],
)
def test_a_bad_override_is_refused(yaml_file: Path, overrides: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load_config(yaml_file, overrides)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("training: {model_dir: model}\n", r"missing mandatory value: data"),
        ("- a\n- b\n", r"holds a list; an experiment is a mapping"),
        ("", r"holds a NoneType"),
        ("data: [", r"is not YAML"),
        ("data: !!python/object/apply:os.system ['true']\n", r"is not YAML"),
        ("data: {shards: '${oc.env:HOME}'}\n", r"interpolation is not supported"),
    ],
)
def test_a_bad_file_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        load_config(path)


def test_a_missing_file_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no configuration at .*absent.yaml; give --config"):
        load_config(tmp_path / "absent.yaml")

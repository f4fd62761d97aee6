"""A chain's YAML is checked whole before anything runs."""

from pathlib import Path

import pytest

from tfland.demo.config import DEFAULT, ChainConfig, load_chain
from tfland.demo.stages import Experiments

ROOT = Path(__file__).resolve().parents[3]
CHAINS = ("landmarks15_smoke.yaml", "resnet50_delf_chain.yaml")


def write(folder: Path, text: str) -> Path:
    (folder / "chain.yaml").write_text(text)
    return folder / "chain.yaml"


@pytest.mark.parametrize("path", [DEFAULT, *(ROOT / "configs" / name for name in CHAINS)])
def test_the_shipped_chains_are_valid(path: Path, tmp_path: Path) -> None:
    experiments = Experiments.of(load_chain(path), tmp_path)
    assert experiments.classifier.data.shards == str(tmp_path / "shards")
    assert experiments.delf_attention.model.weights == str(tmp_path / "delf_descriptors")


def test_the_seed_reaches_generator_and_trainings(tmp_path: Path) -> None:
    config = load_chain(DEFAULT, seed=11)
    experiments = Experiments.of(config, tmp_path)
    assert config.toyworld.seed == config.seed == experiments.delf_attention.training.seed == 11


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seeed: 3\n", "seeed"),
        ("held_out: 1.0\n", "held_out is 1.0"),
        ("extractors: []\n", "extractors is empty"),
        ("extractors: [orb]\n", "orb"),
        ("index_images: 0\n", "index_images is 0"),
        ("toyworld: {landmarks: many}\n", "many"),
        ("- a\n", "chain.yaml"),
        ("a: [\n", "chain.yaml"),
        ("photographs: ${oc.env:HOME}\n", "interpolation"),
    ],
)
def test_bad_values(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("$", r"\$")):
        load_chain(write(tmp_path, text))


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load_chain(tmp_path / "gone.yaml")


def test_a_bad_experiment_is_named(tmp_path: Path) -> None:
    config = ChainConfig(classifier={"training": {"epochs": -1}})
    with pytest.raises(ValueError, match="epochs"):
        Experiments.of(config, tmp_path)

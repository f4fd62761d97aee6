"""Every YAML in configs/ is a valid experiment, chain, search or system, whole, with its promise on top."""

from pathlib import Path

import pytest
import yaml

from tfland.config_io import load_config
from tfland.demo.config import load_chain
from tfland.demo.stages import Experiments
from tfland.hyperparameters.config import load_search
from tfland.recognition.system_config import load_system

CONFIGS = sorted((Path(__file__).resolve().parents[2] / "configs").glob("*.yaml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_it_loads(path: Path, tmp_path: Path) -> None:
    values = yaml.safe_load(path.read_text())
    if "photographs" in values:
        Experiments.of(load_chain(path), tmp_path)
    elif "space" in values:
        load_search(path)
    elif "classifiers" in values:
        load_system(path)
    else:
        load_config(path)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_its_header_says_what_it_costs_and_how_to_run_it(path: Path) -> None:
    header = "\n".join(line for line in path.read_text().splitlines() if line.startswith("#"))
    for word in ("Data:", "Hardware:", "Expected:", "Command:"):
        assert word in header
    assert f"configs/{path.name}" in header

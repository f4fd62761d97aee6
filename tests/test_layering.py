"""Reads every import in the three packages and holds them to docs/ARCHITECTURE.md."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FLOOR_FOR_DELF = {"images", "catalog", "schema", "tfrecord", "atomic", "folder_lock", "terminal", "json_files"}
WITHOUT_TENSORFLOW = (
    "tfland/models",
    "tfland/losses",
    "tfland/recognition/search",
    "tfland/recognition/ranking",
    "delf_verify/model.py",
    "delf_verify/matching.py",
)
LIGHT = {"typer", "tfland", "tfrecords_builder", "delf_verify", "click"}


def modules() -> list[Path]:
    return sorted(p for d in ("tfland", "delf_verify", "tfrecords_builder") for p in (ROOT / d).rglob("*.py"))


def imported(path: Path, *, top_level_only: bool = False) -> set[str]:
    """Names of the modules that a file imports, `from a import b` as both `a` and `a.b`."""
    tree = ast.parse(path.read_text())
    nodes = tree.body if top_level_only else list(ast.walk(tree))
    names = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import; write the whole name"
            names |= {str(node.module)} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def roots(names: set[str]) -> set[str]:
    return {name.split(".")[0] for name in names}


def test_there_is_something_to_check() -> None:
    assert len(modules()) > 40


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_one_way(path: Path) -> None:
    package, names = path.relative_to(ROOT).parts[0], imported(path)
    if package == "tfrecords_builder":
        assert not roots(names) & {"tfland", "delf_verify"}
    if package == "delf_verify":
        assert "tfland" not in roots(names)
        floor = {name.split(".")[1] for name in names if name.startswith("tfrecords_builder.")}
        assert floor <= FLOOR_FOR_DELF
    if path.name != "beam_pipeline.py":
        assert "apache_beam" not in roots(names)
    if str(path.relative_to(ROOT)).startswith(WITHOUT_TENSORFLOW):
        assert "tensorflow" not in roots(names)
    if package == "tfrecords_builder":
        assert not roots(names) & {"tensorflow", "keras"}, "the ground floor starts workers by the dozen"


@pytest.mark.parametrize("path", sorted((ROOT / "tfland/cli").glob("*.py")), ids=lambda p: p.name)
def test_commands_import_lightly(path: Path) -> None:
    names = imported(path, top_level_only=True)
    foreign = roots(names) - LIGHT - set(sys.stdlib_module_names)
    assert not foreign, f"{path.name} imports {foreign} at the top; import inside the function"


def test_no_catch_all_modules() -> None:
    assert not [p for p in modules() if p.stem in {"utils", "common", "base", "helpers", "misc"}]


def test_models_and_losses_import_on_jax_without_tensorflow() -> None:
    """The GPU machine of this project has JAX and no TensorFlow."""
    program = """
import importlib.abc, sys
class Block(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in ('tensorflow', 'tensorflow_text', 'tf_keras'):
            raise ModuleNotFoundError(f'blocked: {name}')
sys.meta_path.insert(0, Block())
import tfland.models, tfland.models.build, tfland.losses, tfland.losses.build, delf_verify.model, delf_verify.matching
import tfland.recognition.search, tfland.recognition.ranking
assert 'tensorflow' not in sys.modules
import keras
assert keras.backend.backend() == 'jax'
print('fine')
"""
    pytest.importorskip("jax", reason="the JAX backend is not installed")
    result = subprocess.run(
        [sys.executable, "-c", program],
        env={"KERAS_BACKEND": "jax", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=300,
        check=False,
    )
    assert result.stdout.strip() == "fine", result.stderr[-3000:]

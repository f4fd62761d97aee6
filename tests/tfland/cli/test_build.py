import typer

from tfland.cli import build
from tfrecords_builder.terminal import CONTEXT_SETTINGS, run_app


def test_the_builder_is_a_command_group(tmp_path, capsys):
    app = typer.Typer(context_settings=CONTEXT_SETTINGS)
    app.callback()(lambda: None)
    build.register(app)
    assert run_app(app, ["build", "--help"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in ("shards", "select", "split", "check", "stats"))
    assert run_app(app, ["build", "check", str(tmp_path)]) == 1
    assert "no manifest.json" in capsys.readouterr().err

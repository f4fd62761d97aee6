"""The commands of `tfland`, a module each; modules import lightly so that `--help` is quick."""

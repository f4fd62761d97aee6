"""Lets `python -m tfland` do what the console script does."""

from tfland.cli.main import main

if __name__ == "__main__":
    main()

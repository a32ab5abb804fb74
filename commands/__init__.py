"""What a person types besides `dvc`: `python -m commands.NAME`."""

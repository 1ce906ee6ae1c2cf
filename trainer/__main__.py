"""`python -m trainer`: train a style from a painting and a folder of photos."""

from trainer.cli.train import main

main()

"""`vigie train` and `vigie evaluate`, with a command for each of our own detectors."""

import typer

from vigie.commands import fracture, haemorrhage, nodule, training

train = typer.Typer(help="Train a detector.", callback=training.prepare, no_args_is_help=True)
evaluate = typer.Typer(help="Measure a detector on labelled images.", no_args_is_help=True)

for name, detector in (
    ("fracture", fracture),
    ("hemorrhage", haemorrhage),
    ("haemorrhage", haemorrhage),
    ("nodule", nodule),
):
    second_spelling = name == "haemorrhage"
    train.command(name, hidden=second_spelling)(detector.train)
    evaluate.command(name, hidden=second_spelling)(detector.evaluate)

"""The front door: ``vigie`` on the command line."""

from typing import Annotated

import typer

from vigie import __version__
from vigie.commands import (
    auditing,
    destinations,
    fracture,
    haemorrhage,
    hl7,
    models,
    node,
    nodule,
    notifications,
    people,
    results,
    sending,
    tokens,
    training,
    users,
)
from vigie.commands import demo as demonstration
from vigie.logs import log_to_standard_error
from vigie.roles import ROLES


def _version(asked: bool) -> None:
    if asked:
        typer.echo(__version__)
        raise typer.Exit


def make_app() -> typer.Typer:
    """Every command."""
    app = typer.Typer(
        name="vigie",
        help="The lookout of the reading worklist: receives studies, runs detectors, orders the "
        "list. AI results are not reviewed; not a medical device.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )

    @app.callback()
    def options(
        version: Annotated[
            bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")
        ] = False,
    ) -> None:
        del version
        log_to_standard_error()

    app.command()(node.serve)
    for name, what in ROLES.items():
        app.command(name)(node.role_command(name, what))
    app.command()(sending.send)
    app.command()(people.worklist)
    app.command()(people.pin)
    app.command()(people.unpin)
    app.command()(people.priority)
    app.command("mark-read")(people.mark_read)
    app.command()(people.claims)
    app.command()(people.release)
    app.add_typer(people.ai, name="ai")
    app.add_typer(models.models, name="models")
    app.add_typer(users.users, name="users")
    app.add_typer(tokens.tokens, name="tokens")
    app.add_typer(notifications.notifications, name="notifications")
    app.add_typer(auditing.audit, name="audit")
    app.add_typer(hl7.hl7, name="hl7")
    app.add_typer(destinations.destinations, name="destinations")
    app.add_typer(results.results, name="results")
    app.command()(node.settings)
    app.command()(node.doctor)
    app.command()(demonstration.demo)
    app.add_typer(_train(), name="train")
    app.add_typer(_evaluate(), name="evaluate")
    return app


def _train() -> typer.Typer:
    commands = typer.Typer(
        help="Train a detector.", callback=training.prepare, no_args_is_help=True
    )
    commands.command("fracture")(fracture.train)
    commands.command("hemorrhage")(haemorrhage.train)
    commands.command("haemorrhage", hidden=True)(haemorrhage.train)
    commands.command("nodule")(nodule.train)
    return commands


def _evaluate() -> typer.Typer:
    commands = typer.Typer(help="Measure a detector on labelled images.", no_args_is_help=True)
    commands.command("fracture")(fracture.evaluate)
    commands.command("hemorrhage")(haemorrhage.evaluate)
    commands.command("haemorrhage", hidden=True)(haemorrhage.evaluate)
    commands.command("nodule")(nodule.evaluate)
    return commands


def main() -> None:
    """Run a command."""
    make_app()()


if __name__ == "__main__":
    main()

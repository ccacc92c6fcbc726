"""The front door: ``vigie`` on the command line.

A command's module is brought in only when that command is asked for: what somebody types at a
prompt should answer at once, and `vigie listen` needs no networks.
"""

from importlib import import_module
from typing import Annotated, cast

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_group

from vigie import __version__
from vigie.logs import log_to_standard_error
from vigie.roles import ROLES

_COMMANDS = {  # in the order of `vigie --help`; where in vigie.commands each is
    "serve": "node:serve",
    **dict.fromkeys(ROLES, "node:role_command"),
    "send": "sending:send",
    "worklist": "people:worklist",
    "pin": "people:pin",
    "unpin": "people:unpin",
    "priority": "people:priority",
    "mark-read": "people:mark_read",
    "explain": "explaining:explain",
    "claims": "people:claims",
    "release": "people:release",
    "ai": "people:ai",
    "models": "models:models",
    "users": "users:users",
    "tokens": "tokens:tokens",
    "notifications": "notifications:notifications",
    "audit": "auditing:audit",
    "cases": "cases:cases",
    "hl7": "hl7:hl7",
    "destinations": "destinations:destinations",
    "results": "results:results",
    "settings": "node:settings",
    "doctor": "node:doctor",
    "demo": "demo:demo",
    "simulate": "simulating:simulate",
    "train": "detectors:train",
    "evaluate": "detectors:evaluate",
}


class Commands(TyperGroup):
    """Every command, each brought in when it is asked for."""

    def list_commands(self, ctx: object) -> list[str]:
        """Their names, in the order of the help."""
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: object, cmd_name: str) -> TyperCommand | TyperGroup | None:
        """The command of this name; None: there is none."""
        del ctx
        if cmd_name in _COMMANDS:
            return _command(cmd_name)
        return cast(TyperCommand | None, self.commands.get(cmd_name))  # added by a caller


def _command(name: str) -> TyperCommand | TyperGroup:
    module, _, place = _COMMANDS[name].partition(":")
    found = getattr(import_module(f"vigie.commands.{module}"), place)
    holder = typer.Typer(rich_markup_mode=None)
    if isinstance(found, typer.Typer):
        holder.add_typer(found, name=name)
    else:
        holder.command(name)(found(name, ROLES[name]) if name in ROLES else found)
    return cast(TyperCommand | TyperGroup, get_group(holder).commands[name])


def _version(asked: bool) -> None:
    if asked:
        typer.echo(__version__)
        raise typer.Exit


def make_app() -> typer.Typer:
    """Every command."""
    app = typer.Typer(
        name="vigie",
        cls=Commands,
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

    return app


def main() -> None:
    """Run a command."""
    make_app()()


if __name__ == "__main__":
    main()

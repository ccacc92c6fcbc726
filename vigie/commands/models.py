"""`vigie models`: which detectors are installed, what their cards say, and switching them."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import sqlalchemy as sa
import typer
from rich.table import Table
from rich.text import Text

from models.third_party_record import noted_down
from vigie.commands.acting import Account, acting
from vigie.commands.common import Data, one_line_errors, out, settings_or_exit
from vigie.commands.people import Why, start_detectors, stop_detectors
from vigie.settings import Settings
from vigie.wiring import make_reader, make_worklist, migrated_engine, model_folder, utc_now
from worklist.due_time import probability_in_words
from worklist.finding import DetectorIdentity, TargetFinding
from worklist.views import ModelState, ModelView

models = typer.Typer(help="The installed detectors: their state, their cards, on and off.")

Name = Annotated[str, typer.Argument(help="Name of the detector, as `vigie models` prints it.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]

_DIGEST_SHOWN = 12  # characters of a SHA-256, enough to tell versions apart


@models.callback(invoke_without_command=True)
def list_models(context: typer.Context, as_json: Json = False, data: Data = None) -> None:
    """List the installed detectors, each with its state, version, digest and operating point.

    Example: vigie models --json

    Exit codes: 0 printed, 1 the database does not answer, 2 a setting cannot be meant.
    """
    if context.invoked_subcommand is not None:
        return
    settings = settings_or_exit(data=data)
    with one_line_errors(), migrated_engine(settings) as engine:
        listed = _listed(settings, engine)
    if as_json:
        without_cards = [_content(replace(one, card=None)) for one in listed]
        typer.echo(json.dumps(without_cards, indent=1))
        return
    if all(isinstance(one, AddedModel) for one in listed):
        out.print("no worker has registered a detector yet: start the node", style="yellow")
    if not listed:
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("name", "state", "version", "weights", "flags from", "what it is"):
        table.add_column(heading, overflow="fold")
    for one in listed:
        table.add_row(*map(Text, _cells(one)))
    out.print(table)


@dataclass(frozen=True, kw_only=True, slots=True)
class AddedModel:
    """A model in the data folder that no worker has registered yet."""

    name: str
    target: TargetFinding
    title: str
    version: str
    weights_sha256: str
    operating_point: float
    state: str  # "added" or "stopped"
    card: Mapping[str, Any] | None  # plain JSON values


def _listed(settings: Settings, engine: sa.Engine) -> list[ModelView | AddedModel]:
    """What workers have registered, and what was added since, by name."""
    registered = {one.name: one for one in make_reader(settings, engine).models()}
    switch = make_worklist(settings, engine).ai_switch()
    added: dict[str, ModelView | AddedModel] = {
        name: AddedModel(
            **asdict(said.identity),
            title=said.card.get("title", name),
            state="stopped" if switch.is_stopped(name) else "added",
            card=said.card,
        )
        for name, said in noted_down(model_folder(settings)).items()
    }
    return [one for _, one in sorted({**added, **registered}.items())]


def _cells(one: ModelView | AddedModel) -> Iterator[str]:
    yield one.name
    yield state_in_words(one)
    yield one.version
    yield one.weights_sha256[:_DIGEST_SHOWN]
    is_broken = isinstance(one, ModelView) and one.broken is not None
    yield "" if is_broken else probability_in_words(one.operating_point)
    yield one.title


def state_in_words(one: ModelView | AddedModel) -> str:
    """On, or why not."""
    if isinstance(one, AddedModel):
        stopped = "stopped; " if one.state == "stopped" else ""
        return f"{stopped}added, not loaded by a worker yet"
    words = "on" if one.state is ModelState.ON else ""
    if one.state is ModelState.STOPPED:
        words = "stopped"
        if one.stopped_by is not None and one.stopped_at is not None:
            words += f" by {one.stopped_by}, {one.stopped_at:%Y-%m-%d %H:%M} UTC"
            words += f": {one.stopped_because}"
    if one.broken is not None:
        words += f"{'; ' if words else ''}BROKEN: {one.broken}"
    return words


@models.command("show")
def show(name: Name, as_json: Json = False, data: Data = None) -> None:
    """Print a detector's whole card: intended use, limits, training data, figures.

    Example: vigie models show fracture

    Exit codes: 0 printed, 1 there is no such detector, 2 a setting cannot be meant.
    """
    settings = settings_or_exit(data=data)
    with one_line_errors(), migrated_engine(settings) as engine:
        listed = {one.name: one for one in _listed(settings, engine)}
        one = listed.get(name) or make_reader(settings, engine).model(name)  # which says why not
    if as_json:
        typer.echo(json.dumps(_content(one), indent=1))
        return
    out.print(Text(f"{one.title}\n", style="bold"))
    facts = {
        "name": one.name,
        "version": one.version,
        "state": state_in_words(one),
        "weights SHA-256": one.weights_sha256,
        "operating point": one.operating_point,
    }
    hidden = {"name", "version", "title", "target", "weights_sha256", "operating_point"}
    card = one.card or {}
    for line in _lines({**facts, **{k: v for k, v in card.items() if k not in hidden}}):
        out.print(Text(line))


def _lines(content: Mapping[str, Any], depth: int = 0) -> Iterator[str]:
    indent = "  " * depth
    for name, value in content.items():
        words = name.replace("_", " ")
        if value is None or value in ("", [], {}):
            continue
        match value:
            case dict():
                yield f"{indent}{words}:"
                yield from _lines(value, depth + 1)
            case [str(), *_]:
                yield f"{indent}{words}:"
                yield from (f"{indent}  - {one}" for one in value)
            case _:
                yield f"{indent}{words}: {value}"


def _content(one: ModelView | AddedModel) -> dict[str, Any]:
    """As JSON has it, times and states as text."""
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in asdict(one).items()
    }


@models.command("stop")
def stop(name: Name, reason: Why, account: Account = None, data: Data = None) -> None:
    """Stop a detector: it neither runs nor counts, and the list falls back at once.

    Example: vigie models stop fracture --reason "odd results since the update"

    Exit codes: 0 done, 1 it could not be done, 2 a setting cannot be meant.
    """
    stop_detectors([name], reason, account, data)


@models.command("start")
def start(name: Name, reason: Why, account: Account = None, data: Data = None) -> None:
    """Start a detector again; unread studies that it missed are assessed now.

    Example: vigie models start fracture --reason "the vendor has mended it"

    Exit codes: 0 done, 1 it could not be done, 2 a setting cannot be meant.
    """
    start_detectors([name], reason, account, data)


@models.command("add")
def add(
    path: Annotated[
        Path,
        typer.Argument(
            help="A Python package (wheel or source folder), an ONNX file, or a MONAI bundle "
            "(folder or zip)."
        ),
    ],
    card: Annotated[
        Path | None,
        typer.Option(
            help="The model card; left out: NAME.toml beside NAME.onnx or the bundle, or "
            "configs/vigie.toml in the bundle.",
            show_default=False,
        ),
    ] = None,
    account: Account = None,
    data: Data = None,
) -> None:
    """Add a third-party model: it is copied, checked and tried; workers notice by themselves.

    Example: vigie models add fracture.acme.onnx

    Exit codes: 0 added, 1 it cannot be added and why, 2 a setting cannot be meant.
    """
    from models.third_party_adding import add_model  # the detectors' libraries: only here

    settings = settings_or_exit(data=data)
    with one_line_errors(), migrated_engine(settings) as engine:
        actor = acting(engine, account)
        added = add_model(path, model_folder(settings), card=card).identity
        service = make_worklist(settings, engine)
        service.note_model("model_added", added, actor=actor, now=utc_now())
        stopped = service.ai_switch().is_stopped(added.name)
    out.print(
        f"added {added.name} {added.version}, SHA-256 {added.weights_sha256}",
        markup=False,
        soft_wrap=True,
    )
    out.print("running workers load it within seconds, others when they start")
    if stopped:
        out.print(f"it is stopped: `vigie models start {added.name}`", style="yellow", markup=False)


@models.command("remove")
def remove(name: Name, reason: Why, account: Account = None, data: Data = None) -> None:
    """Take an added model away; it is stopped first, so that its results no longer count.

    Example: vigie models remove fracture.acme --reason "the trial is over"

    Exit codes: 0 removed, 1 it could not be done, 2 a setting cannot be meant.
    """
    from models.third_party_adding import find_added, remove_model

    settings = settings_or_exit(data=data)
    with one_line_errors(), migrated_engine(settings) as engine:
        actor = acting(engine, account)
        find_added(name, model_folder(settings))
        service = make_worklist(settings, engine)
        known = {one.name: one for one in _listed(settings, engine)}
        if isinstance(known.get(name), ModelView):
            service.stop_ai(
                [name],
                installed=list(known),
                actor=actor,
                reason=reason,
                now=utc_now(),
            )
        remove_model(name, model_folder(settings))
        if name in known:
            identity = _identity(known[name])
            service.note_model("model_removed", identity, actor=actor, now=utc_now())
    out.print(f"removed {name}; running workers drop it within seconds", markup=False)


def _identity(one: ModelView | AddedModel) -> DetectorIdentity:
    return DetectorIdentity(
        name=one.name,
        version=one.version,
        target=one.target,
        weights_sha256=one.weights_sha256,
        operating_point=one.operating_point,
    )

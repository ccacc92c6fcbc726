"""Every command on a running node: what it says, what it does, its exit code."""

import json
import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import typer
from node_parts import listening
from radiographs import MadeStudy, make_study, send_to
from typer.testing import CliRunner, Result
from vigie_node import Node, free_port, wait_until

from tests.onnx_files import write_brightest
from tests.third_party import card
from vigie.__main__ import make_app
from vigie.settings import Settings

Command = Callable[..., Result]


def every_command() -> dict[str, set[str]]:
    """The options of every command, by its whole name, as ``ai stop``.

    Second spellings of a command, which its group's help does not list, are left out.
    """

    def walk(name: str, command: Any) -> Iterator[tuple[str, set[str]]]:
        if not hasattr(command, "list_commands"):
            yield name, {option for one in command.params for option in one.opts}
            return
        context = typer.Context(command)
        for part in command.list_commands(context):
            child = command.get_command(context, part)
            if not child.hidden:
                yield from walk(f"{name} {part}".strip(), child)

    return dict(walk("", typer.main.get_command(make_app())))


COMMANDS = every_command()


def call(*arguments: str, **environment: str) -> Result:
    """A command of this process; what it must not find is a setting from outside."""
    return CliRunner().invoke(make_app(), arguments, env=environment)


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> list[MadeStudy]:
    """Three radiographs and a head CT."""
    folder = tmp_path_factory.mktemp("made")
    made = [make_study(folder, number) for number in (1, 2, 3)]
    return [*made, make_study(folder, 4, modality="CT")]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, studies: list[MadeStudy]) -> Iterator[Node]:
    """A node that has assessed them."""
    node = Node(tmp_path_factory.mktemp("commands") / "node")
    try:
        node.start()
        send_to(node, *studies)
        node.all_assessed(len(studies))
        yield node
    finally:
        node.stop()


@pytest.fixture
def command(node: Node) -> Command:
    """Runs a command about the running node."""
    settings = {name: v for name, v in node.environment.items() if name.startswith("VIGIE_")}
    return lambda *arguments: call(*arguments, **settings)


def events_of(node: Node, study: MadeStudy) -> list[dict[str, Any]]:
    """The study's history, oldest first."""
    events: list[dict[str, Any]] = node.api(f"/api/studies/{study.study_instance_uid}")["events"]
    return events


def row_of(node: Node, study: MadeStudy) -> dict[str, Any]:
    """The study's row in the list."""
    [row] = [one for one in node.rows() if one["study_instance_uid"] == study.study_instance_uid]
    return row


def model(node: Node, name: str) -> dict[str, Any]:
    """An installed model, as the list has it."""
    [one] = [one for one in node.api("/api/models") if one["name"] == name]
    assert isinstance(one, dict)
    return one


@pytest.mark.parametrize("name", COMMANDS)
def test_help_shows_an_example_and_the_exit_codes(name: str) -> None:
    told = call(*name.split(), "--help")
    assert told.exit_code == 0, told.output
    text = " ".join(told.output.split())
    example = re.search(r"Example: (?:VIGIE_\w+=\S+ )?vigie (.+?) Exit codes: 0 \w+", text)
    assert example, f"{name} shows no example, or no exit codes:\n{told.output}"
    assert example[1].split()[: len(name.split())] == name.split()
    assert set(re.findall(r"(?<= )--[a-z-]+", example[1])) <= COMMANDS[name]


def test_there_is_a_command_for_everything_an_administrator_does() -> None:
    assert {"serve", "listen", "file", "work", "web", "send", "demo"} <= set(COMMANDS)
    assert {"worklist", "settings", "doctor", "train fracture"} <= set(COMMANDS)
    assert {"models show", "models stop", "models add", "models remove"} <= set(COMMANDS)
    assert {"evaluate fracture", "ai stop", "ai start", "audit verify"} <= set(COMMANDS)
    for what in ("train", "evaluate"):
        assert {f"{what} hemorrhage", f"{what} nodule"} <= set(COMMANDS)


@pytest.mark.parametrize("what", ["train", "evaluate"])
def test_haemorrhage_may_be_spelled_both_ways(what: str) -> None:
    assert call(what, "haemorrhage", "--help").exit_code == 0


def test_the_printed_list_is_the_one_of_the_api(command: Command, node: Node) -> None:
    printed = json.loads(command("worklist", "--json").stdout)
    served = node.api("/api/worklist?limit=500")
    assert [row["study_instance_uid"] for row in printed["rows"]] == [
        row["study_instance_uid"] for row in served["rows"]
    ]
    for one, other in zip(printed["rows"], served["rows"], strict=True):
        for name in ("place", "reason", "priority_in_force", "pinned", "patient_name"):
            assert one[name] == other[name]
        assert one["due_at"].replace("+00:00", "Z") == other["due_at"]
        assert [d["state"] for d in one["detectors"]] == [d["state"] for d in other["detectors"]]
    table = command("worklist").stdout
    assert "normal" not in table.lower()
    assert f"{served['total']} unread" in table


def test_p7_a_pin_takes_effect_at_once_and_stands_in_the_history(
    command: Command, node: Node, studies: list[MadeStudy]
) -> None:
    last = next(one for one in studies if row_of(node, one)["place"] == len(node.rows()))
    told = command("pin", last.study_instance_uid, "--reason", "the surgeon waits")
    assert told.exit_code == 0, told.output
    assert row_of(node, last)["place"] == 1
    assert row_of(node, last)["pinned"]
    command("unpin", last.study_instance_uid, "--reason", "no longer")
    assert row_of(node, last)["place"] == len(node.rows())
    acts = {one["kind"]: one for one in events_of(node, last)}
    assert acts["pinned"]["details"]["why"] == "the surgeon waits"
    assert acts["pinned"]["actor"].startswith("person ")
    assert acts["unpinned"]["details"]["why"] == "no longer"


def test_p7_another_priority_takes_effect_at_once(
    command: Command, node: Node, studies: list[MadeStudy]
) -> None:
    study = studies[-1]
    before = row_of(node, study)["due_at"]
    asked = ("priority", study.study_instance_uid)
    told = command(*asked, "--to", "stat", "--reason", "the patient got worse")
    assert told.exit_code == 0, told.output
    assert "STAT" in told.stdout or "stat" in told.stdout
    assert row_of(node, study)["priority_in_force"] == "stat"
    assert row_of(node, study)["due_at"] < before
    assert command(*asked, "--reason", "a mistake").exit_code == 0
    assert row_of(node, study)["due_at"] == before
    acts = [one for one in events_of(node, study) if one["kind"] == "priority_overridden"]
    assert [one["details"]["why"] for one in acts] == ["the patient got worse", "a mistake"]


def test_a_study_marked_read_leaves_the_list_and_its_history_stays(
    command: Command, node: Node, tmp_path: Path
) -> None:
    study = make_study(tmp_path, 50)
    send_to(node, study)
    node.all_assessed(len(node.rows()) + 1)
    told = command("mark-read", study.study_instance_uid, "--reason", "reported in the RIS")
    assert told.exit_code == 0, told.output
    assert study.study_instance_uid not in {row["study_instance_uid"] for row in node.rows()}
    assert events_of(node, study)[-1]["kind"] == "marked_read"
    again = command("mark-read", study.study_instance_uid, "--reason", "again")
    assert again.exit_code == 1
    assert len(again.stderr.splitlines()) == 1


def test_p7_ai_stopped_by_one_command_no_longer_orders_the_list(
    command: Command, node: Node
) -> None:
    stopped = command("ai", "stop", "--reason", "a test")
    assert stopped.exit_code == 0, stopped.output
    page = node.api("/api/worklist")
    assert page["ai_stopped"]
    assert all(row["due_at"] == row["due_without_ai_at"] for row in page["rows"])
    assert {one["state"] for row in page["rows"] for one in row["detectors"]} == {"stopped"}
    started = command("ai", "start", "--reason", "over")
    assert started.exit_code == 0, started.output
    assert any(row["due_at"] < row["due_without_ai_at"] for row in node.rows())
    one = command("ai", "stop", "--detector", "fracture", "--reason", "odd results")
    assert one.exit_code == 0, one.output
    assert node.api("/api/worklist")["stopped_detectors"] == ["fracture"]
    assert command("ai", "start", "--detector", "fracture", "--reason", "well").exit_code == 0
    assert node.api("/api/worklist")["stopped_detectors"] == []


def test_the_installed_models_are_listed_with_their_state_and_their_cards(
    command: Command, node: Node
) -> None:
    served = model(node, "fracture")
    listed = command("models")
    assert listed.exit_code == 0, listed.output
    for part in ("fracture", "on", served["version"], served["weights_sha256"][:12]):
        assert part in listed.stdout.split()
    as_json = {one["name"]: one["state"] for one in json.loads(command("models", "--json").stdout)}
    assert as_json["fracture"] == "on"
    shown = command("models", "show", "fracture")
    served_card = node.api("/api/models/fracture")["card"]
    text = " ".join(shown.stdout.split())
    for sentence in (
        served_card["intended_use"],
        *served_card["limits"],
        *served_card["training_data"],
    ):
        assert " ".join(sentence.split()) in text
    assert "subgroups: hand:" in text


def test_p7_one_model_is_stopped_and_says_so_and_started_again(
    command: Command, node: Node
) -> None:
    assert command("models", "stop", "fracture", "--reason", "odd results").exit_code == 0
    try:
        served = model(node, "fracture")
        assert served["state"] == "stopped"
        assert served["stopped_because"] == "odd results"
        assert served["stopped_by"]
        assert "stopped" in command("models").stdout
    finally:
        assert command("models", "start", "fracture", "--reason", "well again").exit_code == 0
    assert model(node, "fracture")["state"] == "on"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["pin", "2.25.404", "--reason", "why not"], "2.25.404"),
        (["pin", "../etc", "--reason", "why not"], "not a DICOM UID"),
        (["priority", "2.25.8151.1", "--to", "stat", "--reason", " "], "say why"),
        (["ai", "stop", "--detector", "nobody", "--reason", "x"], "nobody"),
        (["models", "stop", "nobody", "--reason", "x"], "nobody"),
        (["models", "show", "nobody"], "nobody"),
        (["models", "add", "nowhere.onnx"], "does not exist"),
        (["models", "remove", "fracture", "--reason", "x"], "was added"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    command: Command, arguments: list[str], said: str
) -> None:
    told = command(*arguments)
    assert told.exit_code == 1
    assert said in told.stderr
    assert len(told.stderr.splitlines()) == 1


def test_the_event_log_is_unbroken_after_all_that(command: Command) -> None:
    told = command("audit", "verify")
    assert told.exit_code == 0, told.output
    assert "unbroken" in told.stdout


def test_p10_a_nodes_roles_connect_as_the_application_and_its_key_is_made(
    command: Command, node: Node
) -> None:
    roles = sa.text(
        "SELECT DISTINCT usename FROM pg_stat_activity"
        " WHERE datname = 'vigie' AND pid <> pg_backend_pid()"
    )
    with node.engine() as engine, engine.connect() as connection:
        connected = connection.execution_options(isolation_level="AUTOCOMMIT")
        wait_until(  # once a minute the owner looks whether old days go
            lambda: list(connected.scalars(roles)) == ["vigie"], "only the application is connected"
        )
    assert (node.data / "record" / "signing_key.pem").stat().st_mode & 0o777 == 0o600
    assert "PUBLIC KEY" in command("audit", "key").stdout


def test_p3_a_place_is_explained_from_the_record(command: Command, node: Node) -> None:
    rows = node.rows()
    seen: list[str] = []
    for row in rows:
        told = json.loads(command("explain", row["study_instance_uid"], "--json").stdout)
        assert (told["place"], told["total"]) == (row["place"], len(rows))
        assert [one["study_instance_uid"] for one in told["rows"]] == [
            one["study_instance_uid"] for one in rows
        ]
        assert told["row"]["reason"] == row["reason"]
        seen += [sha256 for one in told["said"] for _, sha256 in one["instances"] or ()]
    assert seen and all(len(sha256) == 64 for sha256 in seen)


def test_doctor_finds_a_running_node_well(command: Command) -> None:
    told = command("doctor")
    assert told.exit_code == 0, told.output
    lines = told.stdout.splitlines()
    warned = [line for line in lines if not line.startswith("ok ")]
    assert [line.split(":")[0] for line in warned] == ["warn prevalence"], told.output
    for name in (
        "database",
        "record",
        "clock",
        "disk",
        "dicom_port",
        "http_port",
        "detector fracture",
    ):
        assert sum(f" {name}: " in line for line in lines) == 1, told.output
    assert told.stdout.count("a node answers") == 2


def test_doctor_names_everything_that_is_wrong(node: Node) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens: no node of ours
        told = call(
            "doctor",
            VIGIE_DATA=str(node.data),
            VIGIE_DATABASE_URL=f"postgresql://nobody@127.0.0.1:{free_port()}/none",
            VIGIE_DISK_RESERVE_BYTES=str(10**16),
            VIGIE_DICOM_PORT=str(taken.getsockname()[1]),
            VIGIE_HTTP_PORT=str(free_port()),
        )
    assert told.exit_code == 1
    failed = [line.split(":")[0].split()[-1] for line in told.stdout.splitlines() if "FAIL" in line]
    assert failed == ["database", "disk", "dicom_port"], told.output
    assert "is free" in told.stdout


def test_settings_are_all_listed_with_what_is_in_force(tmp_path: Path) -> None:
    (tmp_path / "vigie.toml").write_text('ae_title = "LOOKOUT"\nquiet_period_s = 7\n')
    told = call("settings", "--data", str(tmp_path), VIGIE_QUIET_PERIOD_S="3.5")
    assert told.exit_code == 0, told.output
    for name in Settings.model_fields:
        assert any(line.startswith(name[:12]) for line in told.stdout.splitlines()), name
    assert "LOOKOUT" in told.stdout  # of the file
    assert "3.5" in told.stdout  # a variable weighs more than the file


@pytest.mark.parametrize(
    ("environment", "file", "name"),
    [
        ({"VIGIE_QUIET_PERIOD_S": "-1"}, "", "quiet_period_s"),
        ({"VIGIE_DICOM_PORT": "70000"}, "", "dicom_port"),
        ({"VIGIE_QUIET_PERIODS": "5"}, "", "VIGIE_QUIET_PERIODS"),
        ({}, "stat_target_min = 'soon'\n", "stat_target_min"),
        ({}, "no_such = 1\n", "no_such"),
        ({}, "this is no TOML\n", "vigie.toml"),
    ],
)
@pytest.mark.parametrize("name_of_command", ["settings", "worklist", "doctor"])
def test_a_wrong_setting_is_named_and_the_exit_code_is_2(
    tmp_path: Path, environment: dict[str, str], file: str, name: str, name_of_command: str
) -> None:
    (tmp_path / "vigie.toml").write_text(file)
    told = call(name_of_command, "--data", str(tmp_path), **environment)
    assert told.exit_code == 2
    assert name in told.stderr.replace("\n", "")
    assert "Traceback" not in told.output


def test_what_a_node_refuses_is_named_with_the_reason(tmp_path: Path) -> None:
    study = make_study(tmp_path, 60)
    text = tmp_path / "letter.txt"
    text.write_text("no DICOM at all")
    with listening(tmp_path / "full", disk_reserve_bytes=10**16) as full:
        told = full.run("send", "127.0.0.1", str(full.dicom_port), str(study.path), str(text))
    assert told.returncode == 1
    assert f"refused {text}: not a DICOM file" in told.stderr
    assert f"refused {study.path}: status 0xA700: the disk is nearly full" in told.stderr
    assert "0 of 1 DICOM files were taken" in told.stdout
    assert list((full.data / "inbox").glob("*.dcm")) == []


def test_sending_to_nobody_is_said_in_one_line(tmp_path: Path) -> None:
    study = make_study(tmp_path, 61)
    nobody = Node(tmp_path / "nobody")
    told = nobody.run("send", "127.0.0.1", str(nobody.dicom_port), str(study.path))
    assert told.returncode == 1
    at = f"127.0.0.1:{nobody.dicom_port}"
    last = told.stderr.splitlines()[-1]
    assert last == f"Nothing listens at {at}: check the port, and whether the node runs."


def test_sending_a_folder_says_how_many_were_taken(command: Command, node: Node) -> None:
    folder = Path(__file__).parents[2] / "test_images" / "leg_intact"
    told = command("send", "127.0.0.1", str(node.dicom_port), str(folder))
    assert told.exit_code == 0, told.output
    assert "1 of 1 DICOM files were taken" in told.stdout


def test_a_model_of_somebody_else_is_added_to_a_running_node_and_taken_away(
    command: Command, node: Node, studies: list[MadeStudy], tmp_path: Path
) -> None:
    onnx = write_brightest(tmp_path / "bright.onnx", (1, 1, 64, 64))
    taken = 'modality = ["DX"]\nsize = [64, 64]\nwindow = "image"'
    (tmp_path / "bright.toml").write_text(card(taken=taken))
    added = command("models", "add", str(onnx))
    assert added.exit_code == 0, added.output

    def models() -> list[str]:
        return [one["name"] for one in node.api("/api/models")]

    wait_until(lambda: "fracture.bright" in models(), "the worker has noticed", 60)
    assert node.api("/api/models/fracture.bright")["card"]["licence"] == "Apache-2.0"
    assert command("models", "start", "fracture.bright", "--reason", "a trial").exit_code == 0
    wait_until(lambda: _state(node, studies[0]) == "flagged", "it has looked", 60, node.tail)
    head = studies[3]
    wait_until(lambda: _state(node, head) == "not_applicable", "at the head CT too", 60, node.tail)
    removed = command("models", "remove", "fracture.bright", "--reason", "the trial is over")
    assert removed.exit_code == 0, removed.output
    wait_until(lambda: "fracture.bright" not in models(), "the worker has noticed", 60)
    assert command("audit", "verify").exit_code == 0


def _state(node: Node, study: MadeStudy) -> str:
    return {one["name"]: one["state"] for one in row_of(node, study)["detectors"]}[
        "fracture.bright"
    ]

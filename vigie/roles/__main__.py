"""``python -m vigie.roles NAME``: a role as the supervisor starts it, without the command line.

Everything is set by variables; the command line would bring in every library there is.
"""

import os
import sys

import structlog

from vigie.logs import configure_logs
from vigie.roles import run_role
from vigie.settings import load_settings


def main() -> None:
    """Run the role named by the first argument."""
    name = sys.argv[1]
    os.umask(0o077)  # what a node keeps is for its account alone
    settings = load_settings()
    configure_logs(settings, name)
    try:
        run_role(name, settings)
    except Exception:  # noqa: BLE001  (the boundary of the process: said in the log, then it ends)
        structlog.get_logger(__name__).exception("role_failed")
        sys.exit(1)


if __name__ == "__main__":
    main()

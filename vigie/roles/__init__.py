"""The roles a node consists of; each is one process that runs until asked to stop.

One module a role, imported only by its own process: a listener holds no networks in memory.
"""

from importlib import import_module

from vigie.settings import Settings

ROLES = {
    "listen": "Receive objects from the network into the inbox.",
    "file": "File received objects, and queue studies that are complete.",
    "work": "Run detectors on the studies in the queue.",
    "deliver": "Make objects of results and send them to the destinations that are set.",
    "web": "Serve the reading worklist to browsers.",
    "notify": "Tell notification channels what is flagged.",
    "keep": "Keep the record: seal its days, and take away those that are too old.",
    "exchange": "Exchange HL7 messages with the RIS.",
}


def run_role(name: str, settings: Settings) -> None:
    """Run one role until it is asked to stop."""
    import_module(f"vigie.roles.{name}").run(settings)

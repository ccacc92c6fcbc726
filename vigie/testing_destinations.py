"""Whether a destination is there: asked by people, from the page or on the command line."""

from collections.abc import Callable

from vigie.settings import Settings
from worklist.outbound import UnknownDestination


def tester(settings: Settings) -> Callable[[str], tuple[bool, str]]:
    """Asks a destination by its name (`viewer.ports.TestDestination`)."""

    def test(name: str) -> tuple[bool, str]:
        # Here: most processes send nothing, and need nothing of what sending brings along.
        from results.sending import transport
        from results.sending.errors import DestinationUnavailable

        found = next((one for one in settings.destinations if one.name == name), None)
        if found is None:
            raise UnknownDestination(f"no destination {name} is set")
        try:
            return True, transport.test(found.destination(settings.ae_title))
        except DestinationUnavailable as error:
            return error.is_alive, str(error)

    return test

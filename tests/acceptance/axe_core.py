"""What axe-core finds wrong with a page for people who see, hear or move otherwise."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

_SERIOUS = frozenset({"serious", "critical"})


def serious(page: Page) -> list[str]:
    """What axe-core finds to be serious or critical, one line for each element."""
    page.wait_for_timeout(400)  # what was opened glides
    answer = Axe().run(page).response
    return [
        f"{found['impact']} {found['id']}: {node['html'][:160]} {node['failureSummary']}"
        for found in answer["violations"]
        if found["impact"] in _SERIOUS
        for node in found["nodes"]
    ]

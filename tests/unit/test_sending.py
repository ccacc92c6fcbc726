"""The sender's gate: it holds pynetdicom's reactor thread for certain."""

import threading

from vigie.sending import Gate


class Reactor(threading.Thread):
    """Walks through the gate as often as it is let."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.gate = Gate(self)
        self.ends = False
        self.passes = 0

    def run(self) -> None:
        while not self.ends:
            self.gate.wait()
            self.passes += 1


def test_nobody_passes_a_gate_that_was_shut() -> None:
    reactor = Reactor()
    reactor.start()
    for _ in range(300):
        reactor.gate.clear()
        before = reactor.passes
        assert not threading.Event().wait(0.0001)
        assert reactor.passes == before
        reactor.gate.set()
    reactor.ends = True
    reactor.join(timeout=5)
    assert not reactor.is_alive()
    assert reactor.passes > 0


def test_a_gate_is_shut_at_once_when_nobody_is_left_to_wait() -> None:
    reactor = Reactor()
    reactor.ends = True
    reactor.start()
    reactor.join(timeout=5)
    reactor.gate.clear()
    assert not reactor.gate.is_set()


def test_a_reactor_may_shut_the_gate_itself() -> None:
    shut = threading.Event()

    class Closing(Reactor):
        def run(self) -> None:
            self.gate.clear()
            shut.set()

    Closing().start()
    assert shut.wait(5)

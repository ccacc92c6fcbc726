"""The reading worklist of one site: what can happen to it, each as one transaction with its events.

Rules are in `due_time`, `order`, `oversight` and `reading`; SQL is in `worklist.store`. The
methods are where the two meet. Every one takes ``now``; none reads a clock.
"""

from worklist.arrivals import Arrivals
from worklist.assessments import Assessments
from worklist.claiming import Claiming
from worklist.concluding import Concluding
from worklist.exchange import Exchange
from worklist.overruling import Overruling


class Worklist(Arrivals, Assessments, Overruling, Claiming, Concluding, Exchange):
    """Arrivals for listeners, assessments for workers, the rest for people and the RIS."""

"""Which flag is told on which channel, and when; never twice for one finding of one study."""

import uuid
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders import FRACTURE, HAEMORRHAGE, MINUTE, NOON, STUDY, arrival, provenance
from tests.fake_notifications import FakeNotifications
from tests.fakes import FakeStore
from worklist.due_time import DueTargets
from worklist.finding import Flagged, NotFlagged, TargetFinding
from worklist.highlighting import Highlighting, Modes
from worklist.hours import Hours
from worklist.notifications import Notifications
from worklist.notifying import (
    BEGUN,
    IN_HAND,
    MOST_REFUSALS,
    OUTSIDE_HOURS,
    READ_BEFORE,
    STOPPED,
    TOO_LATE,
    WITHDRAWN,
    Answer,
    Caveat,
    Channel,
    Confirmed,
    Flag,
    Notification,
    NotificationState,
    PatientDatum,
    Refused,
    Standing,
    Unanswered,
    answered,
    begun,
    caveats_of,
    decided,
    notice,
    notification_id,
    pause_after,
    planned,
)
from worklist.oversight import AISwitch
from worklist.reading import WrongReadingState
from worklist.service import Worklist
from worklist.study import Completeness
from worklist.uid import StudyInstanceUID

LIMIT = 60 * MINUTE
SECOND = timedelta(seconds=1)
EVERYTHING = Channel(name="pager", findings=frozenset(TargetFinding))
PARIS = ZoneInfo("Europe/Paris")  # noon in UTC is 13:00 there
MORNINGS = Hours(zone=PARIS, begins=time(7, 30), ends=time(12))
GOING = AISwitch()


def flag(probability: float = 0.9, at: datetime = NOON, number: int = 1) -> Flag:
    return Flag(
        outcome_id=number,
        study_instance_uid=STUDY,
        detector=FRACTURE,
        probability=probability,
        flagged_at=at,
    )


def plan(channel: Channel = EVERYTHING, after: timedelta = SECOND) -> Notification:
    return planned(channel, flag(), limit=LIMIT, now=NOON + after, unseen_at=None)


def decide(
    one: Notification,
    channel: Channel = EVERYTHING,
    *,
    is_read: bool = False,
    switch: AISwitch = GOING,
    in_force: tuple[Flag, ...] = (flag(),),
    after: timedelta = SECOND,
) -> Flag | Notification:
    standing = Standing(is_read=is_read, switch=switch, in_force=in_force)
    return decided(one, channel, standing, Modes(), limit=LIMIT, now=NOON + after)


def tried(one: Notification, answer: Answer) -> Notification:
    return answered(begun(one, flag(), NOON), answer, NOON)


@pytest.mark.parametrize(
    ("least", "probability", "wanted"),
    [(None, 0.4, True), (0.8, 0.79, False), (0.8, 0.8, True), (0.8, 0.81, True)],
)
def test_a_least_probability_leaves_out_flags_below_it(
    least: float | None, probability: float, wanted: bool
) -> None:
    channel = replace(EVERYTHING, least_probability=least)
    assert channel.wants(flag(probability), Modes()) is wanted


@pytest.mark.parametrize("mode", [Highlighting.AFTER_FIRST_LOOK, Highlighting.TRIAGE_ONLY])
def test_a_least_probability_tells_nothing_of_one_that_is_not_shown(mode: Highlighting) -> None:
    channel = replace(EVERYTHING, least_probability=0.9)
    assert not channel.wants(flag(0.6), Modes())
    assert channel.wants(flag(0.6), Modes(chosen={"fracture": mode}))


def test_a_channel_is_told_of_the_findings_that_it_is_for() -> None:
    assert EVERYTHING.wants(flag(), Modes())
    nodules = replace(EVERYTHING, findings=frozenset({TargetFinding.PULMONARY_NODULE}))
    assert not nodules.wants(flag(), Modes())


@pytest.mark.parametrize(
    ("after", "state"),
    [
        (LIMIT - SECOND, NotificationState.WAITING),
        (LIMIT, NotificationState.WAITING),
        (LIMIT + SECOND, NotificationState.TOO_LATE),
    ],
)
def test_what_is_found_after_the_limit_is_kept_as_too_late(
    after: timedelta, state: NotificationState
) -> None:
    assert plan(after=after).state is state


def test_outside_its_hours_a_channel_waits_for_them_or_is_not_told() -> None:
    waits = plan(replace(EVERYTHING, hours=MORNINGS))
    morning = datetime(2026, 3, 3, 7, 30, tzinfo=PARIS)
    assert (waits.state, waits.due_at) == (NotificationState.WAITING, morning)
    assert waits.expires_at == morning + LIMIT  # counted from when somebody is there
    dropped = plan(replace(EVERYTHING, hours=MORNINGS, waits=False))
    assert (dropped.state, dropped.words) == (NotificationState.NOT_TOLD, OUTSIDE_HOURS)


def test_hours_that_end_before_it_could_be_told_put_it_off() -> None:
    until_one = replace(MORNINGS, ends=time(13, 0, 30))
    channel = replace(EVERYTHING, hours=until_one)
    told = decide(plan(channel), channel, after=timedelta(seconds=29))
    assert told == flag()
    put_off = decide(plan(channel), channel, after=timedelta(seconds=30))
    assert isinstance(put_off, Notification)
    morning = datetime(2026, 3, 3, 7, 30, tzinfo=PARIS)
    assert (put_off.due_at, put_off.expires_at) == (morning, morning + LIMIT)


def test_hours_that_end_put_it_off_once_or_drop_it() -> None:
    channel = replace(EVERYTHING, hours=replace(MORNINGS, begins=time(13), ends=time(13, 30)))
    one = plan(channel)
    now = NOON
    for _ in range(100):  # nobody ever answers
        told = decide(one, channel, after=now - NOON)
        if isinstance(told, Flag):
            one = answered(begun(one, told, now), Unanswered("late"), now)
        else:
            one = told
        if one.state is not NotificationState.WAITING:
            break
        now = max(now, one.due_at)
    assert (one.state, one.words) == (NotificationState.PARKED, "late")
    assert now < NOON + timedelta(days=2)
    dropping = replace(channel, waits=False)
    ended = decide(plan(dropping), dropping, after=31 * MINUTE)
    assert isinstance(ended, Notification)
    assert (ended.state, ended.words) == (NotificationState.NOT_TOLD, OUTSIDE_HOURS)


@pytest.mark.parametrize("ahead", [timedelta(minutes=10), timedelta(), -2 * LIMIT])
def test_the_clock_of_a_worker_neither_delays_nor_outdates_a_flag(ahead: timedelta) -> None:
    flagged = flag(at=NOON + ahead)
    one = planned(EVERYTHING, flagged, limit=LIMIT, now=NOON, unseen_at=NOON - MINUTE)
    assert one.state is NotificationState.WAITING
    assert NOON - MINUTE <= one.due_at <= NOON
    assert one.expires_at == one.due_at + LIMIT


def test_a_failure_that_is_heard_late_undoes_nothing() -> None:
    delivered = tried(plan(), Confirmed("ok"))
    for answer in (Unanswered("late"), Refused("no"), Confirmed("ok, once more")):
        assert answered(delivered, answer, NOON + MINUTE) == delivered
    read = replace(plan(), state=NotificationState.NOT_TOLD, words=READ_BEFORE)
    assert answered(read, Unanswered("late"), NOON) == read
    assert answered(read, Confirmed("ok"), NOON).state is NotificationState.DELIVERED


def test_a_try_is_counted_and_put_off_before_it_is_made() -> None:
    one = begun(plan(), flag(number=7), NOON)
    assert (one.attempts, one.outcome_id, one.words) == (1, 7, BEGUN)
    assert one.due_at == NOON + IN_HAND
    much_tried = begun(replace(plan(), attempts=99), flag(), NOON)
    assert much_tried.due_at == NOON + 5 * MINUTE


def test_who_has_it_is_kept_until_all_have_it() -> None:
    one = begun(plan(), flag(), NOON)
    one = answered(one, Unanswered("not for a", reached=("b", "c")), NOON)
    one = answered(begun(one, flag(), NOON), Unanswered("no answer"), NOON)
    assert one.reached == ("b", "c")
    one = answered(begun(one, flag(), NOON), Refused("not for a", reached=("d",)), NOON)
    assert one.reached == ("b", "c", "d")
    assert notice(one, EVERYTHING, flag(), {}, Modes()).reached == ("b", "c", "d")
    parked = replace(one, state=NotificationState.PARKED)
    late = answered(parked, Refused("not for a", reached=("e",)), NOON)
    assert (late.state, late.reached) == (parked.state, ("b", "c", "d", "e"))
    one = answered(begun(one, flag(), NOON), Confirmed("ok"), NOON)
    assert (one.state, one.reached) == (NotificationState.DELIVERED, ())  # again: to all of them


@pytest.mark.parametrize(
    ("by_hand", "after", "is_read", "expected"),
    [
        (True, LIMIT, False, ()),
        (True, LIMIT + timedelta(seconds=1), False, (Caveat.LATE,)),
        (True, LIMIT, True, (Caveat.READ,)),
        (True, LIMIT * 9, True, (Caveat.LATE, Caveat.READ)),
        (False, LIMIT * 9, True, ()),
    ],
)
def test_what_a_person_asked_for_says_that_it_is_late_or_was_read_since(
    by_hand: bool, after: timedelta, is_read: bool, expected: tuple[Caveat, ...]
) -> None:
    standing = Standing(is_read=is_read, switch=AISwitch(), in_force=(flag(),))
    one = replace(plan(), by_hand=by_hand)
    found = caveats_of(one, EVERYTHING, standing, limit=LIMIT, now=one.flagged_at + after)
    assert found == expected


def test_the_limit_of_what_waited_for_hours_counts_from_their_beginning() -> None:
    waits = replace(EVERYTHING, hours=replace(MORNINGS, begins=time(20), ends=time(22)))
    one = replace(plan(), by_hand=True)
    opens = waits.opens(one.flagged_at)
    assert opens > one.flagged_at + LIMIT
    standing = Standing(is_read=False, switch=AISwitch(), in_force=(flag(),))
    for seconds, expected in ((0, ()), (1, (Caveat.LATE,))):
        now = opens + LIMIT + timedelta(seconds=seconds)
        assert caveats_of(one, waits, standing, limit=LIMIT, now=now) == expected


def test_each_asking_of_a_person_is_told_apart() -> None:
    def asked(one: Notification) -> str:
        return notice(one, EVERYTHING, flag(), {}, Modes()).asked_for

    first, second = (plan().sent_again(LIMIT, NOON + after) for after in (SECOND, MINUTE))
    assert asked(plan()) == ""
    assert asked(first) == asked(tried(first, Unanswered("late")))
    assert len({"", asked(first), asked(second)}) == 3


def test_nothing_is_told_while_ai_is_stopped() -> None:
    for switch in (AISwitch(whole=True), AISwitch(detectors=frozenset({"fracture"}))):
        held = decide(plan(), switch=switch)
        assert isinstance(held, Notification)
        assert (held.state, held.words) == (NotificationState.WAITING, STOPPED)
        by_hand = decide(plan().sent_again(LIMIT, NOON), switch=switch)
        assert isinstance(by_hand, Notification)
        ended = decide(held, switch=switch, after=LIMIT + SECOND)
        assert isinstance(ended, Notification)
        assert (ended.state, ended.words) == (NotificationState.TOO_LATE, STOPPED)
    assert decide(plan(), switch=AISwitch(detectors=frozenset({"nodule"}))) == flag()


def test_a_flag_that_was_withdrawn_waits_for_another_one() -> None:
    held = decide(plan(), in_force=())
    assert isinstance(held, Notification)
    assert (held.state, held.words) == (NotificationState.WAITING, WITHDRAWN)
    again = flag(0.7, NOON + MINUTE, number=2)
    assert decide(held, in_force=(again,), after=2 * MINUTE) == again
    by_hand = decide(held.sent_again(LIMIT, NOON), in_force=())  # it would be told what is not so
    assert isinstance(by_hand, Notification)


def test_a_study_that_was_read_is_not_told_unless_a_person_asks() -> None:
    ended = decide(plan(), is_read=True)
    assert isinstance(ended, Notification)
    assert (ended.state, ended.words) == (NotificationState.NOT_TOLD, READ_BEFORE)
    assert decide(ended.sent_again(LIMIT, NOON), is_read=True) == flag()


def test_a_person_who_asks_is_not_put_off_by_hours() -> None:
    channel = replace(EVERYTHING, hours=MORNINGS)
    again = plan(channel).sent_again(LIMIT, NOON)
    assert decide(again, channel) == flag()
    assert again.notification_id == plan(channel).notification_id


def test_what_was_tried_and_is_too_old_is_parked() -> None:
    late = tried(plan(), Unanswered("no answer within 10 s"))
    ended = decide(late, after=LIMIT + SECOND)
    assert isinstance(ended, Notification)
    assert (ended.state, ended.words) == (NotificationState.PARKED, "no answer within 10 s")
    never = decide(plan(), after=LIMIT + SECOND)
    assert isinstance(never, Notification)
    assert (never.state, never.words) == (NotificationState.TOO_LATE, TOO_LATE)


def test_refusals_are_tried_a_few_times_then_parked() -> None:
    one = plan()
    for _ in range(MOST_REFUSALS - 1):
        one = tried(one, Refused("answered 401 Unauthorized"))
        assert one.due_at == NOON + 5 * MINUTE  # longer than it takes to install a receiver anew
        assert one.state is NotificationState.WAITING
    one = tried(one, Refused("answered 401 Unauthorized"))
    assert (one.state, one.attempts) == (NotificationState.PARKED, MOST_REFUSALS)
    assert one.sent_again(LIMIT, NOON).refusals == 0


@pytest.mark.parametrize(
    ("asked", "state"),
    [
        (LIMIT - SECOND, NotificationState.WAITING),
        (LIMIT, NotificationState.WAITING),
        (LIMIT + SECOND, NotificationState.PARKED),
    ],
)
def test_who_asks_to_come_back_later_is_heeded_within_the_limit(
    asked: timedelta, state: NotificationState
) -> None:
    one = tried(plan(), Unanswered("answered 429 Too Many Requests", pause=asked))
    assert one.state is state
    assert one.due_at == NOON + asked


def test_pauses_grow_to_five_minutes() -> None:
    pauses = [pause_after(number).total_seconds() for number in range(1, 9)]
    assert pauses == [5, 10, 20, 40, 80, 160, 300, 300]
    assert pause_after(10**6) == 5 * MINUTE


@pytest.mark.parametrize(
    ("mode", "told"),
    [
        (Highlighting.AT_ONCE, 0.9),
        (Highlighting.AFTER_FIRST_LOOK, None),
        (Highlighting.TRIAGE_ONLY, None),
    ],
)
def test_a_probability_that_is_not_shown_is_not_told(
    mode: Highlighting, told: float | None
) -> None:
    modes = Modes(chosen={"fracture": mode})
    assert notice(plan(), EVERYTHING, flag(), {}, modes).probability == told


@given(tells=st.frozensets(st.sampled_from(PatientDatum)), filled=st.booleans())
def test_what_a_channel_may_not_tell_is_not_in_its_notice(
    tells: frozenset[PatientDatum], filled: bool
) -> None:
    study = {datum: f"the {datum}" if filled else "" for datum in PatientDatum}
    told = notice(plan(), replace(EVERYTHING, tells=tells), flag(), study, Modes())
    assert set(told.study) == (tells if filled else set())


def test_the_default_tells_an_accession_number_and_no_name() -> None:
    assert EVERYTHING.tells == {PatientDatum.ACCESSION_NUMBER}


def test_an_id_follows_from_study_finding_and_channel() -> None:
    fracture = TargetFinding.FRACTURE
    ids = {
        notification_id("pager", STUDY, fracture),
        notification_id("mail", STUDY, fracture),
        notification_id("pager", STUDY, TargetFinding.PULMONARY_NODULE),
        notification_id("pager", StudyInstanceUID("1.2.4"), fracture),
    }
    assert len(ids) == 4
    assert notification_id("pager", STUDY, fracture) in ids


class Site:
    """A worklist and its channels in memory, with every notice that a receiver got."""

    channels = (
        EVERYTHING,
        Channel(
            name="mail",
            findings=frozenset({TargetFinding.FRACTURE}),
            least_probability=0.6,
            hours=replace(MORNINGS, ends=time(13, 10)),
        ),
    )
    studies = (STUDY, StudyInstanceUID("1.2.4"))

    def __init__(self) -> None:
        self.now = NOON
        store = FakeStore()
        self.store = store
        self.worklist = Worklist(store, DueTargets())
        self.told = Notifications(
            FakeNotifications(store), self.channels, modes=Modes(), limit=LIMIT
        )
        self.received: Counter[tuple[str, str, str]] = Counter()
        self.confirmed: Counter[tuple[str, str, str]] = Counter()
        self.resent: Counter[tuple[str, str, str]] = Counter()
        self.ids: dict[tuple[str, str, str], set[uuid.UUID]] = {}
        self.reached: Counter[tuple[tuple[str, str, str], str]] = Counter()  # with the receiver
        for uid in self.studies:
            self.worklist.record_arrivals([arrival(f"{uid}.1", study=uid)], now=self.now)
            self.worklist.complete_study(uid, completeness=Completeness.COMPLETE, now=self.now)

    def outcome(self, study: int, bleeds: bool, probability: float) -> None:
        detector = HAEMORRHAGE if bleeds else FRACTURE
        flagged = probability >= detector.operating_point
        outcome = (Flagged if flagged else NotFlagged)(probability=probability)
        self.worklist.record_outcome(
            self.studies[study], 1, outcome, provenance(detector, at=self.now), now=self.now
        )

    def tell(self, channel: int, answer: Answer | None) -> None:
        """Find and tell what is due; None: it arrives, and the process dies before it knows."""
        name = self.channels[channel].name
        self.told.find(name, self.now)
        told = self.told.next(name, self.now)
        if told is None:
            return
        flag_told = told.notice.flag
        assert flag_told is not None
        assert not self.worklist.ai_switch().is_stopped(flag_told.detector.name)
        key = (name, flag_told.study_instance_uid, flag_told.target)
        if told.notification.by_hand is False:
            assert self.channels[channel].opens(self.now) == self.now
            assert self.channels[channel].wants(flag_told, Modes())
            assert self.now <= told.notification.expires_at
        assert self.confirmed[key] == 0 or self.resent[key], "told twice"
        self.received[key] += 1
        self.ids.setdefault(key, set()).add(told.notice.notification_id)
        if answer is not None:
            asked = {"a", "b"} - set(told.notice.reached)
            has_it = asked if isinstance(answer, Confirmed) else asked & set(answer.reached)
            self.reached.update((key, one) for one in has_it)
            self.told.record(told, answer, self.now)
            self.confirmed[key] += isinstance(answer, Confirmed)

    def again(self, which: int) -> None:
        known = self.told.newest()
        if known:
            one = known[which % len(known)].notification
            self.told.send_again(one.notification_id, actor="person anna", now=self.now)
            self.resent[(one.channel, one.study_instance_uid, one.target)] += 1

    def read(self, study: int, is_read: bool) -> None:
        change = self.worklist.mark_read if is_read else self.worklist.reopen
        with suppress(WrongReadingState):
            change(self.studies[study], actor="anna", reason="on paper, or not", now=self.now)

    def switch(self, stop: bool) -> None:
        change = self.worklist.stop_ai if stop else self.worklist.start_ai
        change(None, installed=["fracture"], actor="anna", reason="odd", now=self.now)


telling = st.tuples(
    st.just("tell"),
    st.integers(0, 1),
    st.sampled_from(
        [
            Confirmed("ok"),
            Confirmed("ok"),
            Refused("no"),
            Refused("not for b", reached=("a",)),
            Unanswered("late"),
            Unanswered("not for a", reached=("b",)),
            None,
        ]
    ),
)
flagging = st.tuples(
    st.just("outcome"), st.integers(0, 1), st.booleans(), st.sampled_from([0.1, 0.55, 0.7, 0.95])
)
steps = st.one_of(
    telling,
    telling,
    telling,
    flagging,
    flagging,
    st.tuples(st.just("switch"), st.booleans()),
    st.tuples(st.just("read"), st.integers(0, 1), st.booleans()),
    st.tuples(st.just("later"), st.sampled_from([1.0, 6.0, 60.0, 600.0, 4000.0, 70_000.0])),
)


def do(site: Site, step: tuple[object, ...]) -> None:
    match step:
        case ("later", float(seconds)):
            site.now += timedelta(seconds=seconds)
        case (str(name), *values):
            getattr(site, name)(*values)


@settings(max_examples=200)
@given(st.lists(steps, min_size=5, max_size=40))
def test_one_finding_of_one_study_is_told_once_whatever_happens(
    chosen: list[tuple[object, ...]],
) -> None:
    site = Site()
    for step in chosen:
        do(site, step)
    assert all(count <= 1 for count in site.confirmed.values())
    assert all(count <= 1 for count in site.reached.values())  # whoever else lacks it
    assert all(len(ids) == 1 for ids in site.ids.values())  # a receiver can tell a repeat


@settings(max_examples=200)
@given(
    st.lists(
        st.one_of(steps, st.tuples(st.just("again"), st.integers(0, 5))), min_size=5, max_size=30
    )
)
def test_only_a_person_has_something_told_again_and_its_id_stays(
    chosen: list[tuple[object, ...]],
) -> None:
    site = Site()
    for step in chosen:
        do(site, step)
    for key, count in site.confirmed.items():
        assert count <= 1 + site.resent[key]
        for one in ("a", "b"):
            assert site.reached[key, one] <= 1 + site.resent[key]
        assert len(site.ids[key]) == 1


@settings(max_examples=200)
@given(st.lists(steps, min_size=5, max_size=25))
def test_every_flag_that_a_channel_wants_ends_told_or_with_a_reason(
    chosen: list[tuple[object, ...]],
) -> None:
    site = Site()
    for step in chosen:
        do(site, step)
    for channel in site.channels:
        site.told.find(channel.name, site.now)
        kept = {
            (one.notification.study_instance_uid, one.notification.target): one.notification
            for one in site.told.newest()
            if one.notification.channel == channel.name
        }
        for one in FakeNotifications(site.store).untold("nobody", list(TargetFinding), NOON, 0):
            if channel.wants(one, Modes()) and site.now - one.flagged_at < LIMIT:
                found = kept[one.study_instance_uid, one.target]
                never_told = found.state in {NotificationState.TOO_LATE, NotificationState.NOT_TOLD}
                assert found.words or found.state is NotificationState.WAITING
                assert not never_told or found.outcome_id >= one.outcome_id  # it itself had a turn
                assert found.expires_at <= site.now + timedelta(days=1) + LIMIT

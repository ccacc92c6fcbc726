"""What of a simulation is counted: whole days with an hourly profile; what is too much."""

import pytest

from worklist.simulation import simulate
from worklist.simulation_length import (
    MOST_READINGS,
    Days,
    Run,
    SimulationTooLong,
    check_length,
    days_of,
    readings,
    studies_of,
    warm_up_studies,
)
from worklist.simulation_policies import Policy
from worklist.simulation_setting import ReadingTime, ReadingTimeShape, Setting, StudyKind
from worklist.simulation_studies import StudyClass, make_days, make_studies

DAY = 1440.0
PROFILE = tuple(map(float, "111111235666556654322211"))


def room(readers: int, reading_min: float = 5.0) -> Setting:
    kind = StudyKind(reading=ReadingTime(mean_min=reading_min), findings=())
    return Setting(readers=readers, hourly_profile=PROFILE, kinds=(kind,))


@pytest.mark.parametrize("readers", [1, 20, 40])
def test_every_hour_of_a_day_is_counted_as_often_as_the_others(readers: int) -> None:
    setting, run = room(readers), Run(studies=500)
    days = days_of(setting, run)
    assert days is not None
    studies, counted = studies_of(setting, run, 0)
    arrived = [one.arrived_min for one in studies[counted]]
    end = days.before + days.counted
    assert days.before * DAY <= arrived[0] < (days.before + 0.1) * DAY
    assert (end - 0.1) * DAY < arrived[-1] < end * DAY
    assert studies[-1].arrived_min > (days.all - 0.1) * DAY
    assert {int(one % DAY // 60) for one in arrived} == set(range(24))
    assert len(arrived) == pytest.approx(days.counted * setting.arrivals_per_min * DAY, rel=0.15)


def test_forty_readers_count_a_day_after_two() -> None:
    assert days_of(room(40), Run()) == Days(before=2, counted=1, after=1)
    assert days_of(Setting(), Run()) is None


def test_many_readers_wait_as_they_do_over_many_days() -> None:
    """Of 300 studies after 503, always of the same hours, the mean is 143 and not 112 min."""
    setting = room(20, reading_min=20.0)
    short, long = (
        simulate(setting, (), run=run)[Policy.WITHOUT_AI][StudyClass.ALL].mean
        for run in (Run(replications=6, studies=300), Run(replications=3, studies=8 * 1152, seed=2))
    )
    assert short.low is not None
    assert short.high is not None
    assert short.low < long.value < short.high
    assert short.high - short.value < 0.35 * long.value


def test_days_hold_the_studies_that_are_made_one_by_one() -> None:
    setting = room(2)
    studies = make_days(setting, 2, "1")
    more = make_studies(setting, len(studies) + 1, "1")
    assert studies == more[:-1]
    assert studies[-1].arrived_min < 2 * DAY <= more[-1].arrived_min


def test_reading_times_that_vary_more_warm_up_longer() -> None:
    reading = ReadingTime(shape=ReadingTimeShape.LOGNORMAL, variation=3.0)
    varied = Setting(kinds=(StudyKind(reading=reading),))
    assert warm_up_studies(varied) == pytest.approx(5 * warm_up_studies(Setting()), rel=0.01)
    constant = ReadingTime(shape=ReadingTimeShape.CONSTANT)
    assert warm_up_studies(Setting(kinds=(StudyKind(reading=constant),))) == 503


def test_what_is_refused_names_a_traffic_that_is_not() -> None:
    with pytest.raises(SimulationTooLong, match=r"a traffic of 0\.99\d can be") as refused:
        check_length(Setting(traffic=0.999), 5, Run(replications=20))
    traffic = float(str(refused.value).split(" of ")[1].split()[0])
    check_length(Setting(traffic=traffic), 5, Run(replications=20))
    assert readings(Setting(traffic=traffic), 5, Run(replications=20)) <= MOST_READINGS


def test_what_is_simulated_is_what_is_counted_on() -> None:
    for setting in (Setting(), room(5)):
        run = Run(replications=2, studies=400)
        made = len(studies_of(setting, run, 0)[0])
        assert made == pytest.approx(readings(setting, 1, run) / 2, rel=0.1)

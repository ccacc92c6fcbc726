"""Files what was received, hands complete studies to the detectors, and vouches for objects."""

import threading
from datetime import timedelta

import sqlalchemy as sa

from dicom_listener.completion import CompletionSettings
from dicom_listener.indexer import IndexerSettings
from dicom_listener.indexer import run as run_indexer
from results.sending.commitment import report
from results.sending.destination import DimseDestination, Tls
from vigie.commitment_answers import CommitmentAnswers, CommitmentSettings
from vigie.processes import stop_event
from vigie.settings import Settings
from vigie.wiring import make_worklist, migrated_engine, utc_now, wait_for_database
from worklist.store.archive import PostgresArchive


def run(settings: Settings) -> None:
    """File until asked to stop."""
    stop = stop_event()
    with migrated_engine(settings) as engine:
        if not wait_for_database(engine, stop):
            return
        answers = commitment_answers(settings, engine)
        answering = threading.Thread(target=answers.run, args=(stop,), daemon=True)
        answering.start()
        try:
            run_indexer(indexer_settings(settings), make_worklist(settings, engine), stop, utc_now)
        finally:
            stop.set()
            answering.join(timeout=5)  # what is cut here is told again


def commitment_answers(settings: Settings, engine: sa.Engine) -> CommitmentAnswers:
    """What answers peers that ask whether their objects are kept."""
    return CommitmentAnswers(
        CommitmentSettings(
            data=settings.data,
            ae_title=settings.ae_title,
            peers=commitment_peers(settings),
            limit=timedelta(hours=settings.commitment_answer_limit_h),
        ),
        find=PostgresArchive(engine, settings.archive).by_uid,
        report=report,
        clock=utc_now,
    )


def commitment_peers(settings: Settings) -> dict[str, DimseDestination]:
    """Where those that ask for storage commitment listen; a destination may be among them.

    Over TLS we are who we are to those that send to us, and believe whom we believe there.
    """
    known = [one.destination(settings.ae_title) for one in settings.destinations]
    peers = {one.called_ae_title: one for one in known if isinstance(one, DimseDestination)}
    tls = Tls(
        ca=settings.commitment_tls_ca or settings.tls_client_ca,
        certificate=settings.tls_certificate,
        key=settings.tls_key,
        check_host_name=settings.commitment_tls_check_host_name,
    )
    for title, (host, port, is_tls) in settings.commitment_addresses.items():
        peers[title] = DimseDestination(
            name=title,
            host=host,
            port=port,
            called_ae_title=title,
            calling_ae_title=settings.ae_title,
            tls=tls if is_tls else None,
        )
    return peers


def indexer_settings(settings: Settings) -> IndexerSettings:
    """The indexer's part of the settings."""
    return IndexerSettings(
        data=settings.data,
        completion=CompletionSettings(
            quiet_period_s=settings.quiet_period_s,
            open_association_quiet_period_s=settings.open_association_quiet_period_s,
            completion_limit_s=settings.completion_limit_s,
        ),
    )

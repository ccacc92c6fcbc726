"""Serves the reading worklist to browsers."""

import gc
import threading
from contextlib import closing

import sqlalchemy as sa

from dicom_listener.stow import StowDoor
from viewer.app import create_app
from viewer.decoding import Isolated
from viewer.dicomweb.json_model import describe
from viewer.dicomweb.ports import DicomWeb
from viewer.ports import NodeInfo, SiteLinks
from viewer.serving import Transport, make_server
from viewer.simulations_api import Simulator
from vigie import __version__
from vigie.case_opener import CaseOpener
from vigie.changes import changes_of
from vigie.claim_keeper import ClaimKeeper
from vigie.first_start import make_first_administrator
from vigie.frames import decode_frame, decode_stored, transcode
from vigie.hl7 import MessageDesk
from vigie.listening import listener_settings
from vigie.notifying import NotificationDesk, make_notifications
from vigie.processes import is_supervised, stop_event
from vigie.readiness import readiness
from vigie.settings import Settings
from vigie.sign_on import make_sign_on
from vigie.testing_destinations import tester
from vigie.unserved import ending_unserved
from vigie.wiring import (
    database_url,
    due_targets,
    make_accounts,
    make_cases,
    make_deliveries,
    make_door,
    make_people,
    make_personal,
    make_reader,
    make_worklist,
    migrated_engine,
    utc_now,
)
from worklist.store.archive import PostgresArchive
from worklist.store.replay import PostgresRecord


def run(settings: Settings) -> None:
    """Serve until asked to stop."""
    with (
        migrated_engine(settings, pool_size=20) as engine,
        Isolated(decode_frame, describe, decode_stored, transcode) as isolated,
        keeper_of(settings, engine).running() as claims,
        ending_unserved(make_notifications(settings, engine)),
        CaseOpener(make_cases(settings, engine)).running(),
        closing(StowDoor(listener_settings(settings))) as door,
    ):
        if not is_supervised():
            make_first_administrator(engine)
        sign_on = make_sign_on(settings, engine)
        if sign_on is not None:
            sign_on.provider.learn()  # so that signing out need not
        app = create_app(
            people=make_people(settings, engine, left=claims.look),
            accounts=make_accounts(engine),
            reader=make_reader(settings, engine),
            worklist=make_worklist(settings, engine),
            personal=make_personal(engine),
            messages=MessageDesk(engine, make_worklist(settings, engine), settings, utc_now),
            record=PostgresRecord(engine),
            listen=changes_of(database_url(settings)),
            decode_frame=isolated.calling(decode_frame),
            dicomweb=DicomWeb(
                archive=PostgresArchive(engine, settings.archive),
                describe=isolated.calling(describe),
                decode_stored=isolated.calling(decode_stored),
                transcode=isolated.calling(transcode),
                store=door,
                cache=settings.metadata_cache,
                cache_limit_bytes=settings.metadata_cache_bytes,
            ),
            readiness=readiness(settings, engine),
            node=NodeInfo(
                ae_title=settings.ae_title, dicom_port=settings.dicom_port, version=__version__
            ),
            deliveries=make_deliveries(settings, engine),
            test_destination=tester(settings),
            sign_on=sign_on,
            notifying=NotificationDesk(settings, engine),
            simulate=Simulator(due_targets(settings)).simulate,
            cases=make_cases(settings, engine),
            links=SiteLinks(report_address=settings.report_address, viewers=settings.viewers),
            allowed_hosts=(*settings.allowed_hosts, settings.http_host),
            now=utc_now,
        )
        threading.Thread(target=isolated.warm, daemon=True).start()
        gc.collect()
        gc.freeze()  # else each page of the list pays for looking through all that was imported
        stop_event()  # ends with its supervisor; uvicorn takes over SIGTERM
        make_server(app, transport(settings)).run()


def keeper_of(settings: Settings, engine: sa.Engine) -> ClaimKeeper:
    """Ends claims of people who have left."""
    return ClaimKeeper(make_worklist(settings, engine), make_door(settings, engine))


def transport(settings: Settings) -> Transport:
    """How browsers reach the page."""
    return Transport(
        host=settings.http_host,
        port=settings.http_port,
        certificate=settings.http_tls_certificate,
        key=settings.http_tls_key,
        trusted_proxies=settings.trusted_proxies,
    )

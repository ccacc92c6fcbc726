"""The listener's part of the settings; apart from what it does not need, a database above all."""

from dicom_listener.settings import ListenerSettings
from vigie.settings import Settings


def listener_settings(settings: Settings) -> ListenerSettings:
    """The listener's part of the settings."""
    return ListenerSettings(
        data=settings.data,
        ae_title=settings.ae_title,
        host=settings.dicom_host,
        port=settings.dicom_port,
        allowed_calling_ae_titles=settings.allowed_calling_ae_titles,
        allowed_addresses=settings.allowed_addresses,
        require_called_ae_title=settings.require_called_ae_title,
        max_associations=settings.max_associations,
        max_pdu_bytes=settings.max_pdu_bytes,
        max_object_bytes=settings.max_object_bytes,
        disk_reserve_bytes=settings.disk_reserve_bytes,
        acse_timeout_s=settings.acse_timeout_s,
        network_timeout_s=settings.network_timeout_s,
        dimse_timeout_s=settings.dimse_timeout_s,
        stop_limit_s=settings.stop_limit_s,
        tls_certificate=settings.tls_certificate,
        tls_key=settings.tls_key,
        tls_client_ca=settings.tls_client_ca,
    )

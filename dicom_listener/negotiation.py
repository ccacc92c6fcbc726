"""Association negotiation on the acceptor's side (PS3.8 section 7.1, PS3.7 annex D.3).

PDUs and primitives are pynetdicom's. Every storage-like abstract syntax, known or private, is
accepted with the transfer syntax its proposer named first: nothing is ever transcoded.
"""

from dataclasses import dataclass
from typing import Any

from pydicom.uid import (
    UID,
    AllTransferSyntaxes,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)
from pynetdicom import build_context
from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RJ, A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import (
    A_ASSOCIATE,
    ImplementationClassUIDNotification,
    ImplementationVersionNameNotification,
    MaximumLengthNotification,
    SCP_SCU_RoleSelectionNegotiation,
)
from pynetdicom.presentation import (
    PresentationContext,
    negotiate_as_acceptor,
    negotiate_unrestricted,
)
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    StorageCommitmentPushModel,
    Verification,
)

from dicom_listener.errors import ProtocolError
from dicom_listener.settings import ListenerSettings
from worklist.uid import IMPLEMENTATION_CLASS_UID

_LEAST_PDU_BYTES = 1024  # that we send, whatever the peer says it takes
_APPLICATION_CONTEXT_NAME = UID("1.2.840.10008.3.1.1.1")


@dataclass(frozen=True, slots=True)
class Rejection:
    """Result, source and diagnostic of an A-ASSOCIATE-RJ (PS3.8 table 9-21)."""

    result: int
    source: int
    diagnostic: int
    reason: str  # for the log

    def encode(self) -> bytes:
        """The PDU."""
        primitive = A_ASSOCIATE()
        primitive.result = self.result
        primitive.result_source = self.source
        primitive.diagnostic = self.diagnostic
        return bytes(A_ASSOCIATE_RJ(primitive).encode())


TOO_MANY_ASSOCIATIONS = Rejection(0x02, 0x03, 0x02, "as many associations as allowed are open")
_BAD_PROTOCOL_VERSION = Rejection(0x01, 0x02, 0x02, "another protocol version")
_UNKNOWN_CALLING_AE_TITLE = Rejection(0x01, 0x01, 0x03, "the calling AE title is not allowed")
_UNKNOWN_CALLED_AE_TITLE = Rejection(0x01, 0x01, 0x07, "another AE title was called")


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What was agreed."""

    answer: bytes  # the A-ASSOCIATE-AC
    transfer_syntax_uids: dict[int, str]  # of the accepted presentation contexts, by their id
    max_pdu_bytes: int  # that we send


@dataclass(frozen=True, slots=True)
class Request:
    """An A-ASSOCIATE-RQ."""

    calling_ae_title: str
    called_ae_title: str
    protocol_version: int
    primitive: Any  # pynetdicom's A_ASSOCIATE

    @classmethod
    def decode(cls, pdu: bytes) -> "Request":
        """Read a whole A-ASSOCIATE-RQ, header included.

        Raises
        ------
        ProtocolError
            If pynetdicom cannot read it; it raises many kinds of error on hostile bytes.
        """
        try:
            decoded = A_ASSOCIATE_RQ()
            decoded.decode(pdu)
            primitive = decoded.to_primitive()
            return cls(
                calling_ae_title=primitive.calling_ae_title.strip(),
                called_ae_title=primitive.called_ae_title.strip(),
                protocol_version=decoded.protocol_version,
                primitive=primitive,
            )
        except Exception as error:  # a boundary: whatever hostile bytes do ends here, on record
            raise ProtocolError(f"an unreadable A-ASSOCIATE-RQ: {error}") from error


def rejection(request: Request, settings: ListenerSettings) -> Rejection | None:
    """Why this request is refused; None if it is not."""
    if not request.protocol_version & 1:
        return _BAD_PROTOCOL_VERSION
    allowed = [title.strip() for title in settings.allowed_calling_ae_titles]
    if allowed and request.calling_ae_title not in allowed:
        return _UNKNOWN_CALLING_AE_TITLE
    if settings.require_called_ae_title and request.called_ae_title != settings.ae_title.strip():
        return _UNKNOWN_CALLED_AE_TITLE
    return None


def accept(request: Request, settings: ListenerSettings) -> Acceptance:
    """Agree on presentation contexts and encode the answer.

    Raises
    ------
    ProtocolError
        If the proposal cannot be answered.
    """
    try:
        return _accept(request, settings)
    except Exception as error:  # as in Request.decode
        raise ProtocolError(f"an A-ASSOCIATE-RQ that cannot be answered: {error}") from error


def _accept(request: Request, settings: ListenerSettings) -> Acceptance:
    proposal = request.primitive
    contexts, roles = _negotiated(
        proposal.presentation_context_definition_list, _proposed_roles(proposal.user_information)
    )
    answer = A_ASSOCIATE()
    answer.application_context_name = _APPLICATION_CONTEXT_NAME
    answer.calling_ae_title = proposal.calling_ae_title
    answer.called_ae_title = proposal.called_ae_title
    answer.result = 0x00
    answer.result_source = 0x01
    answer.presentation_context_definition_results_list = contexts
    answer.user_information = [*_our_information(settings), *roles]
    return Acceptance(
        answer=bytes(A_ASSOCIATE_AC(answer).encode()),
        transfer_syntax_uids=_accepted(contexts),
        max_pdu_bytes=_max_pdu_bytes(proposal.user_information, settings),
    )


def _negotiated(
    proposed: list[PresentationContext], roles: dict[Any, Any]
) -> tuple[list[PresentationContext], list[SCP_SCU_RoleSelectionNegotiation]]:
    """Storage commitment in either role, as a peer proposes it; all else as for storage."""
    is_commitment = [one.abstract_syntax == StorageCommitmentPushModel for one in proposed]
    commitment = build_context(
        StorageCommitmentPushModel, [ExplicitVRLittleEndian, ImplicitVRLittleEndian]
    )
    commitment.scu_role = commitment.scp_role = True
    of_commitment = [one for one, is_one in zip(proposed, is_commitment, strict=True) if is_one]
    others = [one for one, is_one in zip(proposed, is_commitment, strict=True) if not is_one]
    first, first_roles = negotiate_as_acceptor(of_commitment, [commitment], roles)
    second, second_roles = negotiate_unrestricted(
        others, [build_context(Verification, list(AllTransferSyntaxes))], roles
    )
    contexts = sorted([*first, *second], key=lambda one: one.context_id or 0)
    return contexts, [*first_roles, *second_roles]


def _max_pdu_bytes(user_information: list[Any], settings: ListenerSettings) -> int:
    """What the peer takes (0: anything), and no more than we would take ourselves."""
    for item in user_information:
        if isinstance(item, MaximumLengthNotification) and item.maximum_length_received:
            said = int(item.maximum_length_received)
            return max(_LEAST_PDU_BYTES, min(said, settings.max_pdu_bytes))
    return settings.max_pdu_bytes


def _accepted(contexts: list[PresentationContext]) -> dict[int, str]:
    return {
        context.context_id: str(context.transfer_syntax[0])
        for context in contexts
        if context.result == 0x00 and context.context_id is not None
    }


def _our_information(settings: ListenerSettings) -> list[Any]:
    maximum_length = MaximumLengthNotification()
    maximum_length.maximum_length_received = settings.max_pdu_bytes
    implementation = ImplementationClassUIDNotification()
    implementation.implementation_class_uid = UID(IMPLEMENTATION_CLASS_UID)
    version = ImplementationVersionNameNotification()
    version.implementation_version_name = settings.implementation_version_name
    return [maximum_length, implementation, version]


def _proposed_roles(user_information: list[Any]) -> dict[Any, Any]:
    return {
        item.sop_class_uid: (bool(item.scu_role), bool(item.scp_role))
        for item in user_information
        if isinstance(item, SCP_SCU_RoleSelectionNegotiation)
    }

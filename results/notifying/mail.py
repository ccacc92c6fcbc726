"""A channel to people: e-mail by SMTP, in plain text."""

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import Literal

from results.notifying.message import Language, Node, one_line, statement, text_body
from results.notifying.reasons import in_words
from results.notifying.vocabulary import VOCABULARIES
from worklist.notifying import Answer, Confirmed, Notice, Refused, Unanswered

ANSWER_LIMIT_S = 10.0
_PERMANENT = 500  # SMTP replies from here on: the same again will be refused again (RFC 5321 4.2.1)

Security = Literal["starttls", "tls", "none"]


@dataclass(frozen=True, kw_only=True)
class Mail:
    """Where a channel's mails go, and through which server.

    Parameters
    ----------
    ca
        PEM file of the authority that vouches for the server; None: those of the system.
    """

    host: str
    port: int
    security: Security
    user: str | None
    password: str | None
    sender: str  # an address
    recipients: tuple[str, ...]  # addresses
    node: Node
    language: Language = "en"
    ca: Path | None = None
    answer_limit_s: float = ANSWER_LIMIT_S

    def send(self, notice: Notice, now: datetime) -> Answer:
        """Try once, for those who do not have it; whatever goes wrong is an answer too."""
        recipients = [one for one in self.recipients if one not in notice.reached]
        if not recipients:
            return Confirmed("taken by the mail server")
        message = mail_of(notice, self, now)
        try:
            with self._server() as server:
                if self.user is not None and self.password is not None:
                    server.login(self.user, self.password)
                refused = server.send_message(message, self.sender, recipients)
        except smtplib.SMTPRecipientsRefused as error:
            return _refused_by(*min(error.recipients.values()))  # one that may be taken later
        except smtplib.SMTPResponseException as error:
            return _refused_by(error.smtp_code, error.smtp_error)
        except smtplib.SMTPNotSupportedError as error:
            return Refused(f"the mail server cannot do it: {one_line(str(error))}")
        except (smtplib.SMTPException, OSError) as error:
            return Unanswered(self._in_words(error))
        if refused:  # the others have it, and are not sent it again
            words = f"taken by the mail server, but not for {one_line(', '.join(refused))}"
            later = any(code < _PERMANENT for code, _ in refused.values())
            reached = tuple(one for one in recipients if one not in refused)
            return Unanswered(words, reached=reached) if later else Refused(words, reached=reached)
        return Confirmed("taken by the mail server")

    @contextmanager
    def _server(self) -> Iterator[smtplib.SMTP]:
        limit = self.answer_limit_s
        context = ssl.create_default_context(cafile=None if self.ca is None else str(self.ca))
        server = (
            smtplib.SMTP_SSL(self.host, self.port, timeout=limit, context=context)
            if self.security == "tls"
            else smtplib.SMTP(self.host, self.port, timeout=limit)
        )
        try:
            if self.security == "starttls":
                server.starttls(context=context)
            yield server
            _say_goodbye(server)
        finally:
            server.close()

    def _in_words(self, error: Exception) -> str:
        match error:
            case TimeoutError() | smtplib.SMTPServerDisconnected(__context__=TimeoutError()):
                return f"no answer within {self.answer_limit_s:g} s"
            case smtplib.SMTPServerDisconnected():
                return "it broke off the connection"
        return in_words(error)


def mail_of(notice: Notice, mail: Mail, now: datetime) -> EmailMessage:
    """The message; no header of it holds anything of the patient."""
    number = str(notice.notification_id)
    message = EmailMessage()
    message["From"] = Address("Vigie", addr_spec=mail.sender)
    message["To"] = [Address(addr_spec=one) for one in mail.recipients]
    message["Subject"] = statement(notice, VOCABULARIES[mail.language])
    message["Date"] = format_datetime(now)
    # What a person has sent again is another mail: servers drop those whose ID they had.
    asked = f".{notice.asked_for}" if notice.asked_for else ""
    message["Message-ID"] = f"<{number}{asked}@{mail.sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's holiday answers it
    message["Content-Language"] = mail.language
    message.set_content(text_body(notice, mail.node, mail.language), cte="quoted-printable")
    return message


def _refused_by(code: int, said: bytes | str) -> Answer:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    words = f"the mail server answered {code} {one_line(text) or 'without a word'}"
    return Refused(words) if code >= _PERMANENT else Unanswered(words)


def _say_goodbye(server: smtplib.SMTP) -> None:
    try:
        server.quit()
    except (smtplib.SMTPException, OSError):
        return  # it took the mail before

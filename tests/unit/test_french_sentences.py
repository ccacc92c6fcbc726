"""Every sentence that our own code says has its French, and no French is left over."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.status import HTTP_500_INTERNAL_SERVER_ERROR

from models import fracture_rules, haemorrhage_rules, nodule_rules, species
from models.haemorrhage_answers import KINDS
from viewer.languages import translator
from viewer.problems import problem
from viewer.translation import read_catalogue
from worklist import history
from worklist.conclusion import Answer
from worklist.finding import TargetFinding
from worklist.orders import ReportStatus
from worklist.outbound import NotSentBecause, RejectionReason
from worklist.reading import ReadingState
from worklist.study import RequestedPriority

ROOT = Path(__file__).resolve().parents[2]
CATALOGUE = read_catalogue(ROOT / "viewer" / "french.toml")
FRENCH = translator("fr")
_SLOT = re.compile(r"\{([a-z]+)(\d*)\}")

# Of these modules every sentence is for people, unless it is named in NOT_SAID.
WHOLE = (
    "models/*.py",
    "worklist/*.py",
    "worklist/store/listing.py",
    "viewer/decoding.py",
    "viewer/gate.py",
    "vigie/worker.py",
    "results/notifying/webhook.py",
    "results/notifying/mail.py",
    "results/notifying/reasons.py",
)
# Of these only what is raised, answered or checked: their other texts are SQL, addresses, headers.
RAISED = (
    "worklist/store/*.py",
    "viewer/**/*.py",
    "results/sending/*.py",
    "vigie/provider.py",
    "vigie/readiness.py",
    "vigie/sign_on.py",
    "vigie/frames.py",
    "vigie/hl7.py",
    "vigie/notifying.py",
)
NO_ANSWERS = {
    "models/both_halves.py",  # of training
    "models/calibration.py",
    "worklist/verification.py",  # of whoever writes the numbers in
    "models/prevalence.py",
    "models/third_party_adding.py",  # of the command line
    "models/third_party_bundle.py",
    "models/third_party_card.py",  # what is wrong with somebody's card, for who writes it
    "models/third_party_transforms.py",
    "results/sending/destination.py",  # what is wrong with a setting
    "results/sending/messages.py",
    "viewer/build_hook.py",
    "viewer/serving.py",
    "viewer/translation.py",
    "worklist/simulation.py",  # of the command line; the page sends nothing it refuses
    "worklist/simulation_ai.py",
    "worklist/simulation_estimates.py",
    "worklist/simulation_expected.py",
    "worklist/simulation_length.py",
    "worklist/simulation_policies.py",
    "worklist/simulation_reading.py",
    "worklist/simulation_setting.py",
    "worklist/simulation_studies.py",
    "worklist/simulation_theory.py",
    "worklist/simulation_two_rates.py",
    "worklist/history.py",  # sentences of parts: HISTORY holds one of each
}
NOT_SAID = {
    "{} by the order",  # of a reason: the slot {span} is between
    "{}; and {} more",  # its parts are
    "{} haemorrhage",
    "{}, because {}{}",
    ", too late: the study was read",
    "the study is {}: cannot {}",
    "{}: the card lacks {}",  # what is wrong with a card, for who writes it
    "the child sent {}, not {}",  # faults of ours, for a log
    "without a pause at the end a deadly detector is tried for ever",
    "this thread has not finished its last assessment",
    "a document type",  # in an answer of a server: it then says nothing
    "elements lie too deep",
    "no answer of storage commitment: {}",
    "no message of storage commitment: {}",
    "no prepared answer of storage commitment: {}",
    "received_at must be an aware datetime",
    "needs a target above zero: {}",
    "the probability of {} is {}, not within 0 to 1",
    "a time without its zone",
    "the gate was not passed",
    "the gate let nobody in",
    "machines keep no readings",
    "expected a RequestValidationError, got {}",
    "expected an HTTPException, got {}",
    "expected a VigieError, got {}",
    "the middle lies within",
    "as the header says",  # values of enums, names of locks, actors, display names
    "either way, with other values",
    "in the lowest bits, against the header",
    "not loaded",
    "the card",
    "First administrator",
    "QA reviewer",
    "detector {} {}",
    "kind not said",
    "browser {} {}",
    "here {} {}",
    "account {}",
    "address {}",
    "set-out {}",
    "single sign-on",
    "changed meanwhile",  # reasons in the log of people
    "old password wrong",
    "one-time password over",
    "session over",
    "wrong password",
    "Fracture of bone",  # meanings of codes
    "Intracranial hemorrhage",
    "Solitary nodule of lung",
    'Bearer realm="vigie"',
    "{} days",  # lengths of time: the slot {span}
    "{} h {} min",
    "{} min",
    "hours need days of the week, from 0 (Monday) to 6",
    "application/json; charset=utf-8",
}
MOVED = {
    "due_at": "2026-03-02T14:30:00+02:00",
    "place_before": 14,
    "place": 2,
    "reason": "routine 24 h; haemorrhage > 0.99 → 2 h 12 min; nodule 0.10 → 60 days",
}
LATE = {"too_late": True}
IN_TIME = {"too_late": False}
CONFLICT = {"sop_instance_uid": "1.2", "names_study": "1.3", "filed_in_study": "1.3"}
SENT = {"objects": 3, "destination": "Main PACS"}
CONCLUDED = [
    {"answers": {}, "reading_s": 5.5},
    {"answers": {"fracture": "present"}, "reading_s": 75.0},
    {"answers": dict.fromkeys(TargetFinding, "cannot_say"), "reading_s": 4000.0},
]
NOTIFIED = {"channel": "pager", "finding": "intracranial_haemorrhage"}
HISTORY: dict[str, list[dict[str, Any]]] = {
    "study_arrived": [{**MOVED, "requested_priority": "stat"}],
    "study_reopened": [
        {**MOVED, "new_images": 3, "was_read": True},
        {**MOVED, "new_images": 3, "was_read": False},
    ],
    "study_complete": [
        {"instance_count": 40, "completeness": "complete"},
        {"instance_count": 40, "completeness": "incomplete"},
    ],
    "objects_kept": [
        {"documents": documents, "results": results, "senders": ["PACS"]}
        for documents, results in ((1, 0), (0, 5), (2, 3))
    ],
    "patient_id_differs": [{"objects": 2}],
    "instance_conflict": [
        {**CONFLICT, "filed_here": True},
        {**CONFLICT, "filed_here": False},
        {**CONFLICT, "filed_here": True, "names_study": "1.4"},
    ],
    "requested_priority_changed": [{**MOVED, "requested_priority": "urgent"}],
    "order_priority_changed": [{**MOVED, "requested_priority": "urgent"}],
    "order_cancelled": [{"accession_number": "A-1"}],
    "ordered_again": [{"accession_number": "A-1"}],
    "older_order_ignored": [{"accession_number": "A-1"}],
    "ris_names_another_patient": [{"accession_number": "A-1"}],
    "patient_updated": [{}],
    "patient_merged": [{"patient_id": "P2", "from_patient_id": "P1"}],
    "reported_elsewhere": [{"status": status} for status in ("final", "corrected")],
    "report_observed": [{"status": status} for status in ReportStatus],
    "earlier_report_found": [
        {"status": status, "received_at": MOVED["due_at"]} for status in ReportStatus
    ],
    "report_withdrawn": [{**MOVED, "place_before": None}],
    "result_told_to_ris": [{"assessment_number": 2}],
    "priority_told_to_ris": [{"requested_priority": one} for one in RequestedPriority],
    "message_to_ris_parked": [{"message": "out-12"}],
    "assessment_started": [{"assessment_number": 2}],
    "assessment_finished": [{"assessment_number": 2}],
    "outcome_recorded": [
        {"detector": "fracture", "outcome": outcome, **said, **late}
        for late in (LATE, IN_TIME)
        for outcome, said in (
            ("flagged", {"probability": 0.914}),
            ("not_flagged", {"probability": 0.001}),
            ("not_applicable", {"why": "The series has 1 images; a head needs 6 at least."}),
            ("failed", {"why": "it took too long"}),
            ("flagged", {}),
            ("not_flagged", {}),
        )
    ],
    "due_time_changed": [
        MOVED,
        *(
            {**MOVED, "part_of": part, "detectors": detectors, "why": "said; by a person"}
            for part in ("ai_stopped", "ai_started")
            for detectors in ("all", ["fracture", "nodule"])
        ),
    ],
    "priority_overridden": [
        {**MOVED, "priority": "stat", "why": "seen; on the phone"},
        {**MOVED, "priority": None, "why": "a mistake"},
    ],
    **{
        kind: [
            {"detectors": detectors, "why": "said; by a person"}
            for detectors in ("all", ["fracture", "nodule"])
        ]
        for kind in ("ai_stopped", "ai_started")
    },
    "pinned": [{"why": "I know her; it is urgent"}],
    "unpinned": [{"why": "done"}],
    "marked_read": [{"why": "read at the console"}],
    "first_look": [
        *({"first_answers": dict.fromkeys(TargetFinding, answer)} for answer in Answer),
        {"first_answers": {}},
    ],
    "marks_revealed": [{"results": {"fracture": 1, "nodule": 2}}],
    "finding_judged": [
        {"detector": "fracture"},
        *(
            {"detector": "nodule", "agrees": agrees, "comment": comment, **about}
            for agrees in (True, False)
            for comment in ("", "a vessel; no nodule")
            for about in (
                {"lesion": None, "region": None},
                {"lesion": 3, "region": None},
                {"lesion": None, "region": 12},
            )
        ),
    ],
    "finding_drawn": [{"target": "fracture"}],
    "drawn_withdrawn": [{"target": "pulmonary_nodule"}],
    "concluded": CONCLUDED,
    "conclusion_amended": CONCLUDED,
    "reopened": [{"why": "the ward asks; a second look", "place": 12}],
    "claimed": [{"account": "anna"}],
    "claim_taken_over": [{"account": "anna", "from": "bert"}],
    "claim_released": [{"account": "anna"}],
    "case_opened": [{"case": 3, "target": "fracture", "kinds": ["missed_flag"]}],
    "case_reason_added": [{"case": 3, "target": "fracture", "kinds": ["sample"]}],
    "case_reviewed": [{"case": 3, "review": 1, "state": "waiting"}],
    "case_assigned": [{"case": 3, "account": "quinn"}, {"case": 3, "account": None}],
    "case_commented": [{"case": 3}],
    "case_closed": [{"case": 3, "target": "fracture", "action": "shown at the meeting"}],
    "notification_delivered": [NOTIFIED],
    "notification_parked": [
        {**NOTIFIED, "answer": one}
        for one in ("answered 500 Internal Server Error", "no answer within 10 s")
    ],
    "notification_not_sent": [{**NOTIFIED, "answer": "the study was read before"}],
    "notification_sent_again": [NOTIFIED],
    "claim_ended": [{"account": "anna", "how": how} for how in history._CLAIM_ENDS],
    "results_made": [
        {"assessment_number": 2, "objects": {"report": 1, "presentation": 2}},
        {"assessment_number": 1, "objects": {}, "problem": "key_image: ValueError: odd; and so on"},
    ],
    "results_sent": [SENT],
    "results_committed": [SENT],
    "results_refused": [{**SENT, "why": "status 0xA900: does not match; truly"}],
    "results_parked": [{**SENT, "why": "nobody answers"}],
    "results_not_kept": [{**SENT, "why": "taken, but not kept: no such object"}],
    "results_rejected": [{**SENT, "rejected": why} for why in RejectionReason],
    "results_not_rejected": [{**SENT, "problem": "a source cannot be read: why"}],
    "results_resent": [{"objects": 3, "destinations": ["PACS", "Archive 2"]}],
    "results_withdrawn": [{**SENT, "why": why} for why in NotSentBecause],
    "results_asked_again": [{}, {"why": "the rules changed; twice"}],
    "results_retracted": [{"objects": 3, "why": "the wrong patient; sorry"}],
}
PARTS = sorted(
    haemorrhage_rules._ELSEWHERE.keys()
    | nodule_rules._ELSEWHERE.keys()
    | fracture_rules._TRUNK.keys()
    | set(nodule_rules._NO_SLICES.values())
    | {role.lower() for role in species._ROLES}
    | {"not stated", "a part that is not stated", "a quadruped", "as requested"}
)
OUTCOMES = (
    "flagged 0.91",
    "not flagged < 0.01",
    "failed, because it took too long",
    "not applicable, because There are no images.",
    "flagged 0.91, too late: the study was read",
    "not flagged 0.10, too late: the study was read",
    "failed, because it took too long, too late: the study was read",
    "not applicable, because There are no images., too late: the study was read",
)
MADE_OF_PARTS = [
    *PARTS,
    *(one.words for one in TargetFinding),
    *RequestedPriority,
    *ReadingState,
    *(f"the study is {one}: cannot mark read" for one in ReadingState),
    *KINDS,
    *(f"{kind} haemorrhage" for kind in KINDS),
    "it took too long; The series has no images.; and 3 more",
    "5.0 GB free, 10.0 GB kept in reserve: objects are refused (0xA700); make room or lower "
    "disk_reserve_bytes",
    *OUTCOMES,
    *(
        f"{beginning}: {outcome}"
        for outcome in OUTCOMES
        for beginning in (
            "not run on the new images yet; before them",
            "running again; before",
            "not run again yet; before",
        )
    ),
    "person anna",
    "person root (no account)",
    "detector fracture 0.4.0",
    "routine 24 h",
    "stat 1 h by the order",
    "haemorrhage > 0.99 → 10 min",
    "haemorrhage not shown",
    *(f"fracture {one.words}" for one in Answer),
    "and 3 more",
    "due 2026-03-02 12:30:00 UTC (routine 24 h)",
]


def _words_of(node: ast.AST) -> str | None:
    """A text as it stands in the source, with {} where a value is put in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(
            str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values
        )
    return None


_NO_SENTENCES = re.compile(r"_?log|logging|re|Query|PathParameter|Header")
_TO_PEOPLE = {
    "problem", "HTTPException", "Refused", "Check", "StoreUnavailable", "RefusedByStore",
    "CannotDecode", "DestinationUnavailable", "AssociationRefused", "UnsendableFile",
    "CommitmentNotOffered", "_refused", "_delivered",
}  # fmt: skip


def _left_out(tree: ast.AST) -> set[ast.AST]:
    """Docstrings, parts of f-strings, and what is logged or a regular expression."""
    out: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            out.add(node.value)
        elif isinstance(node, ast.JoinedStr):
            out |= {part for part in ast.walk(node) if part is not node}
        elif isinstance(node, ast.Call) and _is_no_sentence(node):
            out |= set(ast.walk(node))
    return out


def _is_no_sentence(call: ast.Call) -> bool:
    return _NO_SENTENCES.fullmatch(ast.unparse(call.func).split(".")[0]) is not None


def _roots(tree: ast.AST, *, raised_only: bool) -> Iterator[ast.AST]:
    if not raised_only:
        yield tree
        return
    for node in ast.walk(tree):
        is_answer = isinstance(node, ast.Call) and ast.unparse(node.func) in _TO_PEOPLE
        if isinstance(node, ast.Raise) or is_answer:
            yield node


def _sentences(path: Path, *, raised_only: bool) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    left_out = _left_out(tree)
    found: set[str] = set()
    for root in _roots(tree, raised_only=raised_only):
        for node in ast.walk(root):
            said = None if node in left_out else _words_of(node)
            if said and " " in said.strip() and re.search("[a-z]{2}", said):
                found.add(f"{said}{{}}" if said.endswith(": ") else said)
    return found


def _modules() -> Iterator[tuple[str, bool]]:
    for patterns, raised_only in ((WHOLE, False), (RAISED, True)):
        for pattern in patterns:
            for path in sorted(ROOT.glob(pattern)):
                name = path.relative_to(ROOT).as_posix()
                if name not in NO_ANSWERS:
                    yield name, raised_only


def _bare(template: str) -> str:
    return _SLOT.sub("{}", template)


SAID: dict[str, set[str]] = {}
for _name, _raised_only in _modules():
    SAID.setdefault(_name, _sentences(ROOT / _name, raised_only=_raised_only))


@pytest.mark.parametrize("module", SAID)
def test_every_sentence_of_a_module_has_its_french(module: str) -> None:
    known = {_bare(one) for one in CATALOGUE} | NOT_SAID
    missing = sorted(SAID[module] - known)
    assert missing == [], f"add them to viewer/french.toml (or to NOT_SAID): {missing}"


def test_the_modules_are_read_at_all() -> None:
    assert len(set().union(*SAID.values())) > 250
    assert "This was not asked by a page of this node." in SAID["viewer/gate.py"]
    assert "wrong password" in SAID["worklist/sign_in.py"]  # exempt, but seen


def test_what_is_exempt_is_still_there() -> None:
    assert NOT_SAID - set().union(*SAID.values()) == set()


@pytest.mark.parametrize("kind", sorted(history._WORDS))
def test_every_event_is_said_in_french(kind: str) -> None:
    assert kind in HISTORY, "give details of it in HISTORY, one for each way it is said"
    for details in HISTORY[kind]:
        sentence = history.in_a_sentence(kind, details)
        assert FRENCH.known(sentence) == FRENCH.say(sentence)


@pytest.mark.parametrize("sentence", MADE_OF_PARTS)
def test_sentences_made_of_parts_have_their_french(sentence: str) -> None:
    assert FRENCH.known(sentence) == FRENCH.say(sentence)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 406, 409, 411, 413, 415, 421, 422])
def test_every_title_of_a_problem_has_its_french(status: int) -> None:
    for one in (status, 429, HTTP_500_INTERNAL_SERVER_ERROR, 503):
        title = re.search(rb'"title":"([^"]+)"', bytes(problem(one).body))
        assert title is not None
        assert FRENCH.known(title[1].decode()) is not None


def test_no_french_is_left_without_a_sentence() -> None:
    texts = {
        _words_of(node) or ""
        for pattern in (*WHOLE, *RAISED)
        for path in ROOT.glob(pattern)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    }
    texts |= {f"{one}{{}}" for one in texts if one.endswith(": ")}
    events = [history.in_a_sentence(kind, one) for kind, all_ in HISTORY.items() for one in all_]
    made = {FRENCH.template_of(one) for one in (*MADE_OF_PARTS, *events)}
    sections = tomllib.loads((ROOT / "viewer" / "french.toml").read_text(encoding="utf-8"))
    ours = CATALOGUE.keys() - sections["requests"].keys() - sections["titles"].keys()
    assert sorted(one for one in ours if _bare(one) not in texts and one not in made) == []

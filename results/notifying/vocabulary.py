"""The words of notifications, in each language."""

from collections.abc import Mapping
from dataclasses import dataclass

from worklist.finding import TargetFinding
from worklist.notifying import Caveat, PatientDatum


@dataclass(frozen=True, kw_only=True, slots=True)
class Vocabulary:
    """One language."""

    suspected: str  # with {finding}
    test: str
    test_means: str
    not_reviewed: str
    model: str
    probability: str
    flagged_at: str
    fact: str  # with {name} and {value}
    channel: str  # with {name}
    decimal_sign: str
    findings: Mapping[TargetFinding, str]
    data: Mapping[PatientDatum, str]
    in_short: Mapping[Caveat, str]  # beside what is suspected
    in_full: Mapping[Caveat, str]

    def percent(self, share: float) -> str:
        """A probability as people read it; never rounded to what it is not."""
        if 0.9995 <= share < 1:
            number = "> 99.9"
        elif 0 < share < 0.0005:
            number = "< 0.1"
        else:
            number = f"{100 * share:.1f}"
        return f"{number.replace('.', self.decimal_sign)}\N{NO-BREAK SPACE}%"


_ENGLISH = Vocabulary(
    suspected="AI result, not reviewed: {finding} suspected",
    test="A test of this notification channel: no patient is concerned",
    test_means="If you read this, the channel works.",
    not_reviewed="Nobody has reviewed this result. It is no diagnosis.",
    model="Model",
    probability="Probability",
    flagged_at="Flagged",
    fact="{name}: {value}",
    channel="Notification channel: {name}",
    decimal_sign=".",
    findings={kind: kind.words for kind in TargetFinding},
    data={
        PatientDatum.ACCESSION_NUMBER: "Accession number",
        PatientDatum.STUDY_DESCRIPTION: "Study description",
        PatientDatum.PATIENT_ID: "Patient ID",
        PatientDatum.PATIENT_NAME: "Patient's name",
    },
    in_short={Caveat.LATE: "told late", Caveat.READ: "read since"},
    in_full={
        Caveat.LATE: "Told late, because a person asked for it: the time for it was over.",
        Caveat.READ: "The study was read since.",
    },
)
_FRENCH = Vocabulary(
    suspected="Résultat d’IA non relu\u00a0: suspicion ({finding})",
    test="Essai de ce canal de notification\u00a0: aucun patient n’est concerné",
    test_means="Si vous lisez ceci, le canal fonctionne.",
    not_reviewed="Personne n’a relu ce résultat. Ce n’est pas un diagnostic.",
    model="Modèle",
    probability="Probabilité",
    flagged_at="Signalé",
    fact="{name}\u00a0: {value}",
    channel="Canal de notification\u00a0: {name}",
    decimal_sign=",",
    findings={
        TargetFinding.INTRACRANIAL_HAEMORRHAGE: "hémorragie",
        TargetFinding.FRACTURE: "fracture",
        TargetFinding.PULMONARY_NODULE: "nodule",
    },
    data={
        PatientDatum.ACCESSION_NUMBER: "Numéro d’accession",
        PatientDatum.STUDY_DESCRIPTION: "Description de l’examen",
        PatientDatum.PATIENT_ID: "Identifiant du patient",
        PatientDatum.PATIENT_NAME: "Nom du patient",
    },
    in_short={Caveat.LATE: "annonce tardive", Caveat.READ: "lu depuis"},
    in_full={
        Caveat.LATE: "Annonce tardive, à la demande d’une personne\u00a0: le délai était dépassé.",
        Caveat.READ: "L’examen a été lu depuis.",
    },
)
VOCABULARIES: Mapping[str, Vocabulary] = {"en": _ENGLISH, "fr": _FRENCH}

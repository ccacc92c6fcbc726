"""Generate the phantom studies: ``python test_images/generate.py [OUT] [--only CASE ...]``.

Every case is a folder of DICOM files with a ``case.toml`` that says what is in it. The same
program gives the same files: seeds are fixed, UIDs and times come from the cases' names.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import chest
import head
import limb
from chest import Chest, Nodule, chest_hu
from dicom_files import Order, uid, write_ct, write_radiograph
from fields import Array
from head import Head, head_hu
from limb import Break, Limb, radiograph
from limbs import forearm, leg

FINDINGS = ("intracranial_haemorrhage", "fracture", "pulmonary_nodule")
PRIORITIES = {"stat": "STAT", "urgent": "HIGH", "routine": "ROUTINE"}
FOREARM = ("FOREARM", "14975008", "Forearm")
LEG = ("LEG", "30021000", "Lower leg")


@dataclass(frozen=True, kw_only=True)
class Case:
    """One study: what is asked, what is in it, and how it is made."""

    name: str
    title: str
    content: str
    priority: str  # stat, urgent or routine
    finding: str | None  # the one present; None: none is
    order: Order
    instances: int
    write: Callable[[Path, Order], None]


def _case(
    name: str,
    *,
    title: str,
    content: str,
    priority: str,
    finding: str | None,
    patient: tuple[str, str, str],
    descriptions: tuple[str, str],
    instances: int,
    write: Callable[[Path, Order], None],
) -> Case:
    patient_name, sex, age = patient
    minute = int(uid(name)[-4:]) % 60
    order = Order(
        case=name,
        patient_name=f"PHANTOM^{patient_name}",
        patient_sex=sex,
        patient_age=age,
        priority=PRIORITIES[priority],
        study_description=descriptions[0],
        series_description=descriptions[1],
        study_time=f"02{minute:02}00",
    )
    return Case(
        name=name,
        title=title,
        content=content,
        priority=priority,
        finding=finding,
        order=order,
        instances=instances,
        write=write,
    )


def _write_head(patient: Head, folder: Path, order: Order) -> None:
    write_ct(
        folder,
        order,
        head_hu(patient),
        body_part="HEAD",
        pixel_mm=head.PIXEL_MM,
        slice_mm=head.SLICE_MM,
        first_z_mm=head.FIRST_Z_MM,
        window=(40, 80),
        kernel="STANDARD",
    )


def _write_chest(patient: Chest, folder: Path, order: Order) -> None:
    write_ct(
        folder,
        order,
        chest_hu(patient),
        body_part="CHEST",
        pixel_mm=chest.PIXEL_MM,
        slice_mm=chest.SLICE_MM,
        first_z_mm=0.0,
        window=(-600, 1500),
        kernel="LUNG",
    )


def _write_limb(
    patient: Limb, region: tuple[str, str, str], inverted: bool, folder: Path, order: Order
) -> None:
    pixels: Array = radiograph(patient)
    write_radiograph(
        folder,
        order,
        pixels,
        region=region,
        laterality=patient.letter,
        pixel_mm=limb.PIXEL_MM,
        inverted=inverted,
    )


def _heads() -> list[Case]:
    kind = {"instances": head.SLICES, "descriptions": ("CT HEAD WO CONTRAST", "HEAD 5.0 STD")}
    return [
        _case(
            "head_ct_bleed",
            title="Head CT with blood",
            content="A haematoma of the left basal ganglia with oedema, broken into the ventricle.",
            priority="stat",
            finding="intracranial_haemorrhage",
            patient=("HEAD BLEED", "M", "071Y"),
            write=partial(
                _write_head,
                Head(seed=11, ventricles=1.2, sulci=1.15, rotation_degrees=3, bleed=True),
            ),
            **kind,
        ),
        _case(
            "head_ct_clear_routine",
            title="Head CT without blood",
            content="Wide ventricles and sulci as in old age, no blood.",
            priority="routine",
            finding=None,
            patient=("HEAD CLEAR OLD", "F", "083Y"),
            write=partial(
                _write_head,
                Head(seed=12, size=0.96, ventricles=1.8, sulci=1.5, rotation_degrees=-4),
            ),
            **kind,
        ),
        _case(
            "head_ct_clear_urgent",
            title="Head CT without blood",
            content="Narrow ventricles and sulci as in youth, no blood.",
            priority="urgent",
            finding=None,
            patient=("HEAD CLEAR YOUNG", "M", "024Y"),
            write=partial(_write_head, Head(seed=13, size=1.03, ventricles=0.8, sulci=0.8)),
            **kind,
        ),
    ]


def _chests() -> list[Case]:
    kind = {"instances": chest.SLICES, "descriptions": ("CT CHEST WO CONTRAST", "CHEST 10.0 LUNG")}
    nodules = (
        Nodule(centre_mm=(-96.0, 28.0, 150.0), diameter_mm=15.0),
        Nodule(centre_mm=(86.0, 44.0, 96.0), diameter_mm=20.0, spikes=0.14),
        Nodule(centre_mm=(-62.0, -44.0, 186.0), diameter_mm=12.0, spikes=0.04),
    )
    return [
        _case(
            "chest_ct_clear",
            title="Chest CT without nodules",
            content="Lungs, vessels and mediastinum, no nodule.",
            priority="routine",
            finding=None,
            patient=("CHEST CLEAR", "F", "058Y"),
            write=partial(_write_chest, Chest(seed=21, fat_mm=19.0)),
            **kind,
        ),
        _case(
            "chest_ct_nodules",
            title="Chest CT with nodules",
            content="Solid nodules of 15 and 12 mm in the right lung and of 20 mm in the left.",
            priority="routine",
            finding="pulmonary_nodule",
            patient=("CHEST NODULES", "M", "066Y"),
            write=partial(_write_chest, Chest(seed=22, nodules=nodules, fat_mm=14.0)),
            **kind,
        ),
    ]


def _limbs() -> list[Case]:
    broken_forearm = forearm(
        seed=31,
        radius=Break(at=(12, -20), slope=0.12, shift=(-6, -4), angle_degrees=-9),
        ulna=Break(at=(-15, -12), slope=-0.3, shift=(-3, -2), angle_degrees=-7),
        swelling=(-15, 4, 35),
        rotation_degrees=4,
    )
    broken_leg = leg(
        seed=32,
        tibia=Break(at=(2, 30), slope=1.4, shift=(4, -6), angle_degrees=6),
        fibula=Break(at=(28, 5), slope=-0.8, shift=(3, -4), angle_degrees=6),
        swelling=(20, 5, 40),
        rotation_degrees=3,
        collimation=(18, 8, 14, 8),
        letter="L",
        marker=(26, 30),
    )
    whole_forearm = forearm(seed=33, rotation_degrees=-6, letter="L", collimation=(10, 8, 10, 20))
    whole_leg = leg(seed=34, rotation_degrees=-4)
    rows = (
        ("forearm_fracture", "Forearm with fractures", "routine", "FOREARM FRACTURE", "M", "019Y"),
        ("forearm_intact", "Forearm without fracture", "urgent", "FOREARM INTACT", "F", "035Y"),
        ("leg_fracture", "Leg with fractures", "routine", "LEG FRACTURE", "F", "047Y"),
        ("leg_intact", "Leg without fracture", "routine", "LEG INTACT", "M", "052Y"),
    )
    contents = (
        "Transverse, displaced fractures of the shafts of radius and ulna; stored as MONOCHROME1.",
        "Forearm and wrist, no fracture.",
        "Oblique, shortened fractures of the shafts of tibia and fibula.",
        "Knee and leg, no fracture.",
    )
    made = (
        (broken_forearm, FOREARM, True),
        (whole_forearm, FOREARM, False),
        (broken_leg, LEG, False),
        (whole_leg, LEG, False),
    )
    return [
        _case(
            name,
            title=title,
            content=content,
            priority=priority,
            finding="fracture" if "fracture" in name else None,
            patient=(patient, sex, age),
            descriptions=(f"XR {region[0]}", f"{region[0]} AP"),
            instances=1,
            write=partial(_write_limb, made_limb, region, inverted),
        )
        for (name, title, priority, patient, sex, age), content, (
            made_limb,
            region,
            inverted,
        ) in zip(rows, contents, made, strict=True)
    ]


def cases() -> list[Case]:
    """All cases by name: the order in which they are sent."""
    return sorted([*_heads(), *_chests(), *_limbs()], key=lambda case: case.name)


def _case_toml(case: Case, place: int) -> str:
    lines = [
        "# Written by test_images/generate.py; simulated, no patient.",
        f'title = "{case.title}"',
        f'content = "{case.content}"',
        f'study_instance_uid = "{uid(case.name, "study")}"',
        f'modality = "{"DX" if case.instances == 1 else "CT"}"',
        f"instances = {case.instances}",
        f'requested_priority = "{case.priority}"',
        "# the place in the list if all cases are sent in the order of their names",
        "# and only the requested priority counts",
        f"place_by_requested_priority = {place}",
        "",
        "[findings]",
        *(
            f'{finding} = "{"present" if finding == case.finding else "absent"}"'
            for finding in FINDINGS
        ),
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write the cases asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", nargs="?", type=Path, default=Path(__file__).parent)
    parser.add_argument("--only", nargs="+", metavar="CASE", help="names of cases")
    arguments = parser.parse_args()
    every = cases()
    by_priority = sorted(every, key=lambda case: list(PRIORITIES).index(case.priority))
    for case in every:
        if arguments.only and case.name not in arguments.only:
            continue
        folder = arguments.out / case.name
        case.write(folder, case.order)
        text = _case_toml(case, by_priority.index(case) + 1)
        (folder / "case.toml").write_text(text, encoding="utf-8", newline="\n")
        print(f"{case.name}: {case.instances} objects")


if __name__ == "__main__":
    main()

"""The limbs of the cases: a forearm with wrist and a leg with knee, whole or broken."""

from limb import Bone, Break, Limb, Lump


def forearm(
    *, seed: int, radius: Break | None = None, ulna: Break | None = None, **others: object
) -> Limb:
    """The distal two thirds of a forearm, the wrist and the bases of the metacarpals."""
    bones = (
        Bone(
            knots=(
                (-140, 9, 7.0, 2.6),
                (-70, 12, 7.0, 2.8),
                (-10, 12, 7.0, 2.6),
                (25, 11, 8.5, 1.7),
                (45, 10, 13.0, 0.9),
                (55, 9, 15.0, 0.8),
                (60, 9, 14.5, 0.8),
            ),
            depth=0.85,
            processes=(Lump(centre=(20, 58), radii=(4.5, 7.5), turn_degrees=-8, cortex=0.8),),
            broken=radius,
        ),
        Bone(
            knots=(
                (-140, -17, 7.5, 2.6),
                (-60, -14, 6.5, 2.6),
                (10, -15, 5.5, 2.0),
                (38, -16, 5.8, 1.2),
                (50, -16, 7.5, 0.9),
                (56, -17, 7.0, 0.8),
            ),
            processes=(Lump(centre=(-20.5, 56), radii=(2.8, 5.5), turn_degrees=10, cortex=0.7),),
            broken=ulna,
        ),
        *(
            Bone(
                knots=(
                    (83 + d, x, 6.5, 0.9),
                    (91 + d, x + s, 4.8, 1.2),
                    (140, x + 6 * s, 4.0, 1.6),
                ),
            )
            for d, x, s in ((2, -21, -1.6), (1, -10, -0.8), (0, 2, 0.0), (1, 14, 0.9))
        ),
        Bone(knots=((80, 29, 6.5, 0.9), (90, 34, 5.2, 1.2), (125, 52, 4.5, 1.6))),
    )
    lumps = (
        Lump(centre=(17.5, 67), radii=(6.5, 9.5), turn_degrees=-28, depth=0.9),  # scaphoid
        Lump(centre=(4, 65.5), radii=(7.5, 6.0), turn_degrees=8),  # lunate
        Lump(centre=(-9.5, 67.5), radii=(6.0, 6.5)),  # triquetrum
        Lump(centre=(-11.5, 69.5), radii=(4.2, 5.0), depth=0.8),  # pisiform, in front
        Lump(centre=(1.5, 76.5), radii=(6.2, 9.0), turn_degrees=4),  # capitate
        Lump(centre=(-12, 78), radii=(7.0, 6.8), turn_degrees=-20),  # hamate
        Lump(centre=(13, 78.5), radii=(5.0, 5.5)),  # trapezoid
        Lump(centre=(23, 76), radii=(6.5, 6.5), turn_degrees=30),  # trapezium
    )
    skin = ((-140, -2, 44), (-80, -1, 41), (-10, -1, 34), (40, -2, 29), (62, 0, 31), (140, 6, 48))
    return Limb(seed=seed, bones=bones, lumps=lumps, skin=skin, **others)  # type: ignore[arg-type]


def leg(
    *, seed: int, tibia: Break | None = None, fibula: Break | None = None, **others: object
) -> Limb:
    """A knee and the upper two thirds of the leg."""
    bones = (
        Bone(
            knots=(
                (-140, 2, 15, 4.0),
                (-112, 1, 17, 3.0),
                (-95, 0, 25, 1.4),
                (-82, 0, 34, 0.9),
                (-74, 0, 34, 0.9),
            ),
            depth=0.75,
            processes=(
                Lump(centre=(-19, -79), radii=(18, 13), turn_degrees=4, depth=1.5),  # condyles
                Lump(centre=(19, -79.5), radii=(18, 13), turn_degrees=-4, depth=1.5),
            ),
        ),
        Bone(
            knots=(
                (-62, 0, 35, 0.9),
                (-52, 0, 34, 0.9),
                (-38, 1, 23, 1.6),
                (-15, 2, 15.5, 3.4),
                (20, 2, 13.5, 4.6),
                (140, 0, 12.0, 4.4),
            ),
            depth=0.85,
            processes=(
                Lump(centre=(-18, -57), radii=(19, 7), turn_degrees=3, depth=3.0),  # plateau
                Lump(centre=(18, -57), radii=(19, 7), turn_degrees=-3, depth=3.0),
                Lump(centre=(-5, -61.5), radii=(3.5, 5.5), turn_degrees=-20, depth=4.0),  # spines
                Lump(centre=(5, -61.5), radii=(3.5, 5.0), turn_degrees=20, depth=4.0),
            ),
            broken=tibia,
        ),
        Bone(
            knots=(
                (-44, 31, 7.0, 0.9),
                (-36, 31, 8.0, 0.9),
                (-22, 30, 5.5, 1.6),
                (20, 28, 5.5, 2.4),
                (140, 25, 6.0, 2.4),
            ),
            broken=fibula,
        ),
    )
    lumps = (
        Lump(centre=(-1, -88), radii=(20, 20), depth=0.35),  # patella
    )
    skin = ((-140, 0, 66), (-85, 0, 58), (-50, 2, 52), (0, 4, 57), (50, 4, 54), (140, 2, 40))
    return Limb(seed=seed, bones=bones, lumps=lumps, skin=skin, **others)  # type: ignore[arg-type]

"""Kinds of buildings: each function orders the parts of one from an architect."""

from collections.abc import Callable

import numpy as np

from tfland.toyworld.architect import Architect, Building


def _cathedral(plan: Architect) -> None:
    """A nave with a gable front and towers of unequal height."""
    half, tall, deep = plan.uniform(6, 9), plan.uniform(13, 19), plan.uniform(22, 34)
    plan.box((-half, half), (-deep / 2, deep / 2), (0, tall), "front")
    plan.gable((-half, half), (-deep / 2, deep / 2), (tall, tall + plan.uniform(6, 10)))
    wide = plan.uniform(5, 7.5)
    sides = [-1, 1] if plan.chance(0.6) else [int(plan.rng.choice([-1, 1]))]
    for side in sides:
        top = tall + plan.uniform(2, 12)
        inner, outer = sorted((side * half, side * (half + wide)))
        plan.box((inner, outer), (-deep / 2 - 1, -deep / 2 - 1 + wide), (0, top), "side")
        centre = ((inner + outer) / 2, -deep / 2 - 1 + wide / 2)
        peak = plan.uniform(3, 14)
        plan.turned(centre, [(wide / 2, top), (0.0, top + peak)], "roof", sides=int(plan.rng.choice([4, 8])))


def _capitol(plan: Architect) -> None:
    """Wings, a portico with columns and a pediment, a drum and a dome."""
    half, tall, deep = plan.uniform(9, 13), plan.uniform(10, 14), plan.uniform(14, 20)
    plan.box((-half, half), (-deep / 2, deep / 2), (0, tall), "front")
    for side in (-1, 1):
        inner, outer = sorted((side * half, side * (half + plan.uniform(6, 13))))
        plan.box((inner, outer), (-deep / 2 + 2, deep / 2 - 2), (0, tall * plan.uniform(0.6, 0.85)))
    front, porch = -deep / 2, plan.uniform(3, 4.5)
    shift, reach = plan.uniform(-2, 2), plan.uniform(5, 7)
    count, eaves = int(plan.rng.integers(4, 7)), tall * plan.uniform(0.72, 0.9)
    for x in np.linspace(-reach + 0.6, reach - 0.6, count):
        plan.turned((shift + float(x), front - porch + 0.7), [(0.55, 0.0), (0.45, eaves)], "trim", sides=8)
    plan.box((shift - reach, shift + reach), (front - porch, front), (eaves, eaves + 1.2), "trim")
    plan.gable((shift - reach, shift + reach), (front - porch, front), (eaves + 1.2, eaves + plan.uniform(3.6, 5)))
    drum, rise = plan.uniform(5, 7), plan.uniform(3, 7)
    plan.turned((0, 0), [(drum, tall), (drum, tall + rise)], "side", sides=16)
    top = plan.dome((0, 0), drum * 0.95, tall + rise, height=plan.uniform(0.8, 1.3))
    plan.turned((0, 0), [(1.0, top), (0.9, top + 2), (0.0, top + 4.5)], "trim", sides=8)


def _bell_tower(plan: Architect) -> None:
    """A tall stepped tower with a hall leaning on one side."""
    half, z = plan.uniform(4, 5.5), 0.0
    for number in range(int(plan.rng.integers(3, 5))):
        rise = plan.uniform(8, 12)
        plan.box((-half, half), (-half, half), (z, z + rise), "front" if number == 0 else "side")
        z += rise
        plan.box((-half - 0.6, half + 0.6), (-half - 0.6, half + 0.6), (z, z + 0.9), "trim")
        z, half = z + 0.9, half * plan.uniform(0.78, 0.98)
    if plan.chance(0.5):
        plan.turned((0, 0), [(half, z), (0.0, z + plan.uniform(6, 14))], "roof", sides=4)
    else:
        plan.dome((0, 0), half, z, height=1.3, bulge=plan.uniform(0, 0.3))
    side, base = int(plan.rng.choice([-1, 1])), plan.uniform(5, 6)
    inner, outer = sorted((side * base, side * (base + plan.uniform(9, 14))))
    tall, deep = plan.uniform(6, 10), plan.uniform(5, 7)
    plan.box((inner, outer), (-deep + 1, deep), (0, tall), "front")
    plan.gable((inner, outer), (-deep + 1, deep), (tall, tall + plan.uniform(3, 6)), along_y=plan.chance(0.4))


def _triumphal_arch(plan: Architect) -> None:
    """A gate with one or three openings, an attic and statues on top."""
    half, deep = plan.uniform(10, 14), plan.uniform(4, 6)
    tall, wide = plan.uniform(14, 18), plan.uniform(2.8, 4.0)
    openings = [(half + plan.uniform(-1, 1), wide, tall - wide - plan.uniform(3, 5))]
    if plan.chance(0.6):
        small = plan.uniform(1.2, 1.8)
        openings += [(centre, small, plan.uniform(3.5, 6)) for centre in (half - wide - 3.5, half + wide + 3.5)]
    plan.gate((-half, half), (-deep, deep), (0, tall), openings)
    plan.box((-half - 0.8, half + 0.8), (-deep - 0.8, deep + 0.8), (tall, tall + 1), "trim")
    shrink, rise = plan.uniform(0.6, 1.0), plan.uniform(4, 7)
    plan.box((-half * shrink, half * shrink), (-deep * 0.9, deep * 0.9), (tall + 1, tall + 1 + rise), "side")
    top = tall + 1 + rise
    for x in plan.rng.uniform(-0.8, 0.8, int(plan.rng.integers(1, 4))) * half * shrink:
        plan.turned((float(x), 0), [(1.2, top), (0.5, top + 2.5), (0.0, top + plan.uniform(3, 6))], "trim", sides=8)


def _palace(plan: Architect) -> None:
    """A long front with a raised pavilion, unequal wings and corner turrets."""
    left, right, deep = plan.uniform(12, 18), plan.uniform(12, 18), plan.uniform(10, 15)
    pavilion, tall = plan.uniform(5, 8), plan.uniform(10, 14)
    plan.box((-pavilion, pavilion), (-deep / 2 - 2, deep / 2), (0, tall * 1.25), "front")
    plan.turned(
        (0, -1),
        [(pavilion, tall * 1.25), (pavilion * 0.6, tall * 1.25 + plan.uniform(4, 7))],
        "roof",
        sides=4,
        stretch=(1.0, (deep / 2 + 1) / pavilion),
    )
    for wing in ((-left, -pavilion), (pavilion, right)):
        height = tall * plan.uniform(0.8, 1.05)
        plan.box(wing, (-deep / 2, deep / 2), (0, height), "front")
        plan.gable(wing, (-deep / 2, deep / 2), (height, height + plan.uniform(2, 5)), along_y=False)
    for x in (-left - 2.4, right + 2.4):
        if plan.chance(0.75):
            top = tall * plan.uniform(0.9, 1.5)
            plan.turned((x, -deep / 2), [(2.4, 0.0), (2.4, top)], "side", sides=12)
            plan.turned((x, -deep / 2), [(2.8, top), (0.0, top + plan.uniform(3, 8))], "roof", sides=12)


def _pagoda(plan: Architect) -> None:
    """Storeys that shrink, each under a wide roof."""
    half, z, sides = plan.uniform(7, 10), plan.uniform(1, 3), int(plan.rng.choice([4, 4, 6, 8]))
    plan.box((-half * 1.4, half * 1.4), (-half * 1.4, half * 1.4), (0, z), "trim")
    levels = int(plan.rng.integers(3, 6))
    shrink = plan.uniform(0.76, 0.9)
    for level in range(levels):
        rise = plan.uniform(4.5, 6.5)
        if sides == 4:
            plan.box((-half, half), (-half, half), (z, z + rise), "front" if level == 0 else "side")
        else:
            plan.turned((0, 0), [(half, z), (half, z + rise)], "side", sides=sides)
        z, last = z + rise, level == levels - 1
        peak = plan.uniform(6, 9) if last else plan.uniform(1.8, 2.6)
        tip = 0.0 if last else half * shrink
        plan.turned((0, 0), [(half * 1.28, z), (tip, z + peak)], "roof", sides=sides)
        z, half = z + peak, half * shrink


def _castle(plan: Architect) -> None:
    """A gatehouse between round towers of unequal height, with a keep behind."""
    gate, tall, deep = plan.uniform(4, 6), plan.uniform(10, 14), plan.uniform(5, 7)
    plan.gate(
        (-gate, gate), (-deep / 2, deep / 2), (0, tall), [(gate + plan.uniform(-0.6, 0.6), 2.0, plan.uniform(3, 5))]
    )
    for x in np.arange(-gate, gate - 0.9, 2.0):
        plan.box((float(x), float(x) + 1.1), (-deep / 2, -deep / 2 + 0.8), (tall, tall + 1.3), "trim")
    for side in (-1, 1):
        radius, top = plan.uniform(3, 4.5), tall + plan.uniform(-1, 9)
        x = side * (gate + radius)
        plan.turned((x, 0), [(radius * 1.08, 0.0), (radius, top)], "side", sides=16)
        if plan.chance(0.7):
            plan.turned((x, 0), [(radius * 1.15, top), (0.0, top + plan.uniform(5, 10))], "roof", sides=16)
        wall = plan.uniform(6, 11)
        inner, outer = sorted((side * (gate + 2.2 * radius), side * (gate + 2.2 * radius + wall)))
        plan.box((inner, outer), (-1.5, 1.5), (0, tall * plan.uniform(0.55, 0.8)))
    shift, rise = plan.uniform(-4, 4), plan.uniform(18, 26)
    plan.box((shift - 5, shift + 5), (deep + 2, deep + 12), (0, rise), "side")
    if plan.chance(0.6):
        plan.turned((shift, deep + 7), [(5.3, rise), (0.0, rise + plan.uniform(4, 8))], "roof", sides=4)


def _museum(plan: Architect) -> None:
    """Modern: boxes of unequal size, stacked askew, with a round stair tower."""
    z, half = 0.0, plan.uniform(11, 15)
    for number in range(int(plan.rng.integers(3, 5))):
        rise, shift = plan.uniform(6, 9), plan.uniform(-4, 4) if number else 0.0
        deep = plan.uniform(6, 9)
        plan.box((shift - half, shift + half), (-deep, deep), (z, z + rise), "front")
        z, half = z + rise, half * plan.uniform(0.55, 0.95)
    side, top = int(plan.rng.choice([-1, 1])), z * plan.uniform(0.6, 1.25)
    plan.turned((side * 18.5, 0), [(3.2, 0.0), (plan.uniform(2.4, 3.4), top)], "side", sides=14)


def _mosque(plan: Architect) -> None:
    """A great gate before a domed hall, with minarets."""
    half, tall = plan.uniform(8, 11), plan.uniform(9, 13)
    plan.box((-half, half), (-half, half), (0, tall), "side")
    reach, rise = plan.uniform(4, 6), tall + plan.uniform(2, 5)
    plan.gate((-reach, reach), (-half - 3, -half), (0, rise), [(reach, reach * 0.55, rise * 0.5)])
    drum = half * plan.uniform(0.5, 0.75)
    plan.turned((0, 0), [(drum, tall), (drum, tall + 3)], "side", sides=16)
    top = plan.dome((0, 0), drum, tall + 3, height=plan.uniform(1.0, 1.4), bulge=plan.uniform(0.0, 0.25))
    plan.turned((0, 0), [(0.5, top), (0.0, top + 3)], "trim", sides=6)
    for side in (-1, 1):
        if plan.chance(0.85):
            x, peak = side * (half + plan.uniform(3, 6)), tall * plan.uniform(1.6, 2.6)
            plan.turned((x, -half), [(1.7, 0.0), (1.3, peak)], "side", sides=10)
            plan.turned((x, -half), [(2.2, peak), (2.2, peak + 1)], "trim", sides=10)
            plan.turned((x, -half), [(1.3, peak + 1), (0.0, peak + plan.uniform(4, 7))], "roof", sides=10)


def _lighthouse(plan: Architect) -> None:
    """A tapering round tower with a lamp room and a keeper's house."""
    radius, tall = plan.uniform(4, 5.5), plan.uniform(22, 32)
    top = radius * plan.uniform(0.55, 0.8)
    plan.turned((0, 0), [(radius, 0.0), (top, tall)], "side", sides=16)
    plan.turned((0, 0), [(top * 1.4, tall), (top * 1.4, tall + 1.1)], "trim", sides=16)
    plan.turned((0, 0), [(top * 0.8, tall + 1.1), (top * 0.8, tall + 4)], "side", sides=10)
    plan.turned((0, 0), [(top, tall + 4), (0.0, tall + plan.uniform(6, 9))], "roof", sides=10)
    side, wide = int(plan.rng.choice([-1, 1])), plan.uniform(8, 12)
    inner, outer = sorted((side * radius, side * (radius + wide)))
    eaves = plan.uniform(5, 8)
    plan.box((inner, outer), (-4, 4), (0, eaves), "front")
    plan.gable((inner, outer), (-4, 4), (eaves, eaves + plan.uniform(3, 5)), along_y=plan.chance(0.5))


def _temple_pyramid(plan: Architect) -> None:
    """Terraces with a stair and a shrine."""
    half, z = plan.uniform(13, 17), 0.0
    shift = plan.uniform(-3, 3)
    for _ in range(int(plan.rng.integers(3, 6))):
        rise, inset = plan.uniform(3, 5), plan.uniform(0.72, 0.82)
        plan.box((-half, half), (-half, half), (z, z + rise), "side")
        plan.box((shift - 2, shift + 2), (-half - 1.6, -half), (z, z + rise * 0.9), "trim")
        z, half = z + rise, half * inset
    plan.box((-half * 0.8, half * 0.8), (-half * 0.8, half * 0.8), (z, z + plan.uniform(4, 7)), "front")


FAMILIES: dict[str, Callable[[Architect], None]] = {
    "Arch": _triumphal_arch,
    "Bell Tower": _bell_tower,
    "Capitol": _capitol,
    "Castle": _castle,
    "Cathedral": _cathedral,
    "Lighthouse": _lighthouse,
    "Mosque": _mosque,
    "Museum": _museum,
    "Pagoda": _pagoda,
    "Palace": _palace,
    "Terraces": _temple_pyramid,
}


def make_building(family: str, rng: np.random.Generator) -> Building:
    """A building of a family, a key of `FAMILIES`, with proportions and ornaments of its own."""
    architect = Architect(rng)
    FAMILIES[family](architect)
    return architect.build(family)

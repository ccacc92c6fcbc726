"""M/M/c with two preemptive classes that read at different rates, solved without approximation.

The state is (how many of the lower class, how many of the upper) in the room. By the lower class
it is a quasi-birth-death process (Neuts 1981), whose matrix R comes from Latouche and Ramaswami's
logarithmic reduction (1993). The upper class is a M/M/c queue of its own; it is cut where its
tail falls below 1e-10. (The FDA's tool replaces its busy periods by fitted phases instead.)
"""

from collections.abc import Sequence

_TAIL = 1e-10
_MOST_PHASES = 120
_CLOSE = 1e-13
_STEPS = 60

Matrix = list[list[float]]


def mean_number_of_lower(
    upper_arrivals: float,
    upper_rate: float,
    lower_arrivals: float,
    lower_rate: float,
    readers: int,
) -> float:
    """How many of the lower class are in the room on average, being read or not.

    Parameters
    ----------
    upper_arrivals, lower_arrivals
        Per minute.
    upper_rate, lower_rate
        Readings one reader ends per minute.

    Raises
    ------
    ValueError
        If more work comes than can be done, or the upper class nearly fills the readers.
    """
    busy = upper_arrivals / upper_rate + lower_arrivals / lower_rate
    if not busy < readers:
        raise ValueError("more work comes than can be done")
    phases = _phases(upper_arrivals / upper_rate, readers)
    up = _diagonal([lower_arrivals] * phases)
    down, local = [], []
    for lower in range(readers + 1):
        ends = [min(lower, max(readers - upper, 0)) * lower_rate for upper in range(phases)]
        leaving = [lower_arrivals + end for end in ends]
        down.append(_diagonal(ends))
        local.append(_upper_moves(upper_arrivals, upper_rate, readers, leaving))
    ratio = _ratio(up, local[readers], down[readers])
    return _mean_level(up, local, down, ratio)


def _phases(work: float, readers: int) -> int:
    tail, phases = 1.0, readers + 1
    while tail > _TAIL:
        phases += 1
        tail *= work / readers
        if phases > _MOST_PHASES:
            raise ValueError("those that interrupt nearly fill the readers")
    return phases


def _upper_moves(arrivals: float, rate: float, readers: int, leaving: Sequence[float]) -> Matrix:
    """Rates between phases; the diagonal makes up for everything that leaves the state."""
    size = len(leaving)
    moves = [[0.0] * size for _ in range(size)]
    for upper in range(size):
        if upper + 1 < size:
            moves[upper][upper + 1] = arrivals
        if upper:
            moves[upper][upper - 1] = min(upper, readers) * rate
        moves[upper][upper] = -sum(moves[upper]) - leaving[upper]
    return moves


def _ratio(up: Matrix, local: Matrix, down: Matrix) -> Matrix:
    """R: what one level holds for each unit of the level below it (logarithmic reduction)."""
    inverse = _inverse(_scaled(local, -1.0))
    higher, lower = _times(inverse, up), _times(inverse, down)
    first_passage, weight = lower, higher  # G, and the product of the ups so far
    for _ in range(_STEPS):
        both = _plus(_times(higher, lower), _times(lower, higher))
        inverse = _inverse(_plus(_identity(len(up)), _scaled(both, -1.0)))
        higher = _times(inverse, _times(higher, higher))
        lower = _times(inverse, _times(lower, lower))
        step = _times(weight, lower)
        first_passage = _plus(first_passage, step)
        weight = _times(weight, higher)
        if max(max(row) for row in step) < _CLOSE:
            break
    return _times(up, _inverse(_scaled(_plus(local, _times(up, first_passage)), -1.0)))


def _mean_level(
    up: Matrix, local: Sequence[Matrix], down: Sequence[Matrix], ratio: Matrix
) -> float:
    """The mean of the level, by elimination of the levels below the repeating ones.

    From balance at level 0, 1, ...: each level's row vector is the next one's times a matrix.
    """
    top = len(local) - 1
    below: list[Matrix] = []  # level n = level n + 1 times below[n]
    inflow = local[0]
    for level in range(top):
        below.append(_times(down[level + 1], _inverse(_scaled(inflow, -1.0))))
        inflow = _plus(local[level + 1], _times(below[level], up))
    vector = _null_vector(_plus(inflow, _times(ratio, down[top])))
    summed = _inverse(_plus(_identity(len(up)), _scaled(ratio, -1.0)))
    tail = _row_times(vector, summed)
    mass, first = sum(tail), top * sum(tail)
    first += sum(_row_times(_row_times(tail, ratio), summed))
    for level in range(top - 1, -1, -1):
        vector = _row_times(vector, below[level])
        mass += sum(vector)
        first += level * sum(vector)
    return first / mass


def _null_vector(balance: Matrix) -> list[float]:
    """The row vector with vector · balance = 0, up to a factor."""
    size = len(balance)
    columns = [[balance[row][column] for row in range(size)] for column in range(size)]
    columns[-1] = [1.0] * size  # one equation is redundant
    inverse = _inverse(columns)
    return [row[-1] for row in inverse]


def _diagonal(values: Sequence[float]) -> Matrix:
    size = len(values)
    return [[values[i] if i == j else 0.0 for j in range(size)] for i in range(size)]


def _identity(size: int) -> Matrix:
    return _diagonal([1.0] * size)


def _scaled(matrix: Matrix, factor: float) -> Matrix:
    return [[factor * value for value in row] for row in matrix]


def _plus(left: Matrix, right: Matrix) -> Matrix:
    return [[a + b for a, b in zip(*rows, strict=True)] for rows in zip(left, right, strict=True)]


def _row_times(row: Sequence[float], matrix: Matrix) -> list[float]:
    return [
        sum(a * b for a, b in zip(row, column, strict=True)) for column in zip(*matrix, strict=True)
    ]


def _times(left: Matrix, right: Matrix) -> Matrix:
    columns = list(zip(*right, strict=True))
    return [
        [sum(a * b for a, b in zip(row, column, strict=True)) for column in columns] for row in left
    ]


def _inverse(matrix: Matrix) -> Matrix:
    """By Gauss and Jordan with the largest pivots."""
    size = len(matrix)
    rows = [list(row) + [float(i == j) for j in range(size)] for i, row in enumerate(matrix)]
    for column in range(size):
        pivot = max(range(column, size), key=lambda row: abs(rows[row][column]))
        rows[column], rows[pivot] = rows[pivot], rows[column]
        factor = rows[column][column]
        rows[column] = [value / factor for value in rows[column]]
        for row in range(size):
            if row != column and rows[row][column]:
                share = rows[row][column]
                rows[row] = [a - share * b for a, b in zip(rows[row], rows[column], strict=True)]
    return [row[size:] for row in rows]

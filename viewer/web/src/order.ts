/** Holding the list still under the pointer, and how far its rows move. */

/** How many studies would move, come or go if `next` replaced `shown`. */
export function countChanges(shown: readonly string[], next: readonly string[]): number {
  const before = new Set(shown);
  const after = new Set(next);
  const stayed = shown.filter((uid) => after.has(uid));
  const stayedNext = next.filter((uid) => before.has(uid));
  const cameOrWent = shown.length - stayed.length + (next.length - stayedNext.length);
  return cameOrWent + countMoves(stayed, stayedNext);
}

/** The fewest studies that must be taken out and put elsewhere to turn one order into another. */
function countMoves(from: readonly string[], to: readonly string[]): number {
  const rank = new Map(to.map((uid, index) => [uid, index]));
  // The longest part that keeps its order, by patience sorting.
  const piles: number[] = [];
  for (const uid of from) {
    const value = rank.get(uid) ?? 0;
    let low = 0;
    let high = piles.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((piles[middle] ?? 0) < value) low = middle + 1;
      else high = middle;
    }
    piles[low] = value;
  }
  return from.length - piles.length;
}

/** The rows in the held order, with what is new about each; those that left keep their last face. */
export function holdOrder<R>(
  held: readonly R[],
  latest: readonly R[],
  uid: (row: R) => string,
  merge: (held: R, latest: R) => R,
): R[] {
  const byUid = new Map(latest.map((row) => [uid(row), row]));
  return held.map((row) => {
    const fresh = byUid.get(uid(row));
    return fresh === undefined ? row : merge(row, fresh);
  });
}

/** Quiet hours: when no flag rings or pops up. By the workstation's own clock and zone. */

/** Whether `at` lies in quiet hours from and to "HH:MM", over midnight too. */
export function isQuiet(from: string | null, to: string | null, at: Date): boolean {
  if (from === null || to === null || from === to) return false;
  const now = at.getHours() * 60 + at.getMinutes();
  const [start, end] = [minutes(from), minutes(to)];
  return start < end ? start <= now && now < end : start <= now || now < end;
}

function minutes(time: string): number {
  const [hours = 0, rest = 0] = time.split(":").map(Number);
  return hours * 60 + rest;
}

/** Which frames to have ready before they are asked for. */

export interface PrefetchLimits {
  bytes: number; // of all frames that are kept ready
  ahead: number; // frames at most in the direction of scrolling
  behind: number;
}

export const LIMITS: PrefetchLimits = { bytes: 400 * 2 ** 20, ahead: 400, behind: 100 };

/**
 * Indices around `at` in the order they should come: near ones first, and those toward which one
 * scrolls (`direction` 1 or -1) twice as eagerly. Never more than fits the limits.
 */
export function prefetchOrder(
  at: number,
  count: number,
  direction: 1 | -1,
  frameBytes: number,
  limits: PrefetchLimits = LIMITS,
): number[] {
  const most = Math.max(2, Math.floor(limits.bytes / Math.max(1, frameBytes)));
  const order: number[] = [];
  let ahead = 0;
  let behind = 0;
  while (order.length < most) {
    const wantsAhead = ahead < limits.ahead && isIn(at + direction * (ahead + 1), count);
    const wantsBehind = behind < limits.behind && isIn(at - direction * (behind + 1), count);
    if (!wantsAhead && !wantsBehind) return order;
    if (wantsAhead && (ahead < 2 * (behind + 1) || !wantsBehind)) {
      ahead += 1;
      order.push(at + direction * ahead);
    } else {
      behind += 1;
      order.push(at - direction * behind);
    }
  }
  return order;
}

function isIn(index: number, count: number): boolean {
  return index >= 0 && index < count;
}

/** Does one thing after another, `atOnce` at a time; a new plan takes the place of the old one. */
export class Prefetcher {
  private plan: number[] = [];
  private running = 0;

  constructor(
    private readonly fetchOne: (index: number) => Promise<unknown>,
    private readonly atOnce: number,
  ) {}

  /** Begin anew with these; what is under way is let finish. */
  follow(plan: readonly number[]): void {
    this.plan = [...plan];
    while (this.running < this.atOnce && this.plan.length > 0) void this.run();
  }

  stop(): void {
    this.plan = [];
  }

  private async run(): Promise<void> {
    this.running += 1;
    try {
      for (let next = this.plan.shift(); next !== undefined; next = this.plan.shift()) {
        // A frame that cannot be had says so when it is shown.
        await this.fetchOne(next).catch(() => undefined);
      }
    } finally {
      this.running -= 1;
    }
  }
}

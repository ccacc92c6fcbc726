/** Whether a person is at the page: what it asks by itself must not keep a session open. */

const AWAY_AFTER_MS = 60_000;
const SIGNS = ["pointerdown", "pointermove", "keydown", "wheel"] as const;

let lastSignAt = Date.now();

export function watchAttention(): void {
  for (const sign of SIGNS) {
    window.addEventListener(
      sign,
      () => {
        lastSignAt = Date.now();
      },
      { passive: true, capture: true },
    );
  }
}

/** Whether somebody gave a sign of life lately. */
export function isAttended(withinMs = AWAY_AFTER_MS): boolean {
  return Date.now() - lastSignAt < withinMs;
}

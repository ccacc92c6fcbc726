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

export function isAttended(): boolean {
  return Date.now() - lastSignAt < AWAY_AFTER_MS;
}

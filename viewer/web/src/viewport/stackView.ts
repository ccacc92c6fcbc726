/** One pane that shows a stack of frames: everything it can do, and what it shows now. */

import { Enums, type StackViewport, type Types } from "@cornerstonejs/core";

import { fetchImage, source, startedEngine, valuesOf } from "./cornerstone";
import { type EdgeLetters, type Spot, toImage, toWorld } from "./geometry";
import type { ImageFacts, VoiWindow } from "./imageFacts";
import { LIMITS, Prefetcher, prefetchOrder } from "./prefetch";
import { lettersOnPane, type Matrix } from "./stackMatrix";
import { isExact, rangeOfWindow, windowOfRange } from "./windows";

export interface Shown {
  index: number; // of the frame that is drawn; -1: none yet
  wanted: number; // of the frame that was asked for
  facts: ImageFacts | null; // of the frame that is drawn
  failed: string | null; // why the frame that was asked for cannot be shown
  window: VoiWindow;
  asSent: boolean; // each image in its own window
  isColour: boolean;
  inverted: boolean;
  matrix: Matrix | null;
  letters: EdgeLetters | null;
  drawn: number; // counts the pictures drawn
}

const NOTHING: Shown = {
  index: -1,
  wanted: 0,
  facts: null,
  failed: null,
  window: { center: 128, width: 256 },
  asSent: true,
  isColour: false,
  inverted: false,
  matrix: null,
  letters: null,
  drawn: 0,
};

const AT_ONCE = 3; // the browser keeps six connections, and one hears of changes

let made = 0;

export class StackView {
  private readonly id = `stack-${(made += 1)}`;
  private readonly listeners = new Set<() => void>();
  private readonly prefetcher: Prefetcher;
  private imageIds: string[] = [];
  private direction: 1 | -1 = 1;
  private isWhole = true; // nobody enlarged or moved the image
  private shown = NOTHING;
  private viewport: StackViewport | null = null;

  constructor(private readonly element: HTMLDivElement) {
    const engine = startedEngine();
    engine.enableElement({
      viewportId: this.id,
      type: Enums.ViewportType.STACK,
      element,
      defaultOptions: { background: [0, 0, 0] },
    });
    this.viewport = engine.getViewport<StackViewport>(this.id);
    this.prefetcher = new Prefetcher((index) => fetchImage(this.imageIds[index] ?? ""), AT_ONCE);
    element.addEventListener(Enums.Events.STACK_NEW_IMAGE, this.onNewImage);
    element.addEventListener(Enums.Events.IMAGE_RENDERED, this.onDrawn);
  }

  /** Let go of the pane; it draws nothing any more. */
  close(): void {
    this.prefetcher.stop();
    this.element.removeEventListener(Enums.Events.STACK_NEW_IMAGE, this.onNewImage);
    this.element.removeEventListener(Enums.Events.IMAGE_RENDERED, this.onDrawn);
    this.viewport = null;
    startedEngine().disableElement(this.id);
  }

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  /** The same object until something changes. */
  now = (): Shown => this.shown;

  /**
   * Show a stack from one of its frames on.
   *
   * A stack that holds the frame shown already (more images have come) goes on from there.
   */
  async open(imageIds: readonly string[], first: number, window: VoiWindow | null): Promise<void> {
    this.prefetcher.stop();
    const before = this.imageIds[this.shown.index];
    const kept = before === undefined ? -1 : imageIds.indexOf(before);
    this.imageIds = [...imageIds];
    const index = kept >= 0 ? kept : first;
    if (kept >= 0) {
      this.change({ index: -1, wanted: index });
    } else {
      this.isWhole = true;
      this.change({ ...NOTHING, wanted: index, asSent: window === null, window: window ?? NOTHING.window });
    }
    try {
      await this.viewport?.setStack(this.imageIds, index);
      await this.failureOf(index);
    } catch (error) {
      this.change({ failed: wordsOf(error) });
    }
    this.prefetch();
  }

  show(index: number): void {
    const wanted = Math.max(0, Math.min(this.imageIds.length - 1, index));
    if (wanted === this.shown.wanted) return;
    this.direction = wanted > this.shown.wanted ? 1 : -1;
    this.change({ wanted, failed: null });
    void this.viewport?.setImageIdIndex(wanted).then(
      () => this.failureOf(wanted),
      (error: unknown) => {
        if (this.shown.wanted === wanted) this.change({ failed: wordsOf(error) });
      },
    );
    this.prefetch();
  }

  scroll(by: number): void {
    this.show(this.shown.wanted + by);
  }

  get count(): number {
    return this.imageIds.length;
  }

  /** A window in modality values; null: as each image says. */
  setWindow(window: VoiWindow | null): void {
    this.change({ asSent: window === null, window: window ?? this.shown.window });
    this.applyWindow();
    this.viewport?.render();
  }

  invert(): void {
    this.viewport?.setProperties({ invert: !this.shown.inverted });
    this.change({ inverted: !this.shown.inverted });
    this.viewport?.render();
  }

  /** A quarter turn clockwise. */
  rotate(): void {
    const { viewport } = this;
    if (viewport === null) return;
    const { rotation = 0 } = viewport.getViewPresentation();
    viewport.setViewPresentation({ rotation: (rotation + 90) % 360 });
    viewport.render();
  }

  flip(which: "flipHorizontal" | "flipVertical"): void {
    const { viewport } = this;
    if (viewport === null) return;
    viewport.setCamera({ [which]: !(viewport.getCamera()[which] ?? false) });
    viewport.render();
  }

  pan(dx: number, dy: number): void {
    const { viewport } = this;
    if (viewport === null) return;
    this.isWhole = false;
    const [x, y] = viewport.getPan();
    viewport.setPan([x + dx, y + dy]);
    viewport.render();
  }

  /** Enlarge by a factor, keeping what is at a place of the pane (px) where it is. */
  zoom(factor: number, [x, y]: Spot = [this.element.clientWidth / 2, this.element.clientHeight / 2]): void {
    const { viewport } = this;
    if (viewport === null) return;
    this.isWhole = false;
    const before = viewport.canvasToWorld([x, y]);
    viewport.setZoom(Math.max(0.2, Math.min(40, viewport.getZoom() * factor)));
    const [movedX, movedY] = viewport.worldToCanvas(before);
    const [panX, panY] = viewport.getPan();
    viewport.setPan([panX + x - movedX, panY + y - movedY]);
    viewport.render();
  }

  /** The whole image in the pane, whichever way round it is. */
  fit(): void {
    const { viewport } = this;
    if (viewport === null) return;
    this.isWhole = true;
    viewport.setZoom(1);
    viewport.setPan([0, 0]);
    viewport.render();
  }

  /** As it was opened: whole, upright, in the window given. */
  reset(window: VoiWindow | null): void {
    const { viewport } = this;
    if (viewport === null) return;
    this.isWhole = true;
    viewport.setCamera({ flipHorizontal: false, flipVertical: false });
    viewport.setViewPresentation({ rotation: 0 });
    viewport.resetCamera();
    if (this.shown.inverted !== this.sentInverted()) this.invert();
    this.setWindow(window);
  }

  /** The pane has another size: what was whole stays whole, what was enlarged stays where it is. */
  resized(): void {
    const { viewport } = this;
    startedEngine().resize(true, true);
    if (viewport === null || this.shown.index < 0 || !this.isWhole) return;
    const { rotation = 0 } = viewport.getViewPresentation();
    const { flipHorizontal = false, flipVertical = false } = viewport.getCamera();
    viewport.resetCamera();
    viewport.setViewPresentation({ rotation });
    viewport.setCamera({ flipHorizontal, flipVertical });
    viewport.render();
  }

  /** The place in the image under a place of the pane (px). */
  toImage([x, y]: Spot): [number, number] | null {
    const { facts } = this.shown;
    if (this.viewport === null || facts === null) return null;
    return toImage(facts, this.viewport.canvasToWorld([x, y]));
  }

  /** Modality values of the frame that is drawn, row by row. */
  values(): ArrayLike<number> | null {
    if (this.shown.index < 0) return null;
    return this.viewport === null ? null : valuesOf(this.viewport.getCornerstoneImage());
  }

  private sentInverted(): boolean {
    return this.shown.facts?.photometric === "MONOCHROME1" && !this.shown.isColour;
  }

  private readonly onNewImage = (event: Event): void => {
    const { image, imageIdIndex } = (event as CustomEvent<{ image: Types.IImage; imageIdIndex: number }>).detail;
    const facts = source.known(image.imageId);
    const isFirst = this.shown.index < 0;
    this.change({ index: imageIdIndex, facts, isColour: image.color, failed: null });
    if (isFirst) this.change({ inverted: this.sentInverted() });
    this.applyWindow();
  };

  private readonly onDrawn = (): void => {
    const { viewport } = this;
    const { facts, index } = this.shown;
    if (viewport === null || facts === null || index < 0) return;
    const matrix = matrixOf(viewport, facts);
    const range = viewport.getProperties().voiRange;
    this.change({
      matrix,
      letters: lettersOnPane(facts, matrix),
      window: range === undefined ? this.shown.window : windowOfRange(range, isExact(facts)),
      drawn: this.shown.drawn + 1,
    });
  };

  private applyWindow(): void {
    const { viewport } = this;
    if (viewport === null || this.shown.index < 0) return;
    const { windowCenter, windowWidth } = viewport.getCornerstoneImage();
    const sent = { center: firstOf(windowCenter), width: firstOf(windowWidth) };
    const window = this.shown.asSent || this.shown.isColour ? sent : this.shown.window;
    viewport.setProperties({ voiRange: rangeOfWindow(window, isExact(this.shown.facts)) });
  }

  /** Cornerstone resolves also where the image could not be had; then nothing was drawn. */
  private async failureOf(index: number): Promise<void> {
    const imageId = this.imageIds[index];
    if (imageId === undefined || this.shown.wanted !== index) return;
    try {
      await fetchImage(imageId);
    } catch (error) {
      if (this.shown.wanted === index) this.change({ failed: wordsOf(error) });
    }
  }

  private prefetch(): void {
    const { facts, wanted } = this.shown;
    const bytes = facts === null ? 2 ** 19 : facts.rows * facts.columns * 2;
    this.prefetcher.follow(
      prefetchOrder(wanted, this.imageIds.length, this.direction, bytes, LIMITS),
    );
  }

  private change(by: Partial<Shown>): void {
    this.shown = { ...this.shown, ...by };
    for (const listener of this.listeners) listener();
  }
}

function firstOf(value: number | number[]): number {
  return Array.isArray(value) ? (value[0] ?? 0) : value;
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function matrixOf(viewport: StackViewport, facts: ImageFacts): Matrix {
  const at = (spot: Spot) => viewport.worldToCanvas(toWorld(facts, spot));
  const [e, f] = at([0, 0]);
  const [right, rightY] = at([facts.columns, 0]);
  const [below, belowY] = at([0, facts.rows]);
  return {
    a: (right - e) / facts.columns,
    b: (rightY - f) / facts.columns,
    c: (below - e) / facts.rows,
    d: (belowY - f) / facts.rows,
    e,
    f,
  };
}

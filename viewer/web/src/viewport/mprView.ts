/** A volume cut in three planes through one point. */

import {
  cache,
  Enums,
  eventTarget,
  type Types,
  utilities,
  type VolumeViewport,
  volumeLoader,
} from "@cornerstonejs/core";

import { source, startedEngine } from "./cornerstone";
import { cross, dot, type EdgeLetters, lettersToward, opposite, type Spot } from "./geometry";
import type { Vector, VoiWindow } from "./imageFacts";
import type { Cutting, Projection } from "./planeMarks";
import { isExact, rangeOfWindow } from "./windows";

export const PLANES = ["axial", "coronal", "sagittal"] as const;
export type PlaneName = (typeof PLANES)[number];

export interface Cut {
  letters: EdgeLetters | null;
  crossing: Spot | null; // px on the pane, where all three meet
  cutting: Cutting | null; // where the plane lies in the patient
  projection: Projection | null; // from there onto the pane
  drawn: number; // counts the pictures drawn
}

export interface MprShown {
  point: Vector | null; // mm, where the planes meet
  loaded: number; // frames of the volume that are there
  failed: string | null;
  window: VoiWindow;
  slabMm: number; // 0: one slice; else the brightest of so much
  cuts: Record<PlaneName, Cut>;
}

const NO_CUT: Cut = { letters: null, crossing: null, cutting: null, projection: null, drawn: 0 };
const NOTHING: MprShown = {
  point: null,
  loaded: 0,
  failed: null,
  window: { center: 40, width: 400 },
  slabMm: 0,
  cuts: { axial: NO_CUT, coronal: NO_CUT, sagittal: NO_CUT },
};

let made = 0;

export class MprView {
  private readonly id = `mpr-${(made += 1)}`;
  private readonly listeners = new Set<() => void>();
  private shown = NOTHING;
  private volume: Types.IImageVolume | null = null;
  private isOpen = true;

  constructor(private readonly elements: Record<PlaneName, HTMLDivElement>) {
    const engine = startedEngine();
    for (const plane of PLANES) {
      engine.enableElement({
        viewportId: this.viewportId(plane),
        type: Enums.ViewportType.ORTHOGRAPHIC,
        element: elements[plane],
        defaultOptions: { background: [0, 0, 0], orientation: Enums.OrientationAxis[AXES[plane]] },
      });
      elements[plane].addEventListener(Enums.Events.IMAGE_RENDERED, this.onDrawn);
    }
  }

  close(): void {
    this.isOpen = false;
    eventTarget.removeEventListener(Enums.Events.IMAGE_VOLUME_MODIFIED, this.onLoaded);
    const engine = startedEngine();
    for (const plane of PLANES) {
      this.elements[plane].removeEventListener(Enums.Events.IMAGE_RENDERED, this.onDrawn);
      engine.disableElement(this.viewportId(plane));
    }
    // Leaving the study empties the whole cache, which may come first.
    const volumeId = this.volume?.volumeId ?? "";
    if (cache.getVolumeLoadObject(volumeId) !== undefined) cache.removeVolumeLoadObject(volumeId);
    this.volume = null;
  }

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  now = (): MprShown => this.shown;

  /** Show the volume of these slices, cut through a point (mm); null: through its middle. */
  async open(imageIds: readonly string[], point: Vector | null, window: VoiWindow): Promise<void> {
    const volumeId = `cornerstoneStreamingImageVolume:${this.id}`;
    try {
      const volume = await volumeLoader.createAndCacheVolume(volumeId, { imageIds: [...imageIds] });
      if (this.isClosed()) return;
      this.volume = volume;
      for (const plane of PLANES) await this.viewport(plane)?.setVolumes([{ volumeId }]);
      if (this.isClosed()) return;
      this.setWindow(window);
      this.goTo(point ?? this.middle());
      eventTarget.addEventListener(Enums.Events.IMAGE_VOLUME_MODIFIED, this.onLoaded);
      (volume as Types.IStreamingImageVolume).load();
      this.noteLoaded();
    } catch (error) {
      this.change({ failed: error instanceof Error ? error.message : String(error) });
    }
  }

  /** Whether windows are meant to the point. */
  isExact(): boolean {
    return isExact(source.known(this.volume?.imageIds[0] ?? ""));
  }

  setWindow(window: VoiWindow): void {
    for (const plane of PLANES) {
      this.viewport(plane)?.setProperties({ voiRange: rangeOfWindow(window, this.isExact()) });
    }
    this.change({ window });
    this.render();
  }

  /** Look at the brightest of so many mm instead of one slice; 0: one slice. */
  setSlab(slabMm: number): void {
    for (const plane of PLANES) {
      const viewport = this.viewport(plane);
      viewport?.setBlendMode(
        slabMm === 0 ? Enums.BlendModes.COMPOSITE : Enums.BlendModes.MAXIMUM_INTENSITY_BLEND,
      );
      if (slabMm === 0) viewport?.resetSlabThickness();
      else viewport?.setSlabThickness(slabMm / 2); // Cornerstone goes so far to either side
    }
    this.change({ slabMm });
    this.render();
  }

  /** Cut through a point of the patient, mm. */
  goTo(point: Vector): void {
    this.change({ point });
    for (const plane of PLANES) {
      const viewport = this.viewport(plane);
      if (viewport === null) continue;
      const { focalPoint, position, viewPlaneNormal } = viewport.getCamera();
      if (focalPoint === undefined || position === undefined || viewPlaneNormal === undefined) continue;
      const normal = vector(viewPlaneNormal);
      const by = dot(normal, minus(point, vector(focalPoint)));
      viewport.setCamera({
        focalPoint: along(vector(focalPoint), normal, by),
        position: along(vector(position), normal, by),
      });
    }
    this.render();
  }

  /** Move a plane by slices. */
  scroll(plane: PlaneName, by: number): void {
    const viewport = this.viewport(plane);
    const { point } = this.shown;
    if (viewport === null || this.volume === null || point === null) return;
    const normal = viewport.getCamera().viewPlaneNormal;
    if (normal === undefined) return;
    const step = utilities.getSpacingInNormalDirection(this.volume, normal);
    const next = along(point, vector(normal), -by * step);
    if (this.holds(next)) this.goTo(next);
  }

  /** The point of the patient under a place of a pane. */
  pointAt(plane: PlaneName, [x, y]: Spot): Vector | null {
    const point = this.viewport(plane)?.canvasToWorld([x, y]);
    return point === undefined ? null : vector(point);
  }

  holds(point: Vector): boolean {
    if (this.volume?.imageData === undefined) return false;
    const [i = 0, j = 0, k = 0] = this.volume.imageData.worldToIndex([...point] as Types.Point3);
    const [columns, rows, slices] = this.volume.dimensions;
    const isIn = (at: number, count: number) => at >= -0.5 && at <= count - 0.5;
    return isIn(i, columns) && isIn(j, rows) && isIn(k, slices);
  }

  zoom(plane: PlaneName, factor: number): void {
    const viewport = this.viewport(plane);
    viewport?.setZoom(Math.max(0.2, Math.min(40, viewport.getZoom() * factor)));
    viewport?.render();
  }

  pan(plane: PlaneName, dx: number, dy: number): void {
    const viewport = this.viewport(plane);
    if (viewport === null) return;
    const [x, y] = viewport.getPan();
    viewport.setPan([x + dx, y + dy]);
    viewport.render();
  }

  reset(window: VoiWindow): void {
    for (const plane of PLANES) this.viewport(plane)?.resetCamera();
    this.setSlab(0);
    this.setWindow(window);
    this.goTo(this.middle());
  }

  resized(): void {
    startedEngine().resize(true, true);
  }

  private render(): void {
    startedEngine().renderViewports(PLANES.map((plane) => this.viewportId(plane)));
  }

  private middle(): Vector {
    const { imageData, dimensions } = this.volume ?? {};
    if (imageData === undefined || dimensions === undefined) return [0, 0, 0];
    const [columns, rows, slices] = dimensions;
    return vector(imageData.indexToWorld([(columns - 1) / 2, (rows - 1) / 2, (slices - 1) / 2]));
  }

  private noteLoaded(): void {
    const { imageIds } = this.volume ?? { imageIds: [] };
    this.change({ loaded: imageIds.filter((imageId) => cache.isLoaded(imageId)).length });
  }

  private readonly onLoaded = (event: Event): void => {
    const { volumeId } = (event as CustomEvent<{ volumeId: string }>).detail;
    if (volumeId === this.volume?.volumeId) this.noteLoaded();
  };

  private isClosed(): boolean {
    return !this.isOpen;
  }

  private viewportId(plane: PlaneName): string {
    return `${this.id}-${plane}`;
  }

  private viewport(plane: PlaneName): VolumeViewport | null {
    const viewport = startedEngine().getViewport<VolumeViewport>(this.viewportId(plane)) as VolumeViewport | undefined;
    return viewport ?? null;
  }

  private readonly onDrawn = (event: Event): void => {
    const plane = PLANES.find((one) => this.elements[one] === event.currentTarget);
    const viewport = plane === undefined ? null : this.viewport(plane);
    if (plane === undefined || viewport === null) return;
    const { point } = this.shown;
    const crossing = point === null ? null : viewport.worldToCanvas([...point] as Types.Point3);
    const cut: Cut = {
      letters: lettersOf(viewport),
      crossing,
      cutting: cuttingOf(viewport),
      projection: projectionOf(viewport),
      drawn: this.shown.cuts[plane].drawn + 1,
    };
    this.change({ cuts: { ...this.shown.cuts, [plane]: cut } });
  };

  private change(by: Partial<MprShown>): void {
    this.shown = { ...this.shown, ...by };
    for (const listener of this.listeners) listener();
  }
}

const AXES = { axial: "AXIAL", coronal: "CORONAL", sagittal: "SAGITTAL" } as const;

function lettersOf(viewport: VolumeViewport): EdgeLetters | null {
  const { viewUp, viewPlaneNormal } = viewport.getCamera();
  if (viewUp === undefined || viewPlaneNormal === undefined) return null;
  const top = lettersToward(vector(viewUp));
  const right = lettersToward(cross(vector(viewUp), vector(viewPlaneNormal)));
  return { top, right, bottom: opposite(top), left: opposite(right) };
}

function cuttingOf(viewport: VolumeViewport): Cutting | null {
  const { focalPoint, viewPlaneNormal } = viewport.getCamera();
  if (focalPoint === undefined || viewPlaneNormal === undefined) return null;
  return { point: vector(focalPoint), normal: vector(viewPlaneNormal) };
}

const FAR_MM = 100; // so that what is lost in rounding counts little

function projectionOf(viewport: VolumeViewport): Projection {
  const [x0, y0] = viewport.worldToCanvas([0, 0, 0]);
  const perMm = (to: Types.Point3): Spot => {
    const [x, y] = viewport.worldToCanvas(to);
    return [(x - x0) / FAR_MM, (y - y0) / FAR_MM];
  };
  return { origin: [x0, y0], axes: [perMm([FAR_MM, 0, 0]), perMm([0, FAR_MM, 0]), perMm([0, 0, FAR_MM])] };
}

function vector(point: ArrayLike<number>): Vector {
  return [point[0] ?? 0, point[1] ?? 0, point[2] ?? 0];
}

function minus(a: Vector, b: Vector): Vector {
  return [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
}

function along(from: Vector, direction: Vector, by: number): [number, number, number] {
  return [from[0] + direction[0] * by, from[1] + direction[1] * by, from[2] + direction[2] * by];
}

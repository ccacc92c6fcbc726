/** Cornerstone3D told where this node's images are, and started once. */

import {
  cache,
  imageLoader,
  init,
  metaData,
  RenderingEngine,
  type Types,
  utilities,
} from "@cornerstonejs/core";

import { drawnPlane } from "./geometry";
import type { ImageFacts, VoiWindow } from "./imageFacts";
import { colourPixels, greyPixels, isPlain, type Values } from "./pixels";
import { frameOf, type FrameRef, ImageSource } from "./source";

export const source = new ImageSource();

const KEPT_BYTES = 1024 * 2 ** 20; // of decoded frames

let engine: RenderingEngine | null = null;

/** The engine that draws every pane; started with the first. */
export function startedEngine(): RenderingEngine {
  if (engine !== null) return engine;
  init();
  cache.setMaxCacheSize(KEPT_BYTES);
  metaData.addProvider(provide, 1000);
  imageLoader.registerImageLoader("vigie", (imageId) => ({ promise: load(imageId) }));
  engine = new RenderingEngine("vigie");
  return engine;
}

/** Leave nothing of a patient in memory. */
export function forgetImages(): void {
  cache.purgeCache();
  source.forget();
}

/** Have a frame ready. */
export function fetchImage(imageId: string): Promise<Types.IImage> {
  return imageLoader.loadAndCacheImage(imageId);
}

/** What Cornerstone asks of an image; known once the image is loaded, or its series opened. */
function provide(type: string, imageId: unknown): unknown {
  const facts = typeof imageId === "string" ? source.known(imageId) : null;
  if (facts === null) return undefined;
  switch (type) {
    case "imagePixelModule":
      return pixelModule(facts);
    case "imagePlaneModule":
      return planeModule(facts);
    case "generalSeriesModule":
      return { modality: facts.modality, seriesInstanceUID: facts.seriesInstanceUid };
    case "modalityLutModule":
      return { rescaleSlope: facts.slope, rescaleIntercept: facts.intercept };
    case "voiLutModule":
      return {
        windowCenter: facts.windows.map(({ center }) => center),
        windowWidth: facts.windows.map(({ width }) => width),
        voiLUTFunction: facts.voiFunction,
      };
    default:
      return undefined;
  }
}

function pixelModule(facts: ImageFacts) {
  const isColour = !isGrey(facts);
  const bits = Math.min(32, facts.bitsAllocated); // double precision is drawn in single
  return {
    rows: facts.rows,
    columns: facts.columns,
    bitsAllocated: isColour ? 8 : bits,
    bitsStored: isColour ? 8 : Math.min(bits, facts.bitsStored),
    highBit: (isColour ? 8 : Math.min(bits, facts.bitsStored)) - 1,
    samplesPerPixel: isColour ? 3 : 1,
    pixelRepresentation: facts.signed ? 1 : 0,
    photometricInterpretation: isColour ? "RGB" : facts.photometric,
  };
}

function planeModule(facts: ImageFacts) {
  const { position, along, down } = drawnPlane(facts);
  return {
    rows: facts.rows,
    columns: facts.columns,
    frameOfReferenceUID: facts.frameOfReferenceUid,
    imagePositionPatient: [...position],
    imageOrientationPatient: [...along, ...down],
    rowCosines: [...along],
    columnCosines: [...down],
    pixelSpacing: [facts.rowSpacingMm, facts.columnSpacingMm],
    rowPixelSpacing: facts.rowSpacingMm,
    columnPixelSpacing: facts.columnSpacingMm,
    sliceThickness: facts.sliceThicknessMm ?? undefined,
    usingDefaultValues: facts.plane === null,
  };
}

/** Grey values are ours to window; everything else comes as red, green and blue. */
function isGrey(facts: ImageFacts): boolean {
  return isPlain(facts) && facts.samples === 1;
}

async function load(imageId: string): Promise<Types.IImage> {
  const frame = frameOf(imageId);
  if (frame === null) throw new Error(`no image of this node: ${imageId}`);
  // Both at once: of most images the values can be used as they are.
  const [facts, bytes] = await Promise.all([source.factsOf(imageId), plainBytes(imageId, frame)]);
  if (isGrey(facts) && bytes !== null) {
    return made(imageId, facts, { ...greyPixels(bytes, facts), components: 1 });
  }
  const values =
    isPlain(facts) && bytes !== null ? colourPixels(bytes, facts) : await drawnByNode(frame);
  const window = { center: 128, width: 256 };
  return made(imageId, facts, { values, drawn: values, components: 3, lowest: 0, highest: 255, window });
}

/** The bytes of a frame; null where it is known by now that they would be of no use. */
async function plainBytes(imageId: string, frame: FrameRef): Promise<Uint8Array | null> {
  const known = source.known(imageId);
  if (known !== null && !isPlain(known)) return null;
  try {
    return await source.frame(frame);
  } catch (error) {
    // Not every object can be sent as values; if this one can, that it was not is a failure.
    if (isPlain(await source.factsOf(imageId))) throw error;
    return null;
  }
}

async function drawnByNode(frame: FrameRef): Promise<Uint8Array> {
  const { data, width, height } = await source.rendered(frame);
  const values = new Uint8Array(width * height * 3);
  for (let i = 0; i < width * height; i++) {
    values[i * 3] = data[i * 4] ?? 0;
    values[i * 3 + 1] = data[i * 4 + 1] ?? 0;
    values[i * 3 + 2] = data[i * 4 + 2] ?? 0;
  }
  return values;
}

interface Made {
  values: Values; // of the modality
  drawn: Values; // what is made grey; the same, but where a table or no number lies between
  components: 1 | 3;
  lowest: number;
  highest: number;
  window: VoiWindow;
}

const measured = new WeakMap<object, Values>(); // of images that are drawn from other values

/** The modality values of an image, row by row. */
export function valuesOf(image: Types.IImage): ArrayLike<number> {
  return measured.get(image) ?? image.getPixelData();
}

function made(imageId: string, facts: ImageFacts, pixels: Made): Types.IImage {
  const { rows, columns } = facts;
  const { values, drawn, components, window } = pixels;
  const voxelManager = utilities.VoxelManager.createImageVoxelManager({
    width: columns,
    height: rows,
    numberOfComponents: components,
    scalarData: drawn,
  });
  const photometric = components === 3 ? "RGB" : facts.photometric;
  const image = {
    imageId,
    rows,
    columns,
    width: columns,
    height: rows,
    slope: 1, // the values are the modality's already
    intercept: 0,
    minPixelValue: pixels.lowest,
    maxPixelValue: pixels.highest,
    windowCenter: window.center,
    windowWidth: window.width,
    voiLUTFunction: facts.voiFunction,
    color: components === 3,
    rgba: false,
    numberOfComponents: components,
    columnPixelSpacing: facts.columnSpacingMm,
    rowPixelSpacing: facts.rowSpacingMm,
    invert: photometric === "MONOCHROME1",
    photometricInterpretation: photometric,
    sizeInBytes: drawn.byteLength + (values === drawn ? 0 : values.byteLength),
    dataType: drawn.constructor.name,
    preScale: {
      enabled: true,
      scaled: true,
      scalingParameters: { rescaleSlope: facts.slope, rescaleIntercept: facts.intercept },
    },
    imageFrame: { photometricInterpretation: photometric },
    voxelManager,
    getPixelData: () => voxelManager.getScalarData(),
  };
  if (values !== drawn) measured.set(image, values);
  return image as unknown as Types.IImage;
}

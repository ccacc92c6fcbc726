/** Lengths, angles and values on an image, with handles to move them by. */

import { type PointerEvent, type RefObject, useState } from "react";
import { useTranslation } from "react-i18next";

import { ellipse, type Spot } from "./geometry";
import type { ImageFacts } from "./imageFacts";
import { angleOf, lengthOf, type Measurement, sampleOf, type Size, SPOTS, valueAt } from "./measure";
import { figure, fixed, spread } from "./numbers";
import classes from "./StackPane.module.css";
import { type Matrix, onPane } from "./stackMatrix";
import type { StackView } from "./stackView";
import { placeOn } from "./usePaneTools";

interface Props {
  measurements: readonly Measurement[]; // of the image shown
  matrix: Matrix;
  facts: ImageFacts;
  view: StackView;
  surface: RefObject<HTMLDivElement | null>;
  chosen: number | null;
  onChoose: (id: number) => void;
  onMove: (id: number, at: number, to: Spot) => void;
}

export function Measurements({ measurements, ...props }: Props) {
  return (
    <g data-testid="measurements">
      {measurements.map((one) => (
        <Figure key={one.id} measurement={one} {...props} />
      ))}
    </g>
  );
}

type FigureProps = Omit<Props, "measurements"> & { measurement: Measurement };

function Figure({ measurement, matrix, facts, view, surface, chosen, onChoose, onMove }: FigureProps) {
  const { t } = useTranslation();
  const [held, setHeld] = useState<number | null>(null);
  const words = useFigureWords(measurement, facts, view);
  const corners = outlineOf(measurement).map((spot) => onPane(matrix, spot));
  const points = corners.map((corner) => corner.join(",")).join(" ");
  const [x, y] = labelPlace(measurement, matrix);
  const Shape = measurement.kind === "ellipse" ? "polygon" : "polyline";
  const isReady = measurement.spots.length === SPOTS[measurement.kind];
  return (
    <g data-kind={measurement.kind}>
      <Shape className={classes.lineUnder} points={points} />
      <Shape className={classes.line} points={points} />
      {measurement.spots.map((spot, at) => {
        const [cx, cy] = onPane(matrix, spot);
        return (
          <circle
            key={at}
            className={classes.handle}
            role="button"
            aria-label={t("viewer.measurement_handle")}
            tabIndex={-1}
            data-chosen={chosen === measurement.id}
            cx={cx}
            cy={cy}
            r={measurement.kind === "value" ? 4 : 5}
            onPointerDown={(event: PointerEvent<SVGCircleElement>) => {
              if (event.button !== 0) return;
              event.stopPropagation();
              event.currentTarget.setPointerCapture(event.pointerId);
              setHeld(at);
              onChoose(measurement.id);
            }}
            onPointerMove={(event) => {
              if (held !== at || surface.current === null) return;
              const to = view.toImage(placeOn(surface.current, event));
              if (to !== null) onMove(measurement.id, at, to);
            }}
            onPointerUp={() => {
              setHeld(null);
            }}
          />
        );
      })}
      {isReady &&
        words.map((line, at) => (
          <text key={at} className={classes.figure} x={x + 10} y={y + 4 + at * 16}>
            {line}
          </text>
        ))}
    </g>
  );
}

function outlineOf({ kind, spots }: Measurement): readonly Spot[] {
  const [from, to] = spots;
  return kind === "ellipse" && from !== undefined && to !== undefined ? ellipse(from, to, 64) : spots;
}

/** Beside the end that was set last, or the corner of an angle. */
function labelPlace({ kind, spots }: Measurement, matrix: Matrix): Spot {
  const spot = kind === "angle" ? spots[1] : spots.at(-1);
  return onPane(matrix, spot ?? [0, 0]);
}

function useFigureWords({ kind, spots }: Measurement, facts: ImageFacts, view: StackView): string[] {
  const { t } = useTranslation();
  const sizeWords = ({ size, unit, atDetector }: Size, square = ""): string => {
    const words = `${fixed(size, 1)} ${unit}${square}`;
    return atDetector && unit === "mm" ? t("viewer.at_detector", { size: words }) : words;
  };
  const unit = facts.unit === "" ? "" : ` ${facts.unit}`;
  const [first, second, third] = spots;
  if (first === undefined) return [];
  if (kind === "value") {
    const value = valueAt(view.values() ?? [], facts, first);
    return value === null ? [] : [`${figure(value)}${unit}`];
  }
  if (second === undefined) return [];
  if (kind === "length") return [sizeWords(lengthOf(facts, first, second))];
  if (kind === "angle") {
    const angle = third === undefined ? null : angleOf(facts, [first, second, third]);
    return angle === null ? [] : [`${fixed(angle, 1)}°`];
  }
  const sample = sampleOf(view.values() ?? [], facts, first, second);
  if (sample === null) return [];
  return [
    `${spread(sample.mean, sample.deviation)}${unit}`,
    t("viewer.from_to", { from: figure(sample.lowest), to: figure(sample.highest) }),
    sizeWords(sample.area, "²"),
  ];
}

/** What a detector marked, one by one: where it is, how suspect, and what readers say of it. */

import { UnstyledButton } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useTranslation } from "react-i18next";

import type { Detector, Evidence, Region, Study } from "./api";
import { byKind, extentOf, sliceWords, suspicion } from "./evidence";
import { framesOf, isOn } from "./frames";
import { t as say } from "./language";
import { Agree } from "./reading/Agree";
import type { ReadingActs } from "./reading/reading";
import classes from "./StudySide.module.css";
import { decimals } from "./words";

interface Props {
  study: Study;
  acts: ReadingActs;
  onShow: (seriesAt: number, frameAt: number) => void;
}

const SHOWN = 10;

/** The first of many, and a button for the rest. */
function useFew<Item>(all: readonly Item[]) {
  const { t } = useTranslation();
  const [open, { toggle }] = useDisclosure(false);
  const button = all.length > SHOWN && (
    <li>
      <UnstyledButton className={classes.more} onClick={toggle} aria-expanded={open}>
        {open ? t("result.fewer") : t("result.all", { total: all.length })}
      </UnstyledButton>
    </li>
  );
  return { few: open ? all : all.slice(0, SHOWN), button };
}

export function Lesions({ evidence, study, acts, onShow }: { evidence: Evidence } & Props) {
  const { t } = useTranslation();
  const { detector, lesions } = evidence;
  const { few, button } = useFew(lesions);
  if (lesions.length === 0) return null;
  return (
    <ol className={classes.lesions} aria-label={t("result.lesions", { detector })}>
      {few.map((lesion) => {
        const extent = extentOf(lesion, detector, study.series, study.regions);
        return (
          <li key={lesion.number}>
            <button
              type="button"
              disabled={extent === null}
              onClick={() => {
                if (extent !== null) onShow(extent.seriesAt, extent.surest);
              }}
            >
              <b>{lesion.number}</b>
              <span>
                {lesion.diameter_mm === null
                  ? t("result.size_unknown")
                  : t("result.size", { mm: decimals(lesion.diameter_mm, 1) })}
              </span>
              <span>{extent === null ? t("result.images_not_here") : sliceWords(extent)}</span>
              <span title={t("result.score", { score: decimals(lesion.score, 2) })}>
                {suspicion(lesion.score)}
              </span>
            </button>
            <Agree study={study} acts={acts} detector={detector} about={{ lesion: lesion.number, region: null }} />
          </li>
        );
      })}
      {button}
    </ol>
  );
}

/** Regions that are of no lesion, by what they show. */
export function Places({ detector, ...props }: { detector: Detector } & Props) {
  const regions = props.study.regions.filter(
    ({ detector: by, lesion }) => by === detector.name && lesion === null,
  );
  return byKind(regions).map(([kind, ofKind]) => (
    <PlacesOfKind key={kind} kind={kind} regions={ofKind} {...props} />
  ));
}

function PlacesOfKind({ kind, regions, study, acts, onShow }: { kind: string; regions: readonly Region[] } & Props) {
  const { t } = useTranslation();
  const { few, button } = useFew(regions);
  const words =
    kind === ""
      ? t("result.places", { count: regions.length })
      : t("result.places_as", { count: regions.length, kind });
  return (
    <div className={classes.places}>
      {words}
      <ol className={`${classes.lesions} ${classes.regions}`} aria-label={words}>
        {few.map((region) => {
          const place = placeOf(region, study);
          return (
            <li key={region.number}>
              <button
                type="button"
                disabled={place === null}
                onClick={() => {
                  if (place !== null) onShow(place.seriesAt, place.frameAt);
                }}
              >
                <b>{region.number}</b>
                <span>{place === null ? t("result.images_not_here") : place.words}</span>
                <span title={t("result.score", { score: decimals(region.score, 2) })}>{suspicion(region.score)}</span>
              </button>
              <Agree
                study={study}
                acts={acts}
                detector={region.detector}
                about={{ lesion: null, region: region.number }}
              />
            </li>
          );
        })}
        {button}
      </ol>
    </div>
  );
}

/** Where a region is, and how that is called; null: its image is not here. */
function placeOf(region: Region, study: Study): { seriesAt: number; frameAt: number; words: string } | null {
  for (const [seriesAt, series] of study.series.entries()) {
    const frames = framesOf(series);
    const frameAt = frames.findIndex((frame) => isOn(region, frame));
    if (frameAt < 0) continue;
    if (frames.length > 1) return { seriesAt, frameAt, words: say("evidence.slice", { slice: frameAt + 1 }) };
    const words = series.description === "" ? say("result.image", { number: seriesAt + 1 }) : series.description;
    return { seriesAt, frameAt, words };
  }
  return null;
}

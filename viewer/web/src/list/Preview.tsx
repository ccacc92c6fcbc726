import { useState } from "react";
import { useTranslation } from "react-i18next";

import { frameUrl, type Row } from "../api";
import classes from "./Preview.module.css";

const SIZE = 260; // px, as in Preview.module.css
const HEIGHT = SIZE + 36;
const GAP = 4;

interface Props {
  row: Row;
  top: number; // of the row, px of the list
  bottom: number;
  seen: { top: number; bottom: number }; // what of the list is in sight
}

/** A small image of a study beside its row, without marks: only what was sent. */
export function Preview({ row, top, bottom, seen }: Props) {
  const { t } = useTranslation();
  const [failed, setFailed] = useState(false);
  const { preview } = row;
  const fitsBelow = bottom + GAP + HEIGHT <= seen.bottom;
  const fitsAbove = top - GAP - HEIGHT >= seen.top;
  const at = fitsBelow || !fitsAbove ? bottom + GAP : top - GAP - HEIGHT;
  return (
    <figure
      className={classes.card}
      style={{ top: at }}
      data-testid="preview"
      aria-label={t("preview.label")}
    >
      <div className={classes.image}>
        {preview === null || failed ? (
          <span>{t(failed ? "preview.failed" : "preview.none")}</span>
        ) : (
          <img
            alt=""
            src={frameUrl(
              {
                studyInstanceUid: row.study_instance_uid,
                seriesInstanceUid: preview.series_instance_uid,
                sopInstanceUid: preview.sop_instance_uid,
                frameNumber: preview.frame_number,
              },
              preview.window,
              [SIZE, SIZE],
            )}
            onError={() => {
              setFailed(true);
            }}
          />
        )}
      </div>
      <figcaption>
        <bdi>{row.study_description === "" ? row.modalities.join(" ") : row.study_description}</bdi>
      </figcaption>
    </figure>
  );
}

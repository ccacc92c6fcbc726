import { IconX } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";

import { useClaims } from "./list/claims";
import { dismiss, useNotices } from "./notices";
import classes from "./Notices.module.css";

/** The notices, in a corner where they hide no row that is read first. */
export function Notices() {
  const { t } = useTranslation();
  const { openByUid } = useClaims();
  return (
    <div className={classes.stack} role="status">
      {useNotices().map(({ id, words, study }) => (
        <div key={id} className={classes.notice} data-testid="notice">
          <span>
            <bdi>{words}</bdi>
          </span>
          {study !== null && (
            <button
              type="button"
              onClick={() => {
                dismiss(id);
                openByUid(study);
              }}
            >
              {t("notice.open")}
            </button>
          )}
          <button
            type="button"
            aria-label={t("notice.dismiss")}
            onClick={() => {
              dismiss(id);
            }}
          >
            <IconX size={14} aria-hidden />
          </button>
        </div>
      ))}
    </div>
  );
}

import { Menu } from "@mantine/core";
import { IconDots, IconPin, IconPinnedOff, IconUserCheck, IconUserUp } from "@tabler/icons-react";
import type { ComponentProps, MouseEvent } from "react";
import { useTranslation } from "react-i18next";

import type { Row } from "../api";
import { fullTime, timeOfDay } from "../words";
import classes from "./Worklist.module.css";
import type { RowActs } from "./WorklistRow";

interface Props {
  row: Row;
  now: number;
  menuOpen: boolean;
  canClaim: boolean;
  canOverrule: boolean;
  acts: RowActs;
}

/** Who reads a study, and what a pointer can do about it. */
export function ReaderCell(props: Props) {
  const { row, canClaim, canOverrule, menuOpen, acts } = props;
  const isUnread = row.reading_state === "unread";
  return (
    <div role="gridcell" className={classes.reader}>
      <Reader {...props} />
      {isUnread && (canClaim || canOverrule) &&
        (menuOpen ? (
          <RowMenu {...props} />
        ) : (
          <Dots
            onClick={(event) => {
              event.stopPropagation();
              acts.menu(row);
            }}
          />
        ))}
    </div>
  );
}

function Dots(props: ComponentProps<"button">) {
  const { t } = useTranslation();
  return (
    <button type="button" className={classes.dots} tabIndex={-1} aria-label={t("row.more")} {...props}>
      <IconDots size={16} aria-hidden />
    </button>
  );
}

function Reader({ row, now, canClaim, acts }: Props) {
  const { t } = useTranslation();
  const { claim } = row;
  const act = (what: (row: Row) => void) => (event: MouseEvent) => {
    event.stopPropagation();
    what(row);
  };
  if (claim === null) {
    if (!canClaim || row.reading_state === "read") return null;
    return (
      <button type="button" className={classes.claim} tabIndex={-1} onClick={act(acts.claim)}>
        {t("claim.claim")}
      </button>
    );
  }
  const since = t("claim.since", { at: fullTime(claim.since) });
  return (
    <span className={classes.who} data-mine={claim.mine} title={`${claim.display_name}, ${since}`}>
      <span className={classes.first}>
        {claim.mine && <IconUserCheck size={14} aria-hidden />}
        <bdi>{claim.mine ? t("claim.you") : claim.display_name}</bdi>
      </span>
      <span className={classes.second}>{timeOfDay(claim.since, now)}</span>
    </span>
  );
}

function RowMenu({ row, canClaim, canOverrule, acts }: Props) {
  const { t } = useTranslation();
  const { claim } = row;
  return (
    <Menu
      opened
      position="bottom-end"
      onClose={() => {
        acts.menu(null);
      }}
    >
      <Menu.Target>
        <Dots
          onClick={(event) => {
            event.stopPropagation();
            acts.menu(null);
          }}
        />
      </Menu.Target>
      <Menu.Dropdown
        onClick={(event) => {
          event.stopPropagation();
        }}
      >
        {canClaim && (
          <Menu.Item
            leftSection={<IconUserCheck size={15} aria-hidden />}
            rightSection={<kbd className={classes.key}>{claim?.mine ? "r" : "c"}</kbd>}
            onClick={() => {
              if (claim?.mine) acts.release(row);
              else acts.claim(row);
            }}
          >
            {claim === null ? t("claim.claim") : claim.mine ? t("claim.release") : t("claim.take_over")}
          </Menu.Item>
        )}
        {canOverrule && (
          <>
            <Menu.Item
              leftSection={<IconUserUp size={15} aria-hidden />}
              rightSection={<kbd className={classes.key}>p</kbd>}
              onClick={() => {
                acts.priority(row);
              }}
            >
              {t("override.priority")}
            </Menu.Item>
            <Menu.Item
              leftSection={
                row.pinned ? <IconPinnedOff size={15} aria-hidden /> : <IconPin size={15} aria-hidden />
              }
              rightSection={<kbd className={classes.key}>t</kbd>}
              onClick={() => {
                acts.pin(row);
              }}
            >
              {t(row.pinned ? "override.unpin" : "override.pin")}
            </Menu.Item>
          </>
        )}
      </Menu.Dropdown>
    </Menu>
  );
}

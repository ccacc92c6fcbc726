/** Reports as the RIS told of them (`viewer/reports_api.py`): observed, never written here. */

import { useQuery } from "@tanstack/react-query";

import { ask, type Study } from "../api";
import type { Role } from "../session";

export type ReportStatus = "preliminary" | "final" | "corrected" | "cancelled";

export interface Report {
  status: ReportStatus;
  text: string; // the RIS's own words
  said_at: string;
  received_at: string;
  withdrawn_at: string | null; // its words count no more
}

const TOLD = ["reported_elsewhere", "report_observed", "earlier_report_found", "report_withdrawn"];

/** How often the RIS told of a report on a study; 0: there is nothing to ask for. */
export function timesTold(study: Study): number {
  return study.events.filter((one) => TOLD.includes(one.kind)).length;
}

/** Whether somebody may read them: who reads studies, and who reviews. */
export function maySee(roles: readonly Role[]): boolean {
  return roles.includes("radiologist") || roles.includes("qa_reviewer");
}

/** The reports of a study, newest first; asked for anew when its history tells of another. */
export function useReports(study: Study, roles: readonly Role[]) {
  const uid = study.row.study_instance_uid;
  const told = timesTold(study);
  return useQuery({
    queryKey: ["reports", uid, told],
    queryFn: ({ signal }) => ask<Report[]>(`/api/studies/${uid}/reports`, signal),
    select: (found) => found.toReversed(),
    enabled: told > 0 && maySee(roles),
    gcTime: 0,
  });
}

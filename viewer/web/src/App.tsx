import { useState } from "react";

import { useLiveUpdates } from "./live";
import { useOpenStudy } from "./route";
import { StudyPage } from "./StudyPage";
import { WorklistPage } from "./WorklistPage";

export function App() {
  const live = useLiveUpdates();
  const openStudy = useOpenStudy();
  const [active, setActive] = useState<string | null>(null);
  return openStudy === null ? (
    <WorklistPage live={live} active={active} onActive={setActive} />
  ) : (
    <StudyPage key={openStudy} studyInstanceUid={openStudy} live={live} />
  );
}

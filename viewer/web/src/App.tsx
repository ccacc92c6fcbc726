import { useLiveUpdates } from "./live";
import { useOpenStudy } from "./route";
import { StudyPage } from "./StudyPage";
import { WorklistPage } from "./WorklistPage";

export function App() {
  const live = useLiveUpdates();
  const openStudy = useOpenStudy();
  return openStudy === null ? (
    <WorklistPage live={live} />
  ) : (
    <StudyPage key={openStudy} studyInstanceUid={openStudy} live={live} />
  );
}

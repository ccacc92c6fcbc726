import classes from "./SliceTrack.module.css";

interface Props {
  count: number;
  index: number;
  marked: readonly number[]; // indices with something marked
  onIndex: (index: number) => void;
}

/** The way through a stack, with a tick where something is marked. */
export function SliceTrack({ count, index, marked, onIndex }: Props) {
  return (
    <div className={classes.track}>
      <div className={classes.ticks} aria-hidden>
        {marked.map((at) => (
          <i key={at} style={{ top: `${(at / (count - 1)) * 100}%` }} />
        ))}
      </div>
      <input
        type="range"
        min={1}
        max={count}
        value={index + 1}
        aria-label="Slice"
        aria-valuetext={`${index + 1} of ${count}${marked.includes(index) ? ", marked" : ""}`}
        onChange={(event) => {
          onIndex(event.currentTarget.valueAsNumber - 1);
        }}
      />
    </div>
  );
}

import { expect, it } from "vitest";

import { type Delivery, type DeliveryState, sentOf } from "./deliveries";

function delivery(destination: string, state: DeliveryState, more: Partial<Delivery> = {}): Delivery {
  return {
    delivery_id: 1,
    study_instance_uid: "1.2",
    assessment_number: 1,
    sop_instance_uid: "1.2.3",
    kind: "report",
    destination,
    state,
    tries: 0,
    made_at: "2026-05-04T12:00:00Z",
    next_try_at: null,
    sent_at: null,
    status: null,
    words: "",
    counts: true,
    ...more,
  };
}

it("what went back is counted by destination and state, and what counts no more is left out", () => {
  const found = [
    delivery("A", "sent"),
    delivery("A", "waiting"),
    delivery("A", "sent", { kind: "segmentation" }),
    delivery("A", "sent", { counts: false }),
    delivery("A", "sent", { kind: "rejection" }),
    delivery("B", "refused"),
  ];
  expect(sentOf(found)).toEqual([
    {
      destination: "A",
      states: [
        { state: "waiting", count: 1 },
        { state: "sent", count: 2 },
      ],
    },
    { destination: "B", states: [{ state: "refused", count: 1 }] },
  ]);
});

it("of a study whose results were all retracted nothing counts", () => {
  expect(sentOf([delivery("A", "sent", { counts: false })])).toEqual([]);
});

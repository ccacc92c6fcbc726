import { describe, expect, it } from "vitest";

import { figure, spread, windowFigure } from "./numbers";

describe("a value", () => {
  it("is whole, or has as many digits as say something", () => {
    expect([60, -1000, 37.5, 123.456, 1.2345, 0.00123].map(figure)).toEqual(["60", "-1000", "37.5", "123.5", "1.23", "0.00123"]);
    expect(figure(1e-9)).toBe("0.000000");
  });
  it("and its spread have the same digits", () => {
    expect(spread(60, 0)).toBe("60.0 ± 0.0");
    expect(spread(0.0123, 0.0004)).toBe("0.0123 ± 0.0004");
    expect(spread(0, 0)).toBe("0.0 ± 0.0");
  });
});

describe("a window", () => {
  it("is said in whole numbers unless it is narrow", () => {
    expect([windowFigure(39.6, 80), windowFigure(80, 80), windowFigure(0.5, 1), windowFigure(0.004, 0.01)]).toEqual(["40", "80", "0.50", "0.0040"]);
  });
});

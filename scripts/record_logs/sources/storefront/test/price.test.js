import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { show, sum } from "../lib/price.js";

describe("price", () => {
  it("is shown with its currency", () => {
    assert.match(show({ cents: 1250, currency: "EUR" }, "en-IE"), /€12\.50/);
  });

  it("adds up", () => {
    assert.deepEqual(sum([{ cents: 1250, currency: "EUR" }, { cents: 750, currency: "EUR" }]), {
      cents: 2000,
      currency: "EUR",
    });
  });

  it("is nothing for an empty cart", () => {
    assert.doesNotThrow(() => sum([{ cents: 0, currency: "EUR" }]));
  });
});

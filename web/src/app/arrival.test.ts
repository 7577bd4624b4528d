import { expect, test, vi } from "vitest";
import { Arrival } from "./arrival.ts";

function newTitle() {
  const focus = vi.fn();
  return { focus };
}

test("the keyboard goes to the title of another page, not of the first one or the same again", () => {
  const arrival = new Arrival();
  const title = newTitle();
  arrival.at("/spaces", title, false);
  expect(title.focus).not.toHaveBeenCalled();
  arrival.at("/files", title, false);
  expect(title.focus).toHaveBeenCalledTimes(1);
  arrival.at("/files", title, false);
  expect(title.focus).toHaveBeenCalledTimes(1);
});

test("the first page after the sign-in is another page", () => {
  const arrival = new Arrival();
  const title = newTitle();
  arrival.signIn();
  arrival.at("/spaces", title, false);
  expect(title.focus).toHaveBeenCalledTimes(1);
});

test("a dialog that the address opens keeps the keyboard, also when the page is drawn again", () => {
  const arrival = new Arrival();
  const title = newTitle();
  arrival.at("/spaces", title, false);
  arrival.at("/spaces/1", title, true);
  arrival.at("/spaces/1", title, false);
  expect(title.focus).not.toHaveBeenCalled();
});

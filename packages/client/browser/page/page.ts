// Gives the tests the package as a page has it: built by Vite, under a strict policy.
import * as tidegate from "@tidegate/client";

declare global {
  interface Window {
    tidegate: typeof tidegate;
    /** Files of the page's input. */
    chosen(): File[];
  }
}

window.tidegate = tidegate;
window.chosen = () => [...(document.querySelector("input")?.files ?? [])];

// Gives the tests the package as a page has it: built by Vite, under a strict policy.
import * as tidegate from "@tidegate/client";

declare global {
  interface Window {
    tidegate: typeof tidegate;
    /** Files of the page's input. */
    chosen(): File[];
  }
}

// The package starts a worker by its URL. A page with Trusted Types says which URLs may be scripts.
const { trustedTypes } = window as unknown as {
  trustedTypes: { createPolicy(name: string, rules: object): unknown };
};
trustedTypes.createPolicy("default", {
  createScriptURL: (url: string) =>
    new URL(url, location.href).origin === location.origin ? url : null,
});

window.tidegate = tidegate;
window.chosen = () => [...(document.querySelector("input")?.files ?? [])];

/**
 * The only policy that the content security policy allows. It lets a library empty an element, and
 * lets workers be started from files of this page; anything else is refused.
 */
interface PolicyFactory {
  createPolicy(name: string, rules: Record<string, (text: string) => string>): unknown;
}

export function installTrustedTypes(): void {
  const factory = (globalThis as { trustedTypes?: PolicyFactory }).trustedTypes;
  factory?.createPolicy("default", {
    createHTML(text) {
      if (text === "") return text;
      throw new TypeError("HTML from text is refused");
    },
    createScriptURL(text) {
      const url = new URL(text, location.href);
      if (url.origin === location.origin && url.pathname.startsWith("/assets/")) return url.href;
      throw new TypeError("scripts from other places are refused");
    },
  });
}

/** Returns an address in full. Throws for what is none of the web, such as a script. */
export function httpAddress(url: string): string {
  const { protocol, href } = new URL(url, location.href);
  if (protocol !== "http:" && protocol !== "https:")
    throw new TypeError(`${protocol} is no address`);
  return href;
}

/** Lets the browser save what an address leads to, without leaving the page. */
export function saveFrom(url: string): void {
  const link = document.createElement("a");
  link.href = httpAddress(url);
  link.download = "";
  link.rel = "noreferrer";
  document.body.append(link);
  link.click();
  link.remove();
}

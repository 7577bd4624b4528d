/** Lets the browser save what an address leads to, without leaving the page. */
export function saveFrom(url: string): void {
  const { protocol } = new URL(url, location.href);
  if (protocol !== "http:" && protocol !== "https:")
    throw new TypeError(`${protocol} is no address`);
  const link = document.createElement("a");
  link.href = url;
  link.download = "";
  link.rel = "noreferrer";
  document.body.append(link);
  link.click();
  link.remove();
}

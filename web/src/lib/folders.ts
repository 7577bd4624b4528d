/** Folders as the file surface names them: `a/b`, and empty for the top. */

/** Returns the names of folders directly below `folder` in which the given files lie. */
export function childFolders(folder: string, paths: Iterable<string>): string[] {
  const prefix = folder ? `${folder}/` : "";
  const names = new Set<string>();
  for (const path of paths) {
    if (path === folder || !path.startsWith(prefix)) continue;
    const name = path.slice(prefix.length).split("/")[0];
    if (name) names.add(name);
  }
  return [...names].sort((one, other) => one.localeCompare(other));
}

/** Returns the path from the top to a folder, that folder included. */
export function pathTo(folder: string): Array<{ name: string; folder: string }> {
  const names = folder.split("/").filter(Boolean);
  return names.map((name, index) => ({ name, folder: names.slice(0, index + 1).join("/") }));
}

/** Returns the path of a file from parts of it, without empty names between the slashes. */
export function assetPath(...parts: readonly string[]): string {
  return parts
    .flatMap((part) => part.split("/"))
    .map((name) => name.trim())
    .filter(Boolean)
    .join("/");
}

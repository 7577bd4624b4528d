/** A selection in a list by positions: single, toggled, and by range from an anchor. */
export interface Selection {
  ids: ReadonlySet<string>;
  /** Position from which a range extends. */
  anchor: number | null;
}

export const NOTHING: Selection = { ids: new Set(), anchor: null };

type IdAt = (position: number) => string | undefined;

export function toggle(selection: Selection, position: number, idAt: IdAt): Selection {
  const id = idAt(position);
  if (id === undefined) return selection;
  const ids = new Set(selection.ids);
  if (!ids.delete(id)) ids.add(id);
  return { ids, anchor: position };
}

/** Adds all between the anchor and `position`, both included. Positions not loaded are left out. */
export function extend(selection: Selection, position: number, idAt: IdAt): Selection {
  const anchor = selection.anchor ?? position;
  const ids = new Set(selection.ids);
  for (let at = Math.min(anchor, position); at <= Math.max(anchor, position); at += 1) {
    const id = idAt(at);
    if (id !== undefined) ids.add(id);
  }
  return { ids, anchor };
}

/** Leaves out what is no longer in the list. */
export function retain(selection: Selection, present: (id: string) => boolean): Selection {
  const ids = new Set([...selection.ids].filter(present));
  return ids.size === selection.ids.size ? selection : { ids, anchor: selection.anchor };
}

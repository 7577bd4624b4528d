/**
 * Maps a list of any height to an element that a browser can lay out. Browsers cap heights between
 * 2^24 and 2^25 px, so beyond `LARGEST` the element is shorter than its list. Small movements then
 * move the list by as many pixels as the element; large ones jump in proportion.
 */

/** Largest height of an element, in CSS pixels, below the caps of all browsers. */
export const LARGEST = 8_000_000;

/** What is subtracted from list positions to get element positions; kept between scrolls. */
export interface Mapping {
  /** Height of the whole list. */
  listHeight: number;
  /** Height of what is seen at once. */
  viewport: number;
  /** List position minus element position, now. */
  shift: number;
  /** Element position of the last scroll. */
  last: number;
}

export function elementHeight(listHeight: number): number {
  return Math.min(listHeight, LARGEST);
}

export function newMapping(listHeight: number, viewport: number): Mapping {
  return { listHeight, viewport, shift: 0, last: 0 };
}

function proportional(mapping: Mapping, scrollTop: number): number {
  const room = Math.max(1, elementHeight(mapping.listHeight) - mapping.viewport);
  return (scrollTop / room) * Math.max(0, mapping.listHeight - mapping.viewport);
}

/** Takes a scroll of the element, and returns the position in the list that is to be shown. */
export function scrolled(mapping: Mapping, scrollTop: number): number {
  const { listHeight, viewport } = mapping;
  if (listHeight <= LARGEST) {
    mapping.shift = 0;
    mapping.last = scrollTop;
    return scrollTop;
  }
  const end = listHeight - viewport;
  const room = elementHeight(listHeight) - viewport;
  const near = Math.abs(scrollTop - mapping.last) < viewport * 4;
  let position = near ? scrollTop + mapping.shift : proportional(mapping, scrollTop);
  // At the ends of the element are the ends of the list, whatever small steps led there.
  if (scrollTop <= 0) position = 0;
  else if (scrollTop >= room) position = end;
  position = Math.min(end, Math.max(0, position));
  mapping.shift = position - scrollTop;
  mapping.last = scrollTop;
  return position;
}

/** Returns the `scrollTop` that shows a position in the list, and remembers it as the last scroll. */
export function scrollTopFor(mapping: Mapping, position: number): number {
  const { listHeight, viewport } = mapping;
  const end = Math.max(0, listHeight - viewport);
  const target = Math.min(end, Math.max(0, position));
  if (listHeight <= LARGEST) {
    mapping.shift = 0;
    mapping.last = target;
    return target;
  }
  const room = elementHeight(listHeight) - viewport;
  // The ends of the element show the ends of the list, so anything else stays off them.
  const inside = Math.min(room - 1, Math.max(1, Math.round((target / end) * room)));
  const scrollTop = target <= 0 ? 0 : target >= end ? room : inside;
  mapping.shift = target - scrollTop;
  mapping.last = scrollTop;
  return scrollTop;
}

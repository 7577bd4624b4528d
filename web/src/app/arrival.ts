/** Puts the keyboard at the title of each page that is opened, so that screen readers say where they are. */

/** What lies over a page and has the keyboard itself: dialogs and the opened image. */
const OVER_PAGE = ".modal, .lightbox";

interface Title {
  focus: (options: FocusOptions) => void;
}

export class Arrival {
  #place: string | undefined;

  /** Calls for a page that is shown. Nothing happens for the first one, where the browser begins at the top. */
  at(place: string, title: Title | null, covered: boolean): void {
    if (place === this.#place || title === null) return;
    const first = this.#place === undefined;
    this.#place = place;
    if (!first && !covered) title.focus({ preventScroll: true });
  }

  /** The form to sign in is shown: whatever page comes next is a new one. */
  signIn(): void {
    this.#place = "";
  }
}

export const arrival = new Arrival();

export const isCovered = () => document.querySelector(OVER_PAGE) !== null;

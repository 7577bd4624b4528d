/** Shares messages between tabs of one origin, and lets them take turns. Does nothing without a name. */
export class Channel<Message> {
  readonly #name: string | undefined;
  readonly #channel: BroadcastChannel | undefined;

  constructor(name: string | undefined, receive: (message: Message) => void) {
    this.#name = name === undefined ? undefined : `tidegate-urls:${name}`;
    if (this.#name === undefined || globalThis.BroadcastChannel === undefined) return;
    this.#channel = new BroadcastChannel(this.#name);
    this.#channel.onmessage = ({ data }: MessageEvent<Message>) => receive(data);
    // Node would wait for it.
    (this.#channel as { unref?: () => void }).unref?.();
  }

  send(message: Message): void {
    this.#channel?.postMessage(message);
  }

  /**
   * Runs `task` while no other tab runs one under this name. After another tab's, it first leaves time for
   * what that one has sent.
   */
  async exclusive(task: () => Promise<void>): Promise<void> {
    const locks = globalThis.navigator?.locks;
    if (this.#channel === undefined || this.#name === undefined || locks === undefined)
      return task();
    const done = await locks.request(this.#name, { ifAvailable: true }, async (lock) => {
      if (lock !== null) await task();
      return lock !== null;
    });
    if (done) return;
    await locks.request(this.#name, async () => {
      await new Promise((resolve) => setTimeout(resolve, MESSAGE_DELAY));
      await task();
    });
  }

  close(): void {
    this.#channel?.close();
  }
}

// Milliseconds that a message takes between processes of a busy browser.
const MESSAGE_DELAY = 100;

// Follows what happens in the organization. One tab of a browser follows the stream and tells the others: a seventh stream
// over HTTP/1.1 would hang. What is told carries ids alone, and may be lost: what counts is the number of the last event
// that a page knows, from which it reads on.

const TYPES = [
  "message.received", "message.sent", "message.updated", "message.media", "message.status",
  "conversation.updated", "conversation.merged", "contact.updated",
];
const SILENT = 35_000; // The server says every 15 s that it is there.
const UNSEEN = 5_000; // So long nobody needs to know that the line was cut.
const STARTS_ANEW = 60_000; // A server that starts anew is soon there again.
const PAGE = 100;
const MOST = 1_000; // Whoever missed more reads everything anew.

/** What a tab tells the others of an event. */
const asTold = ({ sequence, type, conversation_id, data }) => ({
  sequence, type, conversation_id, message_id: type?.startsWith("message.") ? data?.message_id ?? data?.id : undefined,
});

export class Live {
  /** @param home whose page it is, and of which organization; @param heard told each event; @param state told `{ online, since }`; @param anew called where too much was missed. */
  constructor(home, cursor, { heard, state, anew, over }) {
    Object.assign(this, { home, cursor, heard, state, anew, over });
    this.last = Date.now();
    this.tries = 0;
    this.ended = new AbortController();
    this.channel = new BroadcastChannel("wazapp-live");
    this.channel.onmessage = ({ data }) => {
      // Somebody else signed in, or went on to another organization: this page is not what this browser is asked for any more.
      if (data.home !== this.home) this.anew();
      else if (data.sequence) this.take(data);
    };
    this.channel.postMessage({ home });
    this.readOn();
    this.lead();
    const wake = () => document.visibilityState === "visible" && this.readOn();
    const { signal } = this.ended;
    document.addEventListener("visibilitychange", wake, { signal });
    window.addEventListener("online", () => { this.reopen(); this.readOn(); }, { signal });
    window.addEventListener("pageshow", ({ persisted }) => persisted && this.readOn(), { signal });
    this.watch = setInterval(() => this.look(), 1_000);
  }

  /** Whoever has the lock follows the stream, until it is gone. */
  lead() {
    const { signal } = this.ended;
    navigator.locks
      .request(`wazapp-live:${this.home}`, { signal }, () => new Promise((done) => {
        this.leads = true;
        this.open();
        signal.addEventListener("abort", done, { once: true });
      }))
      .catch(() => {});
  }

  open() {
    this.source?.close();
    const source = new EventSource(`/api/v1/events/stream?after=${this.cursor}&type=${TYPES.join(",")}`);
    this.source = source;
    const take = ({ data }) => this.tell(JSON.parse(data));
    for (const type of TYPES) source.addEventListener(type, take);
    source.addEventListener("heartbeat", ({ data }) => this.tell({ sequence: JSON.parse(data).sequence }));
    source.onerror = () => {
      if (source.readyState !== EventSource.CLOSED || this.source !== source) return;
      // What is refused stays closed: come again, later each time.
      this.tries += 1;
      clearTimeout(this.comes);
      const longest = Date.now() - this.last < STARTS_ANEW ? 4_000 : 30_000;
      this.comes = setTimeout(() => this.readOn().then(() => this.leads && this.open()), Math.min(1_000 * 2 ** this.tries, longest) * (0.5 + Math.random() / 2));
    };
  }

  reopen() {
    if (this.leads) this.open();
  }

  /** Takes what the stream brought, and tells the other tabs. */
  tell(event) {
    const told = asTold(event);
    this.channel.postMessage({ ...told, home: this.home });
    this.take(told);
  }

  take(event) {
    this.last = Date.now();
    this.tries = 0;
    if (this.isOffline) { this.isOffline = false; this.state({ online: true }); }
    if (event.sequence <= this.cursor) return;
    this.cursor = event.sequence;
    if (event.type) this.heard(event);
  }

  /** Tells once more what came behind an event, to a page that knows less than this tab. */
  async again(after) {
    for await (const event of this.behind(after)) this.heard(event);
  }

  /** Reads what came since, from the log itself. */
  async readOn() {
    this.reading ??= this.read().catch(() => {}).finally(() => { this.reading = undefined; });
    return this.reading;
  }

  async read() {
    for await (const event of this.behind(this.cursor)) this.take(event);
  }

  /** The log behind an event. */
  async *behind(after) {
    for (let read = 0; ; read += PAGE) {
      const answer = await fetch(`/api/v1/events?after=${after}&limit=${PAGE}`, { signal: this.ended.signal });
      if (answer.status === 401 || answer.status === 403) { this.over(); return; }
      if (answer.status === 410 || read >= MOST) { this.anew(); return; }
      if (!answer.ok) return;
      this.last = Date.now();
      const { data } = await answer.json();
      yield* data.map(asTold);
      if (data.length < PAGE) return;
      after = data.at(-1).sequence;
    }
  }

  look() {
    const silent = Date.now() - this.last;
    if (!navigator.onLine && silent > UNSEEN || silent > SILENT) {
      this.isOffline = true;
      this.state({ online: false, since: this.last });
      if (this.leads && silent % 15_000 < 1_000) this.open();
    }
  }

  end() {
    this.ended.abort();
    clearInterval(this.watch);
    clearTimeout(this.comes);
    this.source?.close();
    this.channel.close();
  }
}

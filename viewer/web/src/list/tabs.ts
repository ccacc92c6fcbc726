/** The other pages of this person in this browser: what they show, what they say of claims. */

export type Said =
  | { kind: "hello" }
  | { kind: "shows"; uid: string | null }
  | { kind: "kept" | "by_hand" | "given_back"; uid: string }
  | { kind: "left_to"; to: string; uid: string; since: string };

interface Message {
  from: string;
  said: Said;
}

/** One page among them. */
export class Tab {
  private readonly others = new Map<string, string>(); // page to the study that it shows
  private shown: string | null = null;

  constructor(
    private readonly name: string,
    private readonly send: (message: Message) => void,
    private readonly onSaid: (said: Said) => void,
  ) {}

  say(said: Said): void {
    this.send({ from: this.name, said });
  }

  show(uid: string | null): void {
    this.shown = uid;
    this.say({ kind: "shows", uid });
  }

  /** Leave a claim to another page that shows the study; whether there is one. */
  leave(uid: string, since: string): boolean {
    const heir = [...this.others].find(([, one]) => one === uid);
    if (heir === undefined) return false;
    this.say({ kind: "left_to", to: heir[0], uid, since });
    return true;
  }

  hear({ from, said }: Message): void {
    if (said.kind === "hello") {
      this.say({ kind: "shows", uid: this.shown });
    } else if (said.kind === "shows") {
      if (said.uid === null) this.others.delete(from);
      else this.others.set(from, said.uid);
    } else if (said.kind !== "left_to" || said.to === this.name) {
      this.onSaid(said);
    }
  }
}

const CHANNEL = "vigie-claims";

let tab: Tab | null = null;

/** Be one of them until the function that is answered is called. */
export function joinTabs(onSaid: (said: Said) => void): () => void {
  const channel = new BroadcastChannel(CHANNEL);
  const random = crypto.getRandomValues(new Uint32Array(4));
  const joined = new Tab(
    random.join("-"),
    (message) => {
      channel.postMessage(message);
    },
    onSaid,
  );
  channel.onmessage = ({ data }: MessageEvent<Message>) => {
    joined.hear(data);
  };
  tab = joined;
  joined.say({ kind: "hello" });
  return () => {
    joined.show(null);
    channel.close();
    if (tab === joined) tab = null;
  };
}

export function sayToTabs(said: Said): void {
  tab?.say(said);
}

export function showInTabs(uid: string | null): void {
  tab?.show(uid);
}

export function leaveToTab(uid: string, since: string): boolean {
  return tab?.leave(uid, since) === true;
}

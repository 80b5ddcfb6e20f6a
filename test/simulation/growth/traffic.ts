/** What nodes send and receive, by role and by type of message. */

export interface Volume {
  frames: number;
  bytes: number;
}

export interface RoleTraffic {
  readonly nodes: number;
  readonly sent: Volume;
  readonly received: Volume;
  /** What each type has of what was received. */
  readonly types: ReadonlyMap<string, Volume>;
}

export class Traffic {
  readonly #authorities: number;
  readonly #nodes: number;
  #roles: { readonly sent: Volume; readonly received: Volume; readonly types: Map<string, Volume> }[] = [];

  /** Nodes below `authorities` are such; `nodes` is the number of all. */
  constructor(authorities: number, nodes: number) {
    this.#authorities = authorities;
    this.#nodes = nodes;
    this.clear();
  }

  clear(): void {
    this.#roles = [0, 1].map(() => ({ sent: nothing(), received: nothing(), types: new Map() }));
  }

  add(type: string, bytes: number, from: number, to: number): void {
    const sender = this.#roleOf(from);
    const receiver = this.#roleOf(to);
    const ofType = receiver.types.get(type) ?? nothing();
    receiver.types.set(type, ofType);
    for (const volume of [sender.sent, receiver.received, ofType]) {
      volume.frames++;
      volume.bytes += bytes;
    }
  }

  get authorities(): RoleTraffic {
    return { nodes: this.#authorities, ...this.#roleOf(0) };
  }

  get basics(): RoleTraffic {
    return { nodes: this.#nodes - this.#authorities, ...this.#roleOf(this.#authorities) };
  }

  #roleOf(index: number) {
    const role = this.#roles[index < this.#authorities ? 0 : 1];
    if (role === undefined) throw new Error('there are two roles');
    return role;
  }
}

function nothing(): Volume {
  return { frames: 0, bytes: 0 };
}

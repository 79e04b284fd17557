/** A typed event store: appends events to streams, folds them into state, and tells subscribers. */
import { randomUUID } from "node:crypto";
import type { Writable } from "node:stream";
import * as path from "node:path";

/** Identifies one stream of events. */
export type StreamId = string & { readonly brand: unique symbol };

type Handler<E> = (event: Recorded<E>) => void | Promise<void>;

/** An event as it was stored. */
export interface Recorded<E> {
  readonly id: string;
  /** Position in its stream, from 1. */
  readonly version: number;
  readonly at: Date;
  readonly data: E;
}

export interface Snapshot<S> extends Iterable<S> {
  state: S;
  version: number;
}

/** How a write treats events that others appended meanwhile. */
export enum Conflict {
  Fail,
  Retry = 10, // read again, then append
}

const enum Limits {
  BatchSize = 256,
}

export const ANY_VERSION = -1;
export const kinds = { opened: "account.opened", closed: "account.closed" } as const;
let streamsCreated = 0;

declare const BUILD: string;
declare function reportError(error: unknown): void;

export function streamId(name: string): StreamId;
export function streamId(category: string, key: string): StreamId;
export function streamId(first: string, second?: string): StreamId {
  return (second === undefined ? first : path.posix.join(first, second)) as StreamId;
}

export namespace Codec {
  export const encode = (event: Recorded<unknown>): string => JSON.stringify(event);
  export const version = 2;

  export function decode<E>(line: string): Recorded<E> {
    const raw = JSON.parse(line) as Recorded<E>;
    return { ...raw, at: new Date(raw.at) };
  }
}

/** Raised when a stream has moved on. The caller may read again and retry. */
export class VersionConflict extends Error {
  constructor(
    readonly stream: StreamId,
    public readonly expected: number,
    actual: number,
  ) {
    super(`stream ${stream} is at ${actual}, not ${expected}`);
  }
}

function sealed(target: object): void {
  Object.seal(target);
}

export abstract class Projection<S, E> {
  protected abstract initial(): S;
  abstract apply(state: S, event: E): S;

  /** Folds events into a state, from the first on. */
  fold(events: Iterable<Recorded<E>>): S {
    let state = this.initial();
    for (const event of events) state = this.apply(state, event.data);
    return state;
  }
}

/** Keeps every stream in memory. */
@sealed
export class EventStore<E extends { type: string }> implements AsyncDisposable {
  static readonly #open = new Set<EventStore<never>>();
  private readonly streams = new Map<StreamId, Recorded<E>[]>();
  private handlers: Handler<E>[] = [];

  constructor(private readonly journal?: Writable) {}

  get size(): number {
    return this.streams.size;
  }

  on = (handler: Handler<E>): (() => void) => {
    this.handlers.push(handler);
    return () => {
      this.handlers = this.handlers.filter((other) => other !== handler);
    };
  };

  /**
   * Appends events to a stream, writes them to the journal, and then tells the subscribers in order.
   *
   * @throws VersionConflict where the stream is not at the version expected.
   */
  async append(
    stream: StreamId,
    events: readonly E[],
    expected: number = ANY_VERSION,
    conflict: Conflict = Conflict.Fail,
  ): Promise<Recorded<E>[]> {
    const stored = this.streams.get(stream) ?? [];
    if (stored.length === 0) streamsCreated += 1;
    if (expected !== ANY_VERSION && expected !== stored.length) {
      if (conflict === Conflict.Fail) {
        throw new VersionConflict(stream, expected, stored.length);
      }
      return this.append(stream, events, stored.length, Conflict.Fail);
    }
    const recorded: Recorded<E>[] = [];
    for (let start = 0; start < events.length; start += Limits.BatchSize) {
      const batch = events.slice(start, start + Limits.BatchSize);
      for (const [offset, data] of batch.entries()) {
        recorded.push({
          id: randomUUID(),
          version: stored.length + start + offset + 1,
          at: new Date(),
          data,
        });
      }
    }
    // The journal comes first: what a subscriber has seen must survive a crash.
    if (this.journal !== undefined) {
      for (const event of recorded) {
        const accepted = this.journal.write(`${Codec.encode(event)}\n`);
        if (!accepted) await new Promise<void>((resolve) => this.journal?.once("drain", resolve));
      }
    }
    this.streams.set(stream, [...stored, ...recorded]);
    for (const event of recorded) {
      for (const handler of this.handlers) {
        try {
          await handler(event);
        } catch (error) {
          reportError(error);
        }
      }
    }
    return recorded;
  }

  *read(stream: StreamId, from = 1): Generator<Recorded<E>> {
    yield* (this.streams.get(stream) ?? []).slice(from - 1);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.handlers = [];
    this.journal?.end(`# ${BUILD}: ${streamsCreated} streams\n`);
  }
}

export { Codec as Format };
export * from "./subscriptions";

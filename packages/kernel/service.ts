import type { Meter } from '@opentelemetry/api';
import type { Client } from '@temporalio/client';
import type { FastifyPluginAsync } from 'fastify';
import type { Calls, CallsDefinition } from './calls.ts';
import type { SettingsOf, SettingsSchema } from './config.ts';
import type { Database, Tx } from './database.ts';
import type { EventEnvelope } from './events.ts';
import type { Logger } from './log.ts';

/** What a service gets when a process takes on one of its roles. */
export type ServiceContext<S extends SettingsSchema, T> = {
  settings: SettingsOf<S>;
  log: Logger;
  meter: Meter;
  database: Database<T>;
  /** Connects on first use; every call fails with `unavailable` semantics while Temporal is down. */
  temporal: Client;
  /** Another service's calls: a function call when that service's api role runs in this process, HTTP otherwise. */
  calls<C extends Calls>(definition: CallsDefinition<C>): C;
  /** Tells this process's relay that a row was written, so that it need not wait for its next look. */
  wakeRelay(): void;
};

/** Work a worker role does again and again. `run` returns true when there is more to do at once. */
export type Loop = {
  name: string;
  everyMs: number;
  /** The least pause before its next turn, however often it is woken. Asked after each turn. */
  restMs?(): number;
  run(signal: AbortSignal): Promise<boolean>;
  /** Called once with a function that makes the loop look now. */
  onWake?(wake: () => void): void;
};

/** A subscription to another service's events. `handle` runs in the transaction that marks the event as done. */
export type Consumer<T> = {
  name: string;
  /** The service whose events these are. */
  source: string;
  types: readonly string[];
  handle(event: EventEnvelope, tx: Tx<T>): Promise<void>;
};

/** What a service brings into a process. A role uses its part: `api` the routes and calls, `worker` the rest. */
export type ServiceParts<T> = {
  /** Implementation of the contract's calls: near for others, internal routes, and far activities on the service's queue. */
  calls?: Calls;
  routes?: FastifyPluginAsync;
  /** Runs while the service's api role does (live listeners and the like). Returns how to end it. */
  startApi?(): Promise<() => Promise<void>>;
  worker?: {
    /** Activities beside `calls`. */
    activities?: Calls;
    /** Path of the workflow source; its near activities are `activities` and every call of `nearCalls`. */
    workflows?: { path: string; nearActivities: Calls };
    loops?: readonly Loop[];
    consumers?: readonly Consumer<T>[];
  };
};

export type Service<S extends SettingsSchema = SettingsSchema, T = unknown> = {
  name: string;
  settings: S;
  /** Folder of `*.sql` files; without one the service has no database. */
  migrations?: URL;
  taskQueue?: string;
  /** It writes events that signal workflows, so its relay looks for them whenever it is woken. Others' are found at the next turn. */
  signals?: true;
  create(context: ServiceContext<S, T>): ServiceParts<T>;
};

/** Ties a service's settings and row types together; the role table then holds it without them. */
export function defineService<S extends SettingsSchema, T>(service: Service<S, T>): Service {
  return service as unknown as Service; // the server hands `create` the context that the service's own schema made
}

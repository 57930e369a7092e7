import type { DatabaseLogin } from './database-login.ts';
import { eventsChannel } from './listen.ts';
import { createRelayStore, type RelayStore } from './relay-store.ts';
import { openSession, type Session } from './session.ts';

export type Leadership = {
  /** The store to work with while this relay is its service's active one; undefined while another is. */
  take(): Promise<RelayStore | undefined>;
  /** Frees the lock at once. Taking again needs a new session. */
  resign(): Promise<void>;
};

const standbyMs = 500;

/** One active relay a service, by a session lock: the death of its process or connection lets another take over. */
export function createLeadership(options: { service: string; login: DatabaseLogin; changed(leads: boolean): void }): Leadership {
  let session: Session | undefined;
  let store: RelayStore | undefined;
  let leads = false;
  let askedAt = 0;
  let asking: Promise<void> | undefined; // several lanes ask at once

  async function resign(): Promise<void> {
    const old = session;
    session = undefined;
    store = undefined;
    askedAt = 0;
    if (leads) options.changed(false);
    leads = false;
    await old?.close();
  }

  async function ask(): Promise<void> {
    if (session?.lost()) await resign();
    // A waiting lock statement would hold back vacuum for as long as it waits, so it is asked for again and again.
    if (leads || Date.now() - askedAt < standbyMs) return;
    askedAt = Date.now();
    if (!session || !store) {
      session = await openSession({ login: options.login, name: `relay ${options.service}` });
      store = createRelayStore(session, { service: options.service, channel: eventsChannel });
    }
    leads = await store.lead();
    if (leads) options.changed(true);
  }

  return {
    resign,
    async take() {
      if (leads && !session?.lost()) return store;
      asking ??= ask().finally(() => {
        asking = undefined;
      });
      await asking;
      return leads ? store : undefined;
    },
  };
}

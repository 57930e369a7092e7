import { databaseFailure } from './database.ts';
import type { DatabaseLogin } from './database-login.ts';
import { type Logger, limitLogger } from './log.ts';
import { startLoops } from './loops.ts';
import { openSession, type Session } from './session.ts';

/** The channel on which every relay says, per batch, which aggregates changed: their ids, comma-separated. */
export const eventsChannel = 'waybill_events';

const heartbeatMs = 10_000;

export type Listener = { connected(): boolean; stop(): Promise<void> };

/**
 * Listens on a channel over a connection of its own and reconnects for ever. What is said while the connection is down is not
 * heard, so `onReconnect` is called each time it is back: readers then fetch afresh.
 */
export function startListener(options: {
  login: DatabaseLogin;
  channel: string;
  onMessage(payload: string): void;
  onReconnect(): void;
  log: Logger;
}): Listener {
  const log = limitLogger(options.log);
  let session: Session | undefined;
  let before = false;
  let wake = () => {};

  async function connect(): Promise<void> {
    const opened = await openSession({ login: options.login, name: 'listener', onLost: () => wake() });
    opened.client.on('notification', ({ channel, payload }) => {
      if (channel === options.channel) options.onMessage(payload ?? '');
    });
    try {
      await opened.client.query(`listen ${opened.client.escapeIdentifier(options.channel)}`);
    } catch (error) {
      await opened.close();
      throw error;
    }
    session = opened;
    if (before) options.onReconnect();
    before = true;
  }

  const loop = startLoops(
    [
      {
        name: `listen ${options.channel}`,
        everyMs: heartbeatMs,
        onWake(wakeLoop) {
          wake = wakeLoop;
        },
        async run() {
          try {
            if (!session || session.lost()) await connect();
            else await session.client.query('select 1');
          } catch (error) {
            const broken = session;
            session = undefined;
            await broken?.close();
            throw databaseFailure(error) ?? error;
          }
          return false;
        },
      },
    ],
    log,
  );
  return {
    connected: () => session !== undefined && !session.lost(),
    async stop() {
      await loop.stop();
      await session?.close();
    },
  };
}

import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import type { DatabaseLogin } from './database-login.ts';

/** One connection to PostgreSQL outside any pool, for what belongs to a session: LISTEN and session locks. */
export type Session = {
  client: pg.Client;
  lost(): boolean;
  /** Never throws and never hangs, whatever the connection's state. */
  close(): Promise<void>;
};

/** Opens a session whose loss is noticed on both sides: here by a time-out, there by keep-alives, after which its locks are free. */
export const openSession = (options: { login: DatabaseLogin; name: string; onLost?: () => void }): Promise<Session> =>
  options.login.signIn(() => open({ ...options, url: options.login.url() }));

async function open(options: { url: string; name: string; onLost?: () => void }): Promise<Session> {
  const client = new pg.Client({
    connectionString: options.url,
    application_name: options.name,
    connectionTimeoutMillis: 3_000,
    statement_timeout: 10_000,
    query_timeout: 12_000,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
  });
  let lost = false;
  const lose = () => {
    if (lost) return;
    lost = true;
    options.onLost?.();
  };
  client.on('error', lose);
  client.on('end', lose);
  const close = async () => {
    lost = true;
    const ended = client.end().catch(() => {});
    // A connection into the void never says that it ended.
    if ((await Promise.race([ended.then(() => 'ended'), delay(1_000, 'hangs', { ref: false })])) === 'hangs')
      client.connection.stream.destroy();
  };
  try {
    await client.connect();
    await client.query('set tcp_keepalives_idle = 10; set tcp_keepalives_interval = 5; set tcp_keepalives_count = 3');
  } catch (error) {
    await close();
    throw error;
  }
  return { client, lost: () => lost, close };
}

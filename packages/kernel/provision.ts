import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';
import pg from 'pg';
import { databaseFailure } from './database.ts';
import type { Logger } from './log.ts';

export type ServiceLogin = { name: string; password: string };

/** `waybill_orders`: the name of a service's database and of its login. */
export const databaseName = (prefix: string, service: string): string => `${prefix}_${service}`.replaceAll('-', '_');

/** The address of a service's own database with its own login, on the server (and with the options) of `serverUrl`. */
export function databaseUrl(options: { serverUrl: string; prefix: string; service: string; password: string }): string {
  const url = new URL(options.serverUrl);
  const name = databaseName(options.prefix, options.service);
  url.username = name;
  url.password = encodeURIComponent(options.password);
  url.pathname = `/${name}`;
  return url.href;
}

/**
 * Makes a database and a login for each service, where they are missing, and sets the passwords. The login owns its database and
 * no one else may connect to it. Any number of processes may do this at once, as often as they like.
 */
export async function provisionDatabases(options: {
  adminUrl: string;
  prefix: string;
  services: readonly ServiceLogin[];
  log: Logger;
}): Promise<void> {
  const client = new pg.Client({ connectionString: options.adminUrl, connectionTimeoutMillis: 5_000, application_name: 'provision' });
  client.on('error', () => {}); // told by the statement that was running
  try {
    await client.connect();
    await client.query('select pg_advisory_lock(hashtextextended($1, 0))', [`waybill provision ${options.prefix}`]);
    for (const service of options.services)
      await provision(client, databaseName(options.prefix, service.name), service.password, options.log);
  } catch (error) {
    throw databaseFailure(error) ?? error;
  } finally {
    await client.end().catch(() => {});
  }
}

async function provision(client: pg.Client, name: string, password: string, log: Logger): Promise<void> {
  const quoted = client.escapeIdentifier(name);
  const exists = async (text: string) => (await client.query(text, [name])).rows.length > 0;
  if (!(await exists('select from pg_roles where rolname = $1'))) await client.query(`create role ${quoted}`);
  await client.query(`alter role ${quoted} with login`);
  await setPassword(client, name, password);
  if (!(await exists('select from pg_database where datname = $1'))) {
    // An administrator that is no superuser (managed services) may give away a database only to a role it belongs to.
    await client.query(`grant ${quoted} to current_user`);
    await client.query(`create database ${quoted} owner ${quoted}`);
    log.info('database created', { database: name });
  }
  await client.query(`revoke connect, temporary on database ${quoted} from public`);
}

// Only the verifier travels, so no log of statements ever holds the password.
async function setPassword(client: pg.Client, login: string, password: string): Promise<void> {
  await client.query(`alter role ${client.escapeIdentifier(login)} password ${client.escapeLiteral(scramVerifier(password))}`);
}

/**
 * Gives an existing login another password. Connections that are open stay; whoever opens new ones must know the new password by
 * now, beside the old one (see docs/adr/0010).
 */
export async function setLoginPassword(options: { adminUrl: string; login: string; password: string }): Promise<void> {
  const client = new pg.Client({ connectionString: options.adminUrl, connectionTimeoutMillis: 5_000, application_name: 'rotate' });
  client.on('error', () => {}); // told by the statement that was running
  try {
    await client.connect();
    await setPassword(client, options.login, options.password);
  } catch (error) {
    throw databaseFailure(error) ?? error;
  } finally {
    await client.end().catch(() => {});
  }
}

/** What PostgreSQL stores for a SCRAM-SHA-256 password (RFC 5802). */
function scramVerifier(password: string): string {
  const iterations = 4_096;
  const salt = randomBytes(16);
  const salted = pbkdf2Sync(password.normalize('NFKC'), salt, iterations, 32, 'sha256');
  const hmac = (text: string) => createHmac('sha256', salted).update(text).digest();
  const storedKey = createHash('sha256').update(hmac('Client Key')).digest('base64');
  return `SCRAM-SHA-256$${iterations}:${salt.toString('base64')}$${storedKey}:${hmac('Server Key').toString('base64')}`;
}

import { WaybillError } from './errors.ts';

/** How to enter a database, while its password may be about to change. */
export type DatabaseLogin = {
  /** The address with the password to try next. */
  url(): string;
  /** Opens a connection with `url()`; refused for its password, it is tried with each other password that is known. */
  signIn<T>(connect: () => Promise<T>): Promise<T>;
};

/**
 * `addresses` gives those that may work now, the preferred one first: a login has one password in PostgreSQL, and for the time of
 * a rotation every process knows the old one and the new one, so it does not matter which of them the server has already.
 */
export function createLogin(addresses: () => readonly string[]): DatabaseLogin {
  let current: string | undefined;

  const url = (): string => {
    const known = addresses();
    const [first] = known;
    if (first === undefined) throw new WaybillError('invalid', 'the database has no address: its password is empty');
    return current !== undefined && known.includes(current) ? current : first;
  };

  return {
    url,
    async signIn(connect) {
      for (let tries = 1; ; tries++) {
        const used = url();
        try {
          return await connect();
        } catch (error) {
          const known = addresses();
          if (known.length < 2 || tries > known.length || !isRefused(error)) throw error;
          // Unless another connection has found that out meanwhile.
          if (url() === used) current = known[(known.indexOf(used) + 1) % known.length];
        }
      }
    },
  };
}

/** A login whose password stays as it is. */
export const fixedLogin = (url: string): DatabaseLogin => createLogin(() => [url]);

const isRefused = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === '28P01';

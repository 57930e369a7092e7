import { hash } from 'node:crypto';
import { jwtVerify, SignJWT } from 'jose';
import { WaybillError } from './errors.ts';
import { deriveFrom, linesOf, type Secret } from './secret.ts';
import { parseSigningKeys } from './tokens.ts';

export type LoginSessions = {
  /** A token that stands for having shown `credential`; it ends after the lifetime, or when the credential is replaced. */
  open(): Promise<{ token: string; expiresAt: Date }>;
  /** Throws `unauthenticated`. */
  check(token: string): Promise<{ expiresAt: Date }>;
};

/** Sessions for a page that trades a key for a cookie: nothing is stored, so every process with the same keys knows them. */
export function createLoginSessions(options: {
  /** Signing ring: the first key signs, all verify. */
  keys: Secret;
  /** Which page; a token for one is none for another. */
  audience: string;
  credential: Secret;
  lifetimeMs: number;
}): LoginSessions {
  const ring = deriveFrom(options.keys, parseSigningKeys);
  const subjectOf = (credential: string) => hash('sha256', `${options.audience} ${credential}`, 'base64url').slice(0, 22);
  // While the credential is being replaced both are good, and so is a session that was opened with either.
  const subjects = deriveFrom(options.credential, (text) => linesOf(text).map(subjectOf));
  return {
    async open() {
      const expiresAt = new Date(Date.now() + options.lifetimeMs);
      const { signing } = ring();
      const token = await new SignJWT()
        .setProtectedHeader({ alg: 'HS256', kid: signing.id })
        .setSubject(subjects()[0] ?? '')
        .setAudience(options.audience)
        .setIssuedAt()
        .setExpirationTime(expiresAt)
        .sign(signing.key);
      return { token, expiresAt };
    },
    async check(token) {
      try {
        const { payload } = await jwtVerify(
          token,
          ({ kid }) => {
            const key = ring().byId.get(kid ?? '');
            if (!key) throw new Error(`no key ${kid}`);
            return key;
          },
          { audience: options.audience, algorithms: ['HS256'], requiredClaims: ['exp'] },
        );
        if (!subjects().includes(payload.sub ?? '')) throw new Error('opened with a credential that has been replaced');
        return { expiresAt: new Date((payload.exp ?? 0) * 1_000) };
      } catch (cause) {
        throw new WaybillError('unauthenticated', 'the session has ended: log in again', { cause });
      }
    },
  };
}

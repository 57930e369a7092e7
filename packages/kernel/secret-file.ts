import { readFileSync, statSync } from 'node:fs';

export type SecretFileEvents = {
  /** Read again with another content than before. */
  changed?: () => void;
  /** It cannot be read or used now; what was read before stays in use. */
  failed?: (error: unknown) => void;
};

const checkEveryMs = 1_000;
const forcedCheckEveryMs = 50;

/**
 * What `parse` makes of a file's text, made again when the file changes. Throws at once when the file cannot be used; later that
 * is told and changes nothing. Looks at the file at most once a second, on use and not by a timer, so nothing has to be stopped.
 */
export function followFile<T>(path: string, parse: (text: string) => T, events: SecretFileEvents = {}): (force?: boolean) => T {
  // A mounted secret is replaced by a link to another inode, an edited file keeps its own.
  const versionOf = () => {
    const { mtimeMs, ino, size } = statSync(path);
    return `${mtimeMs}/${ino}/${size}`;
  };
  let seen = versionOf();
  let value = parse(readFileSync(path, 'utf8'));
  let checkedAt = Date.now();
  return (force = false) => {
    const now = Date.now();
    if (now - checkedAt < (force ? forcedCheckEveryMs : checkEveryMs)) return value;
    checkedAt = now;
    try {
      const version = versionOf();
      if (version === seen) return value;
      value = parse(readFileSync(path, 'utf8'));
      seen = version;
      events.changed?.();
    } catch (error) {
      events.failed?.(error);
    }
    return value;
  };
}

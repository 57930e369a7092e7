import { inspect } from 'node:util';

/** Text that must not be printed: it shows as `[secret]` in strings, JSON, logs and inspections. `reveal()` is the only way out. */
export class Secret {
  readonly #read: () => string;

  /** With a function the secret is whatever that returns now: keep the Secret, and not what it revealed once. */
  constructor(value: string | (() => string)) {
    this.#read = typeof value === 'string' ? () => value : value;
  }

  reveal(): string {
    return this.#read();
  }

  toString(): string {
    return '[secret]';
  }

  toJSON(): string {
    return '[secret]';
  }

  [inspect.custom](): string {
    return '[secret]';
  }
}

/**
 * What `parse` makes of a secret, made again when the secret has changed. Throws at once when it cannot be parsed; later that is
 * told, and the last value that could be stays in use.
 */
export function deriveFrom<T>(secret: Secret, parse: (text: string) => T, failed?: (error: unknown) => void): () => T {
  let text = secret.reveal();
  let value = parse(text);
  return () => {
    const now = secret.reveal();
    if (now === text) return value;
    text = now;
    try {
      value = parse(now);
    } catch (error) {
      failed?.(error);
    }
    return value;
  };
}

/** A secret that is being rotated holds the old value and the new one, each on a line of its own. */
export const linesOf = (text: string): string[] =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');

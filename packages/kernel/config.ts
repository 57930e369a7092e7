import { readFileSync } from 'node:fs';
import { Secret } from './secret.ts';
import { followFile } from './secret-file.ts';

type Parsed<T> = { ok: true; value: T } | { ok: false; expected: string };

/** One setting: its text form comes from a file, the environment or a flag; `parse` turns it into the typed value. */
export type Setting<T> = {
  kind: string;
  description: string;
  /** In text form, as a user would write it. Without one the setting is required, unless it is optional. */
  default?: string;
  optional?: boolean;
  secret?: boolean;
  parse(text: string): Parsed<T>;
};

export type SettingsSchema = Record<string, Setting<unknown>>;
export type SettingsOf<S extends SettingsSchema> = { readonly [K in keyof S]: S[K] extends Setting<infer T> ? T : never };

type Common = { description: string; default?: string };

const units: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

function parseDuration(text: string): Parsed<number> {
  const match = /^(\d{1,9})(ms|s|m|h|d)$/.exec(text);
  const unit = match?.[2] ? units[match[2]] : undefined;
  if (!match?.[1] || unit === undefined) return { ok: false, expected: 'a duration such as 500ms, 30s, 5m, 24h or 7d' };
  return { ok: true, value: Number(match[1]) * unit };
}

function parseUrl(text: string): Parsed<string> {
  return URL.canParse(text) ? { ok: true, value: text } : { ok: false, expected: 'a URL' };
}

function parseInteger(text: string, min: number, max: number): Parsed<number> {
  const value = Number(text);
  if (/^-?\d+$/.test(text) && Number.isSafeInteger(value) && value >= min && value <= max) return { ok: true, value };
  return { ok: false, expected: `a whole number from ${min} to ${max}` };
}

/** The kinds of setting there are. Durations are in milliseconds once parsed. */
export const setting = {
  text: (options: Common): Setting<string> => ({ ...options, kind: 'text', parse: (value) => ({ ok: true, value }) }),
  url: (options: Common): Setting<string> => ({ ...options, kind: 'URL', parse: parseUrl }),
  duration: (options: Common): Setting<number> => ({ ...options, kind: 'duration', parse: parseDuration }),
  integer: (options: Common & { min: number; max: number }): Setting<number> => ({
    ...options,
    kind: `integer ${options.min} to ${options.max}`,
    parse: (text) => parseInteger(text, options.min, options.max),
  }),
  port: (options: Common): Setting<number> => ({
    ...options,
    kind: 'port',
    parse: (text) => parseInteger(text, 0, 65_535),
  }),
  boolean: (options: Common): Setting<boolean> => ({
    ...options,
    kind: 'true or false',
    parse: (text) =>
      text === 'true' || text === 'false' ? { ok: true, value: text === 'true' } : { ok: false, expected: 'true or false' },
  }),
  choice: <const T extends string>(options: Common & { of: readonly T[] }): Setting<T> => ({
    ...options,
    kind: options.of.join(' or '),
    parse: (text) => {
      const value = options.of.find((choice) => choice === text);
      return value === undefined ? { ok: false, expected: `one of ${options.of.join(', ')}` } : { ok: true, value };
    },
  }),
  /** Comma-separated. */
  list: (options: Common): Setting<readonly string[]> => ({
    ...options,
    kind: 'comma-separated list',
    parse: (text) => ({
      ok: true,
      value: text
        .split(',')
        .map((item) => item.trim())
        .filter((item) => item !== ''),
    }),
  }),
  /** May also be given as `<KEY>_FILE`, the path of a file that holds it, and then follows that file. Never a flag. */
  secret: (options: Common): Setting<Secret> => ({
    ...options,
    kind: 'secret',
    secret: true,
    parse: (text) => ({ ok: true, value: new Secret(text) }),
  }),
  optional: <T>(inner: Setting<T>): Setting<T | undefined> => ({ ...inner, optional: true }),
};

export type SettingsSources = {
  /** What the user's file holds, flat: key to scalar. */
  file?: { path: string; values: Record<string, unknown> };
  environment?: Record<string, string | undefined>;
  flags?: Record<string, string | undefined>;
  /** Told when a secret that came from a file has been read again, or could not be (`error`). */
  onSecretFile?: (event: { key: string; path: string; error?: unknown }) => void;
};

/** Every problem found, at once. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(
      `the configuration has ${problems.length === 1 ? 'a problem' : `${problems.length} problems`}:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`,
    );
    this.problems = problems;
  }
}

type Found = { text: string; from: string; path?: string };

function fromEnvironment(key: string, entry: Setting<unknown>, environment: Record<string, string | undefined>): Found | undefined {
  const text = environment[key];
  if (text !== undefined && text !== '') return { text, from: 'environment' };
  const path = entry.secret ? environment[`${key}_FILE`] : undefined;
  if (!path) return undefined;
  return { text: readFileSync(path, 'utf8').trim(), from: `file named by ${key}_FILE`, path };
}

function fromFile(key: string, file: SettingsSources['file']): Found | undefined {
  const value = file?.values[key];
  if (value === undefined || value === null) return undefined;
  return { text: String(value), from: file?.path ?? 'file' };
}

/**
 * Reads settings from defaults < file < environment < flags. `known` is every key that may stand in the file or among the
 * flags (other roles' keys too); a key outside it is an error with the nearest known name. Throws SettingsError with all problems.
 */
export function loadSettings<S extends SettingsSchema>(schema: S, sources: SettingsSources, known: SettingsSchema = schema): SettingsOf<S> {
  const problems: string[] = [];
  for (const [where, values] of [
    [sources.file?.path ?? 'file', sources.file?.values ?? {}],
    ['flags', sources.flags ?? {}],
  ] as const) {
    for (const key of Object.keys(values)) {
      if (Object.hasOwn(known, key)) {
        if (where === 'flags' && known[key]?.secret)
          problems.push(`${key} is a secret, so it is never a flag: put it into the file or the environment`);
        continue;
      }
      const near = nearest(key, Object.keys(known));
      problems.push(`${key} in ${where} is not a setting${near ? `; did you mean ${near}?` : ''}`);
    }
  }
  const settings: Record<string, unknown> = {};
  for (const [key, entry] of Object.entries(schema)) {
    try {
      const flag = sources.flags?.[key];
      const found: Found | undefined =
        (flag === undefined ? undefined : { text: flag, from: 'flags' }) ??
        fromEnvironment(key, entry, sources.environment ?? {}) ??
        fromFile(key, sources.file) ??
        (entry.default === undefined ? undefined : { text: entry.default, from: 'default' });
      if (!found) {
        if (!entry.optional) problems.push(`${key} is missing: ${entry.description}`);
        continue;
      }
      const parsed = entry.parse(found.text);
      if (parsed.ok) settings[key] = found.path === undefined ? parsed.value : followSecret(key, found.path, sources);
      else
        problems.push(`${key} must be ${parsed.expected}, not ${entry.secret ? 'what was given' : `"${found.text}"`} (from ${found.from})`);
    } catch (error) {
      problems.push(`${key} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  if (problems.length > 0) throw new SettingsError(problems);
  return settings as SettingsOf<S>; // every key of the schema was parsed by its own setting above
}

/** The secret that a file holds now, also after the file has changed. */
function followSecret(key: string, path: string, { onSecretFile }: SettingsSources): Secret {
  const parse = (text: string): string => {
    if (text.trim() === '') throw new Error(`${path} is empty`);
    return text.trim();
  };
  const current = followFile(path, parse, {
    changed: () => onSecretFile?.({ key, path }),
    failed: (error) => onSecretFile?.({ key, path, error }),
  });
  return new Secret(() => current());
}

/** The known name that differs least, if it differs little: for "did you mean". */
export function nearest(word: string, names: readonly string[]): string | undefined {
  const scored = names.map((name) => ({ name, distance: editDistance(word.toUpperCase(), name.toUpperCase()) }));
  const best = scored.sort((a, b) => a.distance - b.distance)[0];
  return best && best.distance <= Math.max(2, Math.floor(word.length / 4)) ? best.name : undefined;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, change));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

import { readFileSync } from 'node:fs';
import { type Configuration, loadConfiguration } from '../configuration.ts';
import type { Context } from '../context.ts';
import { createTools, requireTool, type Tools } from '../external/tools.ts';
import { createRoot } from '../root.ts';
import { readYamlFile, writeYamlFile } from '../yaml-file.ts';
import { type Environment, parseEnvironment } from './releases.ts';

/** What every verb about one environment of a cluster works with. */
export type Session = {
  context: Context;
  configuration: Configuration;
  environment: Environment;
  tools: Tools;
  /** 3 or 4. Throws unless Helm is there and new enough. */
  helmMajor(): Promise<number>;
};

export function openSession(context: Context, options: { env?: string } = {}): Session {
  const configuration = loadConfiguration(context.root, context.io.env);
  const tools = createTools(context, configuration.cli.K8S_CONTEXT);
  let helm: Promise<number> | undefined;
  return {
    context,
    configuration,
    environment: parseEnvironment(options.env ?? 'prod'),
    tools,
    helmMajor() {
      helm ??= requireTool(tools, 'helm').then(({ major }) => major);
      return helm;
    },
  };
}

/** Keeps what was chosen or found out in config.yml, so that the next command means the same installation; undefined takes it out. */
export function remember(session: Session, changes: Record<string, string | undefined>): Session {
  const { context, configuration, environment } = session;
  const news = Object.entries(changes).filter(([key, value]) => configuration.text(key) !== value);
  if (news.length === 0) return session;
  if (!context.dryRun) write(context, news);
  // A choice of now is stronger than what the environment says.
  const env = { ...context.io.env, ...Object.fromEntries(news) };
  return openSession({ ...context, io: { ...context.io, env } }, { env: environment });
}

function write({ root, io }: Context, changes: readonly (readonly [string, string | undefined])[]): void {
  createRoot(root);
  const file = readYamlFile(root.config);
  for (const [key, value] of changes) {
    if (value === undefined) file.document.delete(key);
    else file.document.set(key, value);
  }
  writeYamlFile(file, 0o600);
  for (const [key, value] of changes) io.err(`${key} ${value === undefined ? 'is taken out' : `= ${value}`} (in ${root.config})`);
}

/** The text of a file, or undefined when there is none. */
export function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

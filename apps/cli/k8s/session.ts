import { readFileSync } from 'node:fs';
import { type Configuration, loadConfiguration } from '../configuration.ts';
import type { Context } from '../context.ts';
import { createTools, requireTool, type Tools } from '../external/tools.ts';
import { saveChoices, withChoices } from '../save-choices.ts';
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
  if (!context.dryRun) saveChoices(context, news);
  return openSession(withChoices(context, news), { env: environment });
}

/** The text of a file, or undefined when there is none. */
export function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

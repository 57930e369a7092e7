import { loadConfiguration } from '../configuration.ts';
import { type Context, print, table } from '../context.ts';
import { codecUrl, temporalUiUrl } from './installation.ts';
import { liveRunState } from './run-file.ts';
import { readiness } from './server.ts';

export async function showStatus(context: Context): Promise<number> {
  const configuration = loadConfiguration(context.root, context.io.env);
  const state = liveRunState(context.root);
  if (!state) {
    print(context, { running: false, root: context.root.path }, [
      `nothing runs in ${context.root.path}`,
      `  start it with "waybill ${context.root.flag}local start -d"`,
    ]);
    return 6;
  }
  const { ready, reason, checks } = await readiness(configuration.listenUrl);
  const processes = {
    supervisor: state.supervisor.pid,
    ...Object.fromEntries(Object.entries(state.children).map(([name, { pid }]) => [name, pid])),
  };
  const urls = { api: state.apiUrl, temporalUi: temporalUiUrl(configuration), codecServer: codecUrl(configuration) };
  print(context, { running: true, state: state.state, ready, root: context.root.path, since: state.since, processes, urls, checks }, [
    `${state.state}${state.state === 'running' ? (ready ? ' and ready' : `, but not ready: ${reason}`) : ''}, since ${state.since}`,
    ...table([
      ['  root', context.root.path],
      ['  API', urls.api],
      ...(urls.temporalUi ? [['  Temporal UI', urls.temporalUi]] : []),
      ...Object.entries(processes).map(([name, pid]) => [`  ${name}`, `pid ${pid}`]),
    ]),
  ]);
  return ready ? 0 : 6;
}

import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import setup from '../test/global-setup.ts';
import { openPlatform } from '../test/platform/platform.ts';
import { type CrashRun, crashRun } from './crash.ts';
import { type OutageRun, outageRun } from './outage.ts';

const { values } = parseArgs({
  options: { sample: { type: 'boolean', default: false }, seed: { type: 'string', default: '1' }, runs: { type: 'string' } },
});
const first = Number(values.seed);
const runs = Number(values.runs ?? (values.sample ? 1 : 20));
const size = values.sample ? { orders: 60, kills: 4, downSeconds: 5 } : { orders: 200, kills: 5, downSeconds: 120 };

const git = (...args: string[]): string => execFileSync('git', args, { encoding: 'utf8' }).trim();
// Servers are started again and again from the files as they are, so they must be those of the commit that the report names.
const commit = git('rev-parse', '--short', 'HEAD');
const isClean = (): boolean =>
  git('status', '--porcelain', '--', '.', ':!drill/report.md') === '' && git('rev-parse', '--short', 'HEAD') === commit;
if (!values.sample && !isClean()) {
  console.error('there are uncommitted changes: commit them, or run the drill in a clone, so that its report names what it tested');
  process.exit(2);
}

const teardown = await setup();
const crashes: CrashRun[] = [];
let outage: OutageRun | undefined;
try {
  // Durable as in production: a killed PostgreSQL must not forget what it committed. Long waits would only be waited for.
  await using platform = await openPlatform({
    mode: 'all',
    ownPostgres: true,
    durable: true,
    settings: { CUSTOMER_CHOICE_TIMEOUT: '60s', LOG_LEVEL: 'error' },
  });
  for (let run = 0; run < runs; run++) {
    const result = await crashRun(platform, { seed: first + run * 1_000, ...size });
    crashes.push(result);
    console.log(
      `crash, seed ${result.seed}: ${result.orders} orders, ${result.kills} kills, ${result.seconds} s, ${JSON.stringify(result.ends)}`,
    );
    for (const finding of result.findings) console.log(`  ✗ ${finding}`);
  }
  outage = await outageRun(platform, { orders: 20, downSeconds: size.downSeconds });
  console.log(`outage: PostgreSQL stopped for ${outage.downSeconds} s with ${outage.orders} orders under way, ${outage.seconds} s`);
  for (const finding of outage.findings) console.log(`  ✗ ${finding}`);
} finally {
  await teardown();
}

const failed = crashes.filter(({ findings }) => findings.length > 0).length + (outage?.findings.length ? 1 : 0);
if (!values.sample && !isClean()) {
  console.error('files changed while the drill ran, so there is no report');
  process.exit(2);
}
if (!values.sample) await writeFile(new URL('./report.md', import.meta.url), report());
console.log(`${crashes.length + 1 - failed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);

function report(): string {
  const total = (pick: (run: CrashRun) => number) => crashes.reduce((sum, run) => sum + pick(run), 0);
  const rows = crashes.map(({ seed, orders, kills, seconds, ends, findings }) => {
    const tally = Object.entries(ends)
      .map(([status, count]) => `${count} ${status}`)
      .join(', ');
    return `| ${seed} | ${orders} | ${kills} | ${seconds} | ${tally} | ${findings.length === 0 ? 'none' : findings.join('; ')} |`;
  });
  return `# Drill report

Commit ${commit}, ${availableParallelism()} cores, Node ${process.version}. ${crashes.length} crash runs on one installation: ${total((run) => run.orders)} orders, ${total((run) => run.kills)} SIGKILLs.
${failed === 0 ? 'The books balanced after every run.' : `${failed} runs broke a rule.`}

## Crash
| seed | orders | kills | seconds | ends | rules broken |
| --- | --- | --- | --- | --- | --- |
${rows.join('\n')}

## Outage
PostgreSQL stopped for ${outage?.downSeconds} s with ${outage?.orders} orders under way: ${outage?.notReady ? 'not ready meanwhile' : 'WRONGLY READY'}; all ended ${outage?.seconds} s after the first was placed; rules broken: ${outage?.findings.length ? outage.findings.join('; ') : 'none'}.
`;
}

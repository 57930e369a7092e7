// Everything CI checks except the long tests. With --static, without the tests.
import { runAll } from './run.ts';

const tests = process.argv.includes('--static') ? [] : [['vitest', 'run', 'packages', 'services', 'apps', 'tools']];

runAll([['tsc', '-p', '.'], ['biome', 'ci', '--error-on-warnings', '.'], ['knip'], ['node', 'tools/generate.ts', '--check'], ...tests]);

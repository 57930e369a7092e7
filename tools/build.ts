// Makes dist/: everything that `node dist/server.js` needs at run time, on the named architecture, and nothing else.
import { parseArgs } from 'node:util';
import { build } from './bundle/build.ts';

const { values } = parseArgs({ options: { arch: { type: 'string', default: process.arch }, out: { type: 'string' } } });
const { folder, bytes } = await build({ arch: values.arch, ...(values.out === undefined ? {} : { folder: values.out }) });
console.log(`${folder}: ${(bytes / 1_000_000).toFixed(1)} MB`);

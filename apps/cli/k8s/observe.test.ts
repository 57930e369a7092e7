import { expect, test } from 'vitest';
import { lastWords } from './observe.ts';

test('of a log the last lines that say something are told: the head of a stack, and the message of a line in JSON', () => {
  const log = [
    '{"level":"info","msg":"database created"}',
    'error: password authentication failed for user "postgres"',
    '    at Parser.parseErrorMessage (file:///app/server.js:1:1)',
    '{"level":"error","msg":"the work failed","err":{"message":"no access"}}',
    'Node.js v24.21.0',
    '',
  ].join('\n');
  expect(lastWords(log)).toMatchInlineSnapshot(`
    "  │ info: database created
      │ error: password authentication failed for user "postgres"
      │ error: the work failed: no access"
  `);
});

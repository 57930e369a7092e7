import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { cliReference } from './reference.ts';
import { createTestRoot } from './testing.ts';

describe('help', () => {
  test('the command says what it is for, with examples', async () => {
    using root = createTestRoot();
    const { code, out } = await root.run(['--help']);
    expect(code).toBe(0);
    expect(out).toMatchInlineSnapshot(`
      "Usage: waybill [options] [command]

      Orders that cannot get lost: run, look after and use a Waybill installation.

      Options:
        -r, --root <folder>   where everything of this installation is kept (also WAYBILL_ROOT)
        -I, --no-interactive  never ask anything
        --dry-run             only print what would be done
        --json                print data as JSON
        -h, --help            display help for command

      Commands:
        local                 run everything on this machine
        k8s                   install, upgrade and look after Waybill on Kubernetes
        temporal              the Temporal of the cluster: install, schema, namespaces, status
        cluster               make a cluster, and find out whether one will do
        secrets               make, name and exchange the secrets of an installation
        upgrade [options]     tell whether running orders can go on with the code at hand
        do                    single pieces of work on the databases
        orders                place, find, follow and cancel orders through the API
        config                read and change the configuration
        images                the container image of this checkout
        backup [options]      copy everything as it is at one instant, encrypted, while it runs
        restore [options]     put a backup in place, start, and compare what it holds with the world outside
        reconcile [options]   compare the books of all services, Temporal and the payment provider; what differs becomes tasks
        doctor                say what is missing on this machine, and how to get it
        completion <shell>    print what makes the Tab key complete this command
        help [command]        display help for command

      Examples:
        $ waybill local quickstart           everything on this machine, and a first order before your eyes
        $ waybill k8s quickstart             everything on a cluster, and an order that goes through it
        $ waybill orders place --sku MUG-BLUE:2 --watch
        $ waybill config printvalue ADMIN_API_KEY"
    `);
  });

  test('every verb has a description, examples and -h', async () => {
    using root = createTestRoot();
    const paths = [...cliReference().matchAll(/^## waybill (.+)$/gm)].map(([, path]) => path?.split(' ') ?? []);
    expect(paths.length).toBeGreaterThan(20);
    for (const path of paths) {
      const { code, out } = await root.run([...path, '-h']);
      expect(code).toBe(0);
      const isGroup = /\nCommands:/.test(out);
      expect(out, path.join(' ')).toMatch(isGroup ? /Commands:/ : /Examples:/);
    }
  });

  test('a verb’s help shows its own and the common options', async () => {
    using root = createTestRoot();
    expect((await root.run(['local', 'logs', '-h'])).out).toMatchInlineSnapshot(`
      "Usage: waybill local logs [options] [service]

      print the logs

      Arguments:
        service               one of server, temporal, postgres, supervisor, or in Docker a container; all when left out

      Options:
        -f, --follow          go on printing what is written, until Ctrl-C
        -n, --lines <number>  how many lines of each to begin with (default: "50")
        -h, --help            display help for command

      Global Options:
        -r, --root <folder>   where everything of this installation is kept (also WAYBILL_ROOT)
        -I, --no-interactive  never ask anything
        --dry-run             only print what would be done
        --json                print data as JSON

      Examples:
        $ waybill local logs server -f
        $ waybill local logs postgres -n 200"
    `);
  });

  test('a wrong verb or option is refused with a suggestion and exit code 2', async () => {
    using root = createTestRoot();
    const verb = await root.run(['local', 'strat']);
    expect(verb.code).toBe(2);
    expect(verb.err).toMatchInlineSnapshot(`
      "waybill: unknown command 'strat'
      (Did you mean start?)
        how to fix: add -h to see what is possible"
    `);
    const option = await root.run(['orders', 'list', '--statsu', 'x']);
    expect(option.code).toBe(2);
    expect(option.err).toMatchInlineSnapshot(`
      "waybill: unknown option '--statsu'
      (Did you mean --status?)
        how to fix: add -h to see what is possible"
    `);
  });

  test('a group without a verb shows its help and fails', async () => {
    using root = createTestRoot();
    const { code, err } = await root.run(['config']);
    expect(code).toBe(2);
    expect(err).toContain('printvalue');
  });

  test('the completion script completes groups, verbs and options in bash', async () => {
    using root = createTestRoot();
    const { out } = await root.run(['completion', 'bash']);
    const complete = (words: string[]) => {
      const probe = `${out}\nCOMP_WORDS=(${words.join(' ')}); COMP_CWORD=$((\${#COMP_WORDS[@]}-1)); _waybill; echo "\${COMPREPLY[@]}"`;
      return spawnSync('bash', ['-c', probe], { encoding: 'utf8' }).stdout.trim();
    };
    expect(complete(['waybill', 'lo'])).toBe('local');
    expect(complete(['waybill', 'local', 'st'])).toBe('start stop status');
    expect(complete(['waybill', '--json', 'orders', 'place', '--sk'])).toBe('--sku');
  });
});

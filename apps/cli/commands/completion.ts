import { Argument, type Command } from 'commander';
import type { Act } from '../context.ts';
import { examples } from '../examples.ts';

export function addCompletion(program: Command, act: Act): void {
  program
    .command('completion')
    .addArgument(new Argument('<shell>', 'your shell').choices(['bash', 'zsh']))
    .description('print what makes the Tab key complete this command')
    .addHelpText('after', examples('source <(waybill completion bash)'))
    .action(
      act(({ io }, shell: string) => {
        io.out(script(program, shell));
        return undefined;
      }),
    );
}

/** Words by what was typed before them: `local` → its verbs and options. */
function words(command: Command, path: string[] = []): [string, string[]][] {
  const options = command.options.flatMap(({ short, long }) => [short, long]).filter((flag) => flag !== undefined);
  const names = command.commands.map((child) => child.name());
  return [
    [path.join(' '), [...names, ...options, '--help']],
    ...command.commands.flatMap((child) => words(child, [...path, child.name()])),
  ];
}

function script(program: Command, shell: string): string {
  const cases = words(program).map(([path, list]) => `    "${path}") words="${list.join(' ')}" ;;`);
  return `${shell === 'zsh' ? 'autoload -U +X bashcompinit && bashcompinit\n' : ''}_waybill() {
  local word path="" words=""
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$word" in -*) ;; *) path="\${path:+$path }$word" ;; esac
  done
  case "$path" in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _waybill waybill`;
}

import manifest from '../../images/package.json' with { type: 'json' };
import { runConvert } from './commands/convert.ts';
import { runGenerate } from './commands/generate.ts';
import { runInspect } from './commands/inspect.ts';
import { runPlan } from './commands/plan.ts';
import { runRecipes } from './commands/recipes.ts';
import { runServe } from './commands/serve.ts';
import { runSynth } from './commands/synth.ts';
import { exitCodeFor, report } from './failure.ts';
import { HELP } from './help.ts';
import { UsageError } from './options.ts';

type Command = (args: string[], signal: AbortSignal) => Promise<void>;

const COMMANDS: Readonly<Record<string, Command>> = {
  convert: runConvert,
  inspect: runInspect,
  generate: runGenerate,
  serve: runServe,
  plan: runPlan,
  recipes: runRecipes,
  synth: runSynth,
};

/** Ctrl-C once asks for a clean stop; twice, the shell's usual end. */
function interruptSignal(): AbortSignal {
  const controller = new AbortController();
  process.once('SIGINT', () => controller.abort());
  process.once('SIGTERM', () => controller.abort());
  return controller.signal;
}

async function main([name, ...args]: string[]): Promise<void> {
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
    process.stdout.write(HELP.overview);
    return;
  }
  if (name === '--version' || name === '-v') {
    process.stdout.write(`${manifest.version}\n`);
    return;
  }
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (!command) throw new UsageError(`there is no command "${name}"; try: ${Object.keys(COMMANDS).join(', ')}`);
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(HELP[name as keyof typeof HELP]);
    return;
  }
  await command(args, interruptSignal());
}

// A reader who has gone (`| head -1`, a closed terminal) is no reason to end a conversion of hours.
for (const stream of [process.stdout, process.stderr])
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });

try {
  await main(process.argv.slice(2));
} catch (error) {
  report(error);
  process.exitCode = exitCodeFor(error);
}

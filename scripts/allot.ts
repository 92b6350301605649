/**
 * The `allot` command: gives the command line its process (arguments, streams, environment, clock, Ctrl-C) and its exit code.
 *
 * Ctrl-C ends the command in order, a server started for it too; a second one ends at once.
 */
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { runCommandLine } from './command-line.ts';
import { EXIT, type Io } from './io.ts';
import { systemLogin } from './login.ts';

const { stdin, stdout, stderr } = process;

async function ask(question: string): Promise<boolean> {
  const terminal = createInterface({ input: stdin, output: stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question(`${question} [y/N] `)).trim());
  } finally {
    terminal.close();
  }
}

/** On a terminal the question is told, and what is typed is not. */
async function readSecret(question: string): Promise<string> {
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: stdin, output: silent, terminal: stdin.isTTY });
  if (stdin.isTTY) stderr.write(`${question} `);
  try {
    for await (const line of lines) return line;
    return '';
  } finally {
    lines.close();
    if (stdin.isTTY) stderr.write('\n');
  }
}

function interruptible(): AbortSignal {
  const controller = new AbortController();
  process.on('SIGINT', () => {
    if (controller.signal.aborted) process.exit(EXIT.interrupted);
    controller.abort();
  });
  return controller.signal;
}

const { version } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

const io: Io = {
  write: (text) => void stdout.write(text),
  note: (text) => void stderr.write(text),
  ask: stdin.isTTY && stderr.isTTY ? ask : null,
  readSecret,
  login: systemLogin(),
  env: process.env,
  cwd: process.cwd(),
  isTerminal: stdout.isTTY,
  width: stdout.columns ?? 80,
  now: Date.now,
  signal: interruptible(),
};

// A reader that has seen enough (head, less) closes the pipe: that is no fault.
stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

process.exitCode = await runCommandLine(process.argv.slice(2), io, version);

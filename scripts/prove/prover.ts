/**
 * Processes that run the laws (test/property/prover.ts). They are started by path, like vitest: nothing that people run imports test.
 *
 * A prover that dies takes no law with it: what it was asked is answered as not proved, in words, and every later ask too.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { z } from 'zod';

const PROVER = join(import.meta.dirname, '..', '..', 'test', 'property', 'prover.ts');

/** `seed` and `path` find it again, `values` are what it is made of once fast-check has shrunk it. */
const counterexampleSchema = z.object({
  seed: z.int(),
  path: z.string().nullable(),
  values: z.string().nullable(),
  message: z.string(),
});
export type Counterexample = z.infer<typeof counterexampleSchema>;

const lawSchema = z.object({ id: z.string(), says: z.string() });
const readySchema = z.object({
  kind: z.literal('ready'),
  laws: z.array(lawSchema),
  planted: z.array(lawSchema.extend({ law: z.string() })),
});
const proofSchema = z.object({
  kind: z.literal('proof'),
  id: z.string(),
  runs: z.int(),
  counterexample: counterexampleSchema.nullable(),
});
const messageSchema = z.discriminatedUnion('kind', [readySchema, proofSchema]);

export type Catalogue = Omit<z.infer<typeof readySchema>, 'kind'>;
export type Ask = { readonly id: string; readonly runs: number; readonly seed: number };
export type Proof = Omit<z.infer<typeof proofSchema>, 'kind'>;

type Message = z.infer<typeof messageSchema>;

export class Prover {
  readonly #child: ChildProcess;
  #take: (answer: Message | string) => void = () => undefined;
  #ended: string | null = null;

  /** With a bug, its core has that bug. */
  constructor(bugId: string | null) {
    this.#child = fork(PROVER, bugId === null ? [] : [bugId], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    this.#child.on('message', (message) => this.#take(messageSchema.parse(message)));
    this.#child.on('error', (error) => this.#end(error.message));
    this.#child.on('exit', (code, signal) => this.#end(`it ended with ${signal ?? `exit ${code}`}: see above`));
  }

  #end(why: string): void {
    this.#ended ??= `the process that ran it is gone: ${why}`;
    this.#take(this.#ended);
  }

  #answer(): Promise<Message | string> {
    return new Promise((resolve) => {
      this.#take = resolve;
      if (this.#ended !== null) resolve(this.#ended);
    });
  }

  /** Waits until it has loaded the core; once, and before the first ask. */
  async ready(): Promise<Catalogue> {
    const answer = await this.#answer();
    if (typeof answer === 'string') throw new Error(answer);
    if (answer.kind !== 'ready') throw new Error(`a prover answered ${answer.kind} before it was ready`);
    return answer;
  }

  async prove(ask: Ask): Promise<Proof> {
    const answered = this.#answer();
    if (this.#ended === null) this.#child.send(ask);
    const answer = await answered;
    if (typeof answer !== 'string' && answer.kind === 'proof') return answer;
    const message = typeof answer === 'string' ? answer : `it answered ${answer.kind}`;
    return { id: ask.id, runs: 0, counterexample: { seed: ask.seed, path: null, values: null, message } };
  }

  stop(): void {
    this.#child.kill();
  }
}

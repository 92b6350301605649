/** A command that cannot be taken: expected, a person's or a platform's mistake. It is parked alone with these words. */
import { Fault } from './errors.ts';

export class CommandRefused extends Fault {
  /** Kebab-case, stable: what groups parked commands by cause. */
  readonly reasonCode: string;
  readonly field: string | null;
  readonly fix: string;
  constructor(cause: string, message: string, at: { field?: string; fix: string }) {
    super('rejected', message);
    this.reasonCode = cause;
    this.field = at.field ?? null;
    this.fix = at.fix;
  }
}

/**
 * Who gives a command: the user that the system runs this process for.
 *
 * Guarantees: whatever a shell wrote into USER or LOGNAME, nobody becomes a second person by it.
 */
import { userInfo } from 'node:os';
import type { Io } from './io.ts';

/** The variables with USER as the system knows it; unset where the system knows no name, as of a bare user id in a container. */
export function withSystemLogin(variables: Io['env'], nameOf: () => string = () => userInfo().username): Io['env'] {
  const { USER: _said, LOGNAME: _too, ...rest } = variables;
  try {
    return { ...rest, USER: nameOf() };
  } catch {
    // No name is an answer here: such a login approves nothing (core/second-person.ts).
    return rest;
  }
}

/**
 * Who gives a command: the user that the system runs this process for.
 *
 * Guarantees: whatever a shell wrote into USER or LOGNAME, nobody becomes a second person by it.
 */
import { userInfo } from 'node:os';

/** Null where the system knows no name, as of a bare user id in a container. */
export function systemLogin(nameOf: () => string = () => userInfo().username): string | null {
  try {
    return nameOf();
  } catch {
    // No name is an answer here: such a login approves nothing (core/second-person.ts).
    return null;
  }
}

/** Whose word counts as that of a second person. Only who acts says so: no step is taken in another's name. */
import { Rejected } from './errors.ts';

/** Who acts where a machine names nobody. */
export const UNNAMED = 'operator:unknown';

/** Names differ from machine to machine in their case: nobody is two people for that. */
export const isSamePerson = (one: string, other: string): boolean => one.toLowerCase() === other.toLowerCase();

type Approval = {
  /** Who approves, and who proposed. */
  readonly actor: string;
  readonly proposer: string;
  /** What is approved, and the command that does it. */
  readonly what: string;
  readonly command: string;
};

/** Throws Rejected where the word is the proposer's own, or one of them is nobody by name. */
export function requireSecondPerson({ actor, proposer, what, command }: Approval): void {
  if (isSamePerson(actor, proposer)) {
    throw new Rejected(`${actor} proposed ${what}, and nobody approves a proposal of their own`, {
      field: 'approver',
      value: actor,
      fix: `ask another person, under their own login: ${command}`,
    });
  }
  if (actor === UNNAMED) {
    throw new Rejected(`nobody is logged in by name, so this cannot be the word of a second person on ${what}`, {
      field: 'approver',
      value: actor,
      fix: `under the login of a person: ${command}`,
    });
  }
  if (proposer === UNNAMED) {
    throw new Rejected(`nobody knows who proposed ${what}, so it cannot be told whether ${actor} is a second person`, {
      field: 'proposer',
      value: proposer,
      fix: 'propose it again under the login of a person',
    });
  }
}

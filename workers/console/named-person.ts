/** The word of a second person counts only where it is known who speaks, and it is another one than the first. */
import { Rejected } from '#core/errors.ts';
import { isSamePerson } from '#core/second-person.ts';
import { isNamed } from './access.ts';
import type { Asked } from './parts.ts';

/** `first` is the actor who asked for it. */
export function requireSecondPerson({ visitor }: Asked, first: string | null): void {
  if (!isNamed(visitor)) {
    throw new Rejected('nobody is logged in, so this cannot be the word of a second person', {
      field: 'actor',
      value: visitor.actor,
      fix: 'make a user for each person: allot users add NAME --role approver; then log in',
    });
  }
  if (first === null || !isSamePerson(first, visitor.actor)) return;
  throw new Rejected(`${visitor.name} asked for it, and nobody approves what they asked for`, {
    field: 'actor',
    value: visitor.actor,
    fix: 'another person with the role approver opens this page',
  });
}

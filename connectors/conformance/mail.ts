/** Documents that state an order, as the partner writes them, and what is asked of them. */
import { deepEqual, equal, ok } from 'node:assert/strict';
import type { ParsedDocument, WaitingDocument } from '../connector.ts';
import { pickLines } from './capture.ts';
import { exchangeOf } from './clerk.ts';
import { until } from './expect.ts';
import type { Stage } from './stage.ts';
import type { DocumentFacts } from './subject.ts';

/** What the subject tells of its documents; it must where the connector declares them. */
export function factsOf({ subject }: Stage): DocumentFacts {
  ok(subject.documents !== undefined, 'the subject says what its documents look like');
  return subject.documents;
}

/** A document that waits, and stays where it is. */
export async function awaitDocument(
  stage: Stage,
  lines = pickLines(stage),
): Promise<WaitingDocument & { orderRef: string }> {
  const exchange = exchangeOf(stage.connection);
  const known = new Set((await exchange.fetch(stage.signal)).documents.map(({ ref }) => ref));
  const orderRef = await stage.placeOrder(lines);
  const found = await until(async () => {
    const { documents } = await exchange.fetch(stage.signal);
    return documents.find(({ ref }) => !known.has(ref)) ?? null;
  }, 'an order that is placed waits in the mailbox');
  return { ...found, orderRef };
}

/** Taken out of the mailbox, so that a case can put it back as it likes. */
export async function takeDocument(stage: Stage): Promise<WaitingDocument & { orderRef: string }> {
  const document = await awaitDocument(stage);
  await exchangeOf(stage.connection).archive(document, stage.signal);
  return document;
}

/** As the inbox would give it to the connector. */
export function parse(stage: Stage, { topic }: Pick<WaitingDocument, 'topic'>, rawBody: Uint8Array): ParsedDocument {
  return exchangeOf(stage.connection).parse({ topic, rawBody, receivedAt: RECEIVED_AT });
}
/** Any moment will do: parsing is pure. */
const RECEIVED_AT = Date.UTC(2026, 10, 23, 9);

export const ordersOf = ({ envelopes }: ParsedDocument): string[] =>
  envelopes.flatMap(({ orders }) => orders.map(({ order }) => order.orderRef));

/** Nothing is taken, nothing answered, and a person is told why and what to do. */
export function expectRefusedWhole(parsed: ParsedDocument, what: string): void {
  deepEqual(parsed.envelopes, [], `${what}: nothing is taken, nothing answered`);
  expectTold(parsed, what);
}

export function expectTold({ refusals }: ParsedDocument, what: string): void {
  ok(refusals.length > 0, `${what}: nobody is told`);
  for (const refusal of refusals)
    ok(
      refusal.what !== '' && refusal.reason !== '' && refusal.fix !== '',
      `${what}: a refusal says what, why and the fix`,
    );
}

/** The sandbox found no rule broken. */
export async function expectNoProblem(stage: Stage): Promise<void> {
  const { problems, refused } = await stage.untilHeard();
  deepEqual(problems, [], 'rules of the partner that were broken');
  equal(refused, 0, 'documents that the partner refuses');
}

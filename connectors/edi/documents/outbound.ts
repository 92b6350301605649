/**
 * One document of ours as an interchange: one group, one set or more, all numbered by the place that it was given.
 *
 * Guarantees: interchange and group have the number of the stamp, which is given once, so that neither repeats for a partner; a receipt
 * names the group by its functional id and number, as a 997 does.
 */
import type { OutboundDocument, Stamp } from '../../connector.ts';
import { envelopeTo, type Partner } from '../partner.ts';
import { CONTROL_MAX, type SegmentText, writeInterchange } from '../x12/write.ts';

/** The segments of each set between ST and SE. */
export type DocumentContent = {
  readonly kind: '846' | '855' | '997';
  readonly functionalId: 'IB' | 'PR' | 'FA';
  readonly sets: readonly (readonly SegmentText[])[];
};

/** Control numbers end, and begin again with 1. */
export const controlOf = ({ sequence }: Stamp): number => ((sequence - 1) % CONTROL_MAX) + 1;

export const receiptOf = (functionalId: string, groupControl: number): string => `${functionalId} ${groupControl}`;

/** Throws Rejected for data that the dialect's separators forbid. */
export function writeDocument(content: DocumentContent, partner: Partner, stamp: Stamp): OutboundDocument {
  const { kind, functionalId } = content;
  const control = controlOf(stamp);
  const sets = content.sets.map((segments, index) => ({
    id: kind,
    control: String(index + 1).padStart(4, '0'),
    segments,
  }));
  const text = writeInterchange(envelopeTo(partner), {
    control,
    at: stamp.at,
    groups: [{ functionalId, control, sets }],
  });
  const isAnswered = partner.acknowledges && functionalId !== 'FA';
  return {
    name: `${kind}-${String(stamp.sequence).padStart(9, '0')}.edi`,
    text,
    receipt: isAnswered ? receiptOf(functionalId, control) : null,
  };
}

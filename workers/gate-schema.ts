/** The gate of a channel in the configuration file: what lets it from shadow to live by itself (core/gate.ts). */
import { z } from 'zod';
import type { GateRule } from '#core/model.ts';

const percent = z
  .union([z.number().min(0).max(100), z.string().regex(/^(100|\d{1,2}(\.\d{1,2})?)%$/)])
  .describe('a percent such as "99%" or "99.5%"');
const days = (what: string) => z.int().min(1).max(90).describe(`a whole number of days from 1 to 90 ${what}`);

const numberOf = (given: string | number): number => (typeof given === 'number' ? given : Number.parseFloat(given));

export const gateSchema = z
  .strictObject({
    cleanDays: days('in a row that agree before it goes live').default(3),
    agreement: percent
      .default('99%')
      .describe('how much of what is compared must agree for a day to be clean: a percent such as "99%"'),
    ramp: z
      .array(percent)
      .min(1)
      .default(['5%', '25%', '100%'])
      .describe('a list of rising percents of its items that are written to, "100%" last'),
    stepDays: days('that agree before the next step of the ramp').default(1),
    fallBack: percent
      .default('95%')
      .describe('live, it goes back to shadow when less than this agrees: a percent such as "95%"'),
  })
  .superRefine(({ ramp, agreement, fallBack }, context) => {
    const refuse = (path: (string | number)[], message: string, input: unknown) =>
      context.addIssue({ code: 'custom', path, message, input });
    ramp.forEach((step, index) => {
      if (numberOf(step) <= numberOf(ramp[index - 1] ?? '0%'))
        refuse(['ramp', index], 'is not above the step before it. Write rising percents', step);
    });
    if (numberOf(ramp.at(-1) ?? 0) !== 100) refuse(['ramp'], 'does not end with "100%". Add it as the last step', ramp);
    if (numberOf(fallBack) > numberOf(agreement))
      refuse(
        ['fallBack'],
        `is above agreement, so a clean day could fall back. Write at most "${agreement}"`,
        fallBack,
      );
  })
  .describe('a block with cleanDays, agreement, ramp, stepDays and fallBack: when it goes live by itself, and back');

export const gateOf = (channel: string, entry: z.output<typeof gateSchema>): GateRule => ({
  channel,
  cleanDays: entry.cleanDays,
  agreement: numberOf(entry.agreement),
  ramp: entry.ramp.map(numberOf),
  stepDays: entry.stepDays,
  fallBack: numberOf(entry.fallBack),
});

/** As the file has it. */
export const gateToFile = ({ channel: _channel, agreement, ramp, fallBack, ...counted }: GateRule): object => ({
  ...counted,
  agreement: `${agreement}%`,
  ramp: ramp.map((step) => `${step}%`),
  fallBack: `${fallBack}%`,
});

/** All cases, in the order they are told. */
import type { ConformanceCase } from '../case.ts';
import { DOCUMENT_CASES } from './documents.ts';
import { EXCHANGE_CASES } from './exchange.ts';
import { FAULT_CASES } from './faults.ts';
import { INTAKE_CASES } from './intake.ts';
import { KEEPING_CASES } from './keeping.ts';
import { LEVEL_CASES } from './levels.ts';
import { ORDER_CASES } from './orders.ts';
import { PUSH_CASES } from './push.ts';
import { REPLY_CASES } from './replies.ts';
import { TICKET_CASES } from './tickets.ts';

export const CASES: readonly ConformanceCase[] = [
  ...INTAKE_CASES,
  ...DOCUMENT_CASES,
  ...ORDER_CASES,
  ...LEVEL_CASES,
  ...PUSH_CASES,
  ...TICKET_CASES,
  ...FAULT_CASES,
  ...EXCHANGE_CASES,
  ...REPLY_CASES,
  ...KEEPING_CASES,
];

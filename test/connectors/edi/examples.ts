/** The example dialects of scripts/examples/edi. */
import { join } from 'node:path';
import { loadPartner, type Partner } from '#connectors/edi/partner.ts';

const FOLDER = join(import.meta.dirname, '..', '..', '..', 'scripts', 'examples', 'edi');

export const exampleDialect = (name: 'department-store' | 'dropship-mall'): Partner =>
  loadPartner(join(FOLDER, `${name}.yaml`));

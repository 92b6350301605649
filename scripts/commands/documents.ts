/**
 * `allot documents list|show|resend`: what we sent partners by document (acknowledgments, answers), and what they said of it.
 *
 * A resend puts the stored bytes out again, under the same numbers: nothing is written anew, so a partner that has it already can tell.
 */
import type { Command } from 'commander';
import { writeAudit } from '#db/audit.ts';
import { type DocumentFilter, type DocumentRow, listDocuments, resendDocument, showDocument } from '#db/documents.ts';
import { wholeFrom } from '../arguments.ts';
import { EXIT, type ExitCode, Failure } from '../io.ts';
import { sayPairs } from '../output.ts';
import type { Kit, Run } from '../session.ts';

const pairsOf = (row: DocumentRow) => ({
  id: row.id,
  channel: row.channel,
  kind: row.kind,
  about: row.subject,
  number: row.sequence,
  file: row.name,
  state: row.state,
  receipt: row.receipt,
  reason: row.reason,
  createdAt: row.createdAt,
  sentAt: row.sentAt,
  receiptAt: row.receiptAt,
});

async function list(run: Run, filter: DocumentFilter): Promise<ExitCode> {
  return run.withDatabase(async (db) => {
    const rows = await listDocuments(db, filter);
    run.out.show({ schema: 'allot.documents/1', documents: rows.map(pairsOf) }, () =>
      rows.length === 0
        ? 'No such document.'
        : run.out.table(
            ['ID', 'CHANNEL', 'KIND', 'ABOUT', 'STATE', 'SENT', 'REASON'].map((title) => ({ title })),
            rows.map((row) => [
              row.id,
              row.channel,
              row.kind,
              row.subject,
              row.state,
              run.out.age(row.sentAt),
              row.reason ?? '',
            ]),
          ),
    );
    return EXIT.done;
  });
}

const unknown = (id: number): Failure =>
  new Failure(`there is no document ${id}`, { mend: 'look for its id with allot documents list' });

async function show(run: Run, id: number): Promise<ExitCode> {
  return run.withDatabase(async (db) => {
    const row = await showDocument(db, id);
    if (row === undefined) throw unknown(id);
    run.out.show({ schema: 'allot.document/1', ...pairsOf(row), text: row.text }, () =>
      [sayPairs(Object.entries(pairsOf(row)).map(([name, value]) => [name, String(value ?? '-')])), row.text].join(
        '\n\n',
      ),
    );
    return EXIT.done;
  });
}

async function resend(run: Run, id: number): Promise<ExitCode> {
  return run.withDatabase(async (db) => {
    const row = await showDocument(db, id);
    if (row === undefined) throw unknown(id);
    const isAgain = await db.transaction(async (tx) => {
      const done = await resendDocument(tx, id);
      if (done)
        await writeAudit(tx, [
          { actor: run.actor, action: 'resend document', subject: `${row.channel} ${row.name}`, detail: { id } },
        ]);
      return done;
    });
    if (!isAgain)
      throw new Failure(`document ${id} is ${row.state}, and was never sent`, {
        mend:
          row.state === 'withheld'
            ? 'it was made while its channel was in shadow: answer the partner by hand'
            : 'it goes out by itself once its channel is live: allot channels list',
      });
    run.out.show(
      { schema: 'allot.document.resend/1', ok: true, ...pairsOf(row) },
      () => `${row.name} goes out again, as it was (${row.kind} about ${row.subject}).`,
    );
    return EXIT.done;
  });
}

export function addDocumentCommands(program: Command, kit: Kit): void {
  const group = program
    .command('documents')
    .description('acknowledgments and answers to partners: what went out, what they said, send again');
  const listing = group
    .command('list')
    .description('the newest first')
    .option('--channel <id>', 'only of this channel')
    .option('--state <state>', 'withheld, pending, sent, accepted or rejected')
    .option('--limit <rows>', 'at most', wholeFrom(1), 50)
    .action(kit.act(list));
  kit.examples(listing, ['allot documents list --channel edi:target', 'allot documents list --state rejected']);
  const showing = group
    .command('show')
    .description('one of them, with its text')
    .argument('<id>', 'as the list shows it', wholeFrom(1))
    .action(kit.act(show));
  kit.examples(showing, ['allot documents show 12']);
  const sending = group
    .command('resend')
    .description('put it out again, byte for byte')
    .argument('<id>', 'as the list shows it', wholeFrom(1))
    .action(kit.act(resend));
  kit.examples(sending, ['allot documents resend 12']);
}

/** `allot migrate`: brings the schema up to date; makes the embedded database where there is none. */
import type { Command } from 'commander';
import { migrate, schemaStatus } from '#db/migrate.ts';
import { EXIT } from '../io.ts';
import { plural } from '../output.ts';
import type { Kit } from '../session.ts';

export function addDatabaseCommands(program: Command, kit: Kit): void {
  const command = program
    .command('migrate')
    .description('bring the database schema up to date')
    .action(
      kit.act(async (run) =>
        run.withDatabase(
          async (db) => {
            const applied = await migrate(db);
            const { current } = await schemaStatus(db);
            run.out.show({ schema: 'allot.migrate/1', ok: true, applied, version: current }, () =>
              applied.length === 0
                ? `The schema is up to date (version ${current}).`
                : `Applied ${plural(applied.length, 'migration')}: ${applied.join(', ')}. The schema is at version ${current}.`,
            );
            run.next('next: npm start');
            return EXIT.done;
          },
          { isForMigrate: true },
        ),
      ),
    );
  kit.examples(command, ['allot migrate', 'allot --home .allot/demo migrate']);
}

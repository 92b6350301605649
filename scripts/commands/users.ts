/**
 * `allot users add|list|role|password|remove`: who may use the console. Until somebody has a password it answers on its own machine
 * alone. A password comes from the terminal or standard input, never from an argument.
 */
import { type Command, Option } from 'commander';
import { addUser, listUsers, removeUser, setUserPassword, setUserRole, USER_ROLES, type UserRole } from '#db/users.ts';
import { hashPassword } from '#workers/console/passwords.ts';
import { EXIT, type ExitCode, Failure } from '../io.ts';
import type { Kit, Run } from '../session.ts';

async function askPassword(run: Run, name: string): Promise<string> {
  const typed = await run.io.readSecret(`Password of ${name}, 12 characters or more:`);
  if (typed === '') {
    throw new Failure('no password came', {
      mend: `type it when you are asked, or hand it in: allot users password ${name} < FILE`,
      exitCode: EXIT.usage,
    });
  }
  return hashPassword(typed);
}

type AddOptions = { readonly role: UserRole; readonly password: boolean };

async function add(run: Run, name: string, { role, password }: AddOptions): Promise<ExitCode> {
  const passwordHash = password ? await askPassword(run, name) : null;
  return run.withDatabase(async (db) => {
    await addUser(db, { name, role, passwordHash }, run.actor);
    run.out.show(
      { schema: 'allot.user/1', ok: true, name, role, hasPassword: password },
      () =>
        `${name} is a user with the role ${role}${password ? '' : ', known by the reverse proxy alone: there is no password'}.`,
    );
    if (password) run.next('The console asks everybody to log in from now on: /console of the daemon.');
    return EXIT.done;
  });
}

async function list(run: Run): Promise<ExitCode> {
  return run.withDatabase(async (db) => {
    const users = await listUsers(db);
    run.out.show({ schema: 'allot.users/1', users }, () =>
      users.length === 0
        ? 'Nobody yet: the console answers on its own machine alone.'
        : run.out.table(
            ['NAME', 'ROLE', 'PASSWORD', 'SEEN', 'MADE', 'BY'].map((title) => ({ title })),
            users.map((user) => [
              user.name,
              user.role,
              user.hasPassword ? 'yes' : 'no',
              run.out.age(user.seenAt),
              run.out.age(user.createdAt),
              user.createdBy,
            ]),
          ),
    );
    return EXIT.done;
  });
}

async function setRole(run: Run, name: string, role: UserRole): Promise<ExitCode> {
  return run.withDatabase(async (db) => {
    await setUserRole(db, name, role, run.actor);
    run.out.show({ schema: 'allot.user/1', ok: true, name, role }, () => `${name} is ${role} now, at once.`);
    return EXIT.done;
  });
}

async function setPassword(run: Run, name: string): Promise<ExitCode> {
  const passwordHash = await askPassword(run, name);
  return run.withDatabase(async (db) => {
    await setUserPassword(db, name, passwordHash, run.actor);
    run.out.show(
      { schema: 'allot.user/1', ok: true, name },
      () => `${name} has a new password; the sessions of the old one are over.`,
    );
    return EXIT.done;
  });
}

async function remove(run: Run, name: string): Promise<ExitCode> {
  return run.withDatabase(async (db) => {
    if (!(await run.confirm(`Remove ${name}? What they did stays in the trail.`))) return EXIT.interrupted;
    await removeUser(db, name, run.actor);
    run.out.show({ schema: 'allot.user/1', ok: true, name }, () => `${name} is removed; their sessions are over.`);
    return EXIT.done;
  });
}

const ROLES_HELP = `
Roles, each with all that the one before may do:
  viewer    sees every page
  operator  works on alerts, tries parked input again, pauses a channel, asks for units
  approver  approves and applies reallocations, approves policies, drops parked input, lets a channel send
  admin     puts policies in force, and says who may do what
`;

export function addUserCommands(program: Command, kit: Kit): void {
  const group = program.command('users').description('who may use the console, and as what');
  const adding = group
    .command('add')
    .description('a new user; the password is asked for, or read from standard input')
    .argument('<name>', 'lower case, such as kim or kim@example.com')
    .addOption(new Option('--role <role>', 'what they may do').choices(USER_ROLES).makeOptionMandatory())
    .option('--no-password', 'known by a reverse proxy alone (console.proxy of the configuration file)')
    .addHelpText('after', ROLES_HELP)
    .action(kit.act(add));
  kit.examples(adding, [
    'allot users add kim --role admin',
    'allot users add lee --role approver --json',
    'allot users add sam --role viewer --no-password',
  ]);
  const listing = group.command('list').description('everybody, with role and last visit').action(kit.act(list));
  kit.examples(listing, ['allot users list', 'allot users list --json']);
  const role = group
    .command('role')
    .description('another role, from the next click on')
    .argument('<name>')
    .addArgument(group.createArgument('<role>', 'what they may do').choices(USER_ROLES))
    .addHelpText('after', ROLES_HELP)
    .action(kit.act(setRole));
  kit.examples(role, ['allot users role lee admin']);
  const password = group
    .command('password')
    .description('a new password, asked for or read from standard input; ends all sessions')
    .argument('<name>')
    .action(kit.act(setPassword));
  kit.examples(password, ['allot users password kim']);
  const removing = group
    .command('remove')
    .description('nobody may come in by this name any more')
    .argument('<name>')
    .action(kit.act(remove));
  kit.examples(removing, ['allot users remove lee --yes']);
}

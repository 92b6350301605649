/**
 * People who may use the console, each with a role. What a role may do is workers/console/access.ts's affair.
 *
 * Guarantees: a password is stored as its hash alone; every change is in the audit trail with who made it; a new password, and a
 * removal, end the sessions of that person at once; the last administrator with a password is neither removed nor lowered while
 * others have one, since nobody could mend that from the console.
 */
import { sql } from 'drizzle-orm';
import { Rejected } from '#core/errors.ts';
import type { Instant } from '#core/model.ts';
import { writeAudit } from './audit.ts';
import type { Database, Queries } from './client.ts';

/** From the least to the most; each may do what those before it may. */
export const USER_ROLES = ['viewer', 'operator', 'approver', 'admin'] as const;
export type UserRole = (typeof USER_ROLES)[number];

export type User = {
  readonly name: string;
  readonly role: UserRole;
  /** Without one a person comes by a reverse proxy alone. */
  readonly hasPassword: boolean;
  readonly createdAt: Instant;
  readonly createdBy: string;
  /** The newest use of a session that has not ended. */
  readonly seenAt: Instant | null;
};

/** Lower case, so that nobody is two people. */
export const USER_NAME = /^[a-z0-9][a-z0-9._@-]{0,63}$/;

const refuseUnknown = (name: string): never => {
  throw new Rejected(`there is no user ${name}`, {
    field: 'name',
    value: name,
    fix: 'allot users list shows those that there are',
  });
};

export const listUsers = (db: Queries): Promise<User[]> =>
  db.rows<User>(sql`
    select u.name, u.role, u.password is not null as "hasPassword", u.created_at as "createdAt", u.created_by as "createdBy",
      (select max(s.seen_at) from console_session s where s.user_name = u.name) as "seenAt"
    from console_user u order by u.name`);

/** Whether anybody can log in: until then the console answers on its own machine alone. */
export async function hasPasswords(db: Queries): Promise<boolean> {
  const rows = await db.rows(sql`select 1 from console_user where password is not null limit 1`);
  return rows.length === 1;
}

export type KnownUser = { readonly name: string; readonly role: UserRole; readonly password: string | null };

export async function findUser(db: Queries, name: string): Promise<KnownUser | null> {
  const [user] = await db.rows<KnownUser>(sql`select name, role, password from console_user where name = ${name}`);
  return user ?? null;
}

export type NewUser = { readonly name: string; readonly role: UserRole; readonly passwordHash: string | null };

export async function addUser(db: Database, user: NewUser, actor: string): Promise<void> {
  if (!USER_NAME.test(user.name)) {
    throw new Rejected(`"${user.name}" cannot be a name`, {
      field: 'name',
      value: user.name,
      fix: 'use lower-case letters, digits, and . _ @ -, at most 64, such as kim or kim@example.com',
    });
  }
  await db.transaction(async (tx) => {
    const added = await tx.rows(sql`
      insert into console_user (name, role, password, created_by, password_changed_at)
      values (${user.name}, ${user.role}, ${user.passwordHash}, ${actor},
        case when ${user.passwordHash}::text is not null then now() end)
      on conflict (name) do nothing returning name`);
    if (added.length === 0) {
      throw new Rejected(`there is a user ${user.name} already`, {
        field: 'name',
        value: user.name,
        fix: `allot users role ${user.name} ROLE changes the role; allot users password ${user.name} the password`,
      });
    }
    const detail = { role: user.role, hasPassword: user.passwordHash !== null };
    await writeAudit(tx, [{ actor, action: 'add user', subject: `user ${user.name}`, detail }]);
  });
}

async function lockUser(tx: Queries, name: string): Promise<KnownUser> {
  // All of them: two administrators lowered at once would each see the other still there.
  const users = await tx.rows<KnownUser>(sql`select name, role, password from console_user order by name for update`);
  const user = users.find((one) => one.name === name);
  return user ?? refuseUnknown(name);
}

async function refuseLastAdmin(tx: Queries, user: KnownUser): Promise<void> {
  if (user.role !== 'admin' || user.password === null) return;
  const [others] = await tx.rows<{ admins: number; people: number }>(sql`
    select (count(*) filter (where role = 'admin'))::int as admins, count(*)::int as people
    from console_user where name <> ${user.name} and password is not null`);
  if ((others?.people ?? 0) === 0 || (others?.admins ?? 0) > 0) return;
  throw new Rejected(
    `${user.name} is the last administrator who can log in, and others could still log in after that`,
    {
      field: 'name',
      value: user.name,
      fix: 'make another one first: allot users role NAME admin',
    },
  );
}

export async function setUserRole(db: Database, name: string, role: UserRole, actor: string): Promise<void> {
  await db.transaction(async (tx) => {
    const user = await lockUser(tx, name);
    if (role !== 'admin') await refuseLastAdmin(tx, user);
    await tx.rows(sql`update console_user set role = ${role} where name = ${name}`);
    await writeAudit(tx, [
      { actor, action: 'set role', subject: `user ${name}`, detail: { from: user.role, to: role } },
    ]);
  });
}

export async function setUserPassword(db: Database, name: string, passwordHash: string, actor: string): Promise<void> {
  await db.transaction(async (tx) => {
    await lockUser(tx, name);
    await tx.rows(sql`
      update console_user set password = ${passwordHash}, password_changed_at = now() where name = ${name}`);
    await tx.rows(sql`delete from console_session where user_name = ${name}`);
    await writeAudit(tx, [{ actor, action: 'set password', subject: `user ${name}`, detail: {} }]);
  });
}

export async function removeUser(db: Database, name: string, actor: string): Promise<void> {
  await db.transaction(async (tx) => {
    const user = await lockUser(tx, name);
    await refuseLastAdmin(tx, user);
    await tx.rows(sql`delete from console_user where name = ${name}`);
    await writeAudit(tx, [{ actor, action: 'remove user', subject: `user ${name}`, detail: { role: user.role } }]);
  });
}

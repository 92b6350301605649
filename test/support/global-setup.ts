/**
 * One PostgreSQL for a whole test run: embedded in a temporary home, or the server of TEST_DATABASE_URL. The project's migrations
 * run once, into a template that each test file clones (database.ts). Nothing stays behind, also when the run is killed.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { openDatabase } from '#db/client.ts';
import { startEmbedded } from '#db/embedded.ts';
import { migrate } from '#db/migrate.ts';
import { pointAt } from './database-url.ts';
import { makeGuardedFolder } from './reaper.ts';

let undo: (() => Promise<void>)[] = [];

export async function setup(project: TestProject): Promise<void> {
  try {
    const adminUrl = process.env.TEST_DATABASE_URL ?? (await startServer());
    const template = `allot_template_${randomBytes(4).toString('hex')}`;
    await makeTemplate(adminUrl, template);
    project.provide('adminUrl', adminUrl);
    project.provide('templateDatabase', template);
  } catch (error) {
    await teardown();
    throw error;
  }
}

export async function teardown(): Promise<void> {
  const steps = undo.reverse();
  undo = [];
  for (const step of steps) await step();
}

async function startServer(): Promise<string> {
  const folder = makeGuardedFolder({ open: true });
  undo.push(() => folder.remove());
  // A killed test run loses nothing that anybody reads again.
  const server = await startEmbedded({ home: join(folder.path, 'home'), settings: { fsync: 'off' } });
  return server.url;
}

async function makeTemplate(adminUrl: string, template: string): Promise<void> {
  const admin = openDatabase(adminUrl, { max: 1 });
  try {
    await admin.script(`create database "${template}"`);
    undo.push(() => dropTemplate(adminUrl, template));
    const db = openDatabase(pointAt(adminUrl, template), { max: 1 });
    try {
      await migrate(db);
    } finally {
      await db.close();
    }
    // Closed to everybody, autovacuum too: a database with sessions cannot be cloned.
    await admin.script(`alter database "${template}" with is_template true allow_connections false`);
  } finally {
    await admin.close();
  }
}

async function dropTemplate(adminUrl: string, template: string): Promise<void> {
  const admin = openDatabase(adminUrl, { max: 1 });
  try {
    await admin.script(`alter database "${template}" with is_template false`);
    await admin.script(`drop database "${template}" with (force)`);
  } finally {
    await admin.close();
  }
}

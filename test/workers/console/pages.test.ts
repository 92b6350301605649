/** What each page shows, from a real database. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ConsoleStage, openConsole } from '#test/support/console.ts';

let stage: ConsoleStage;
beforeAll(async () => {
  stage = await openConsole();
});
afterAll(() => stage.close());

describe('pages', () => {
  it('the overview', async () => {
    const r = await stage.ask({ url: '/console' });
    console.log(r.statusCode, r.body.slice(0, 300), r.body.length);
    expect(r.statusCode).toBe(200);
    const s = await stage.ask({ url: '/console/sku?s=A' });
    console.log(s.statusCode, s.body.replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' '));
    const t = await stage.ask({ url: '/console/skus' });
    expect(t.statusCode).toBe(200);
    console.log(t.statusCode, t.body.replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' '));
    const u = await stage.ask({ url: '/console/search?q=1001' });
    console.log(u.statusCode, u.headers.location);
  });
});

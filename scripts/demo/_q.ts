import { sql } from 'drizzle-orm';
import { openDatabase } from '#db/client.ts';
import { startEmbedded } from '#db/embedded.ts';

const s = await startEmbedded({ home: process.argv[2]! });
const db = openDatabase(s.url);
for (const q of process.argv.slice(3))
  console.log(JSON.stringify(await db.rows(sql.raw(q)), null, 0).replaceAll('},{', '},\n{'));
await db.close();
await s.stop();

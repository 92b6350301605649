/** The same server and user, another database. Apart from database.ts, which only test files may import. */
export function pointAt(url: string, database: string): string {
  const other = new URL(url);
  other.pathname = `/${database}`;
  return other.href;
}

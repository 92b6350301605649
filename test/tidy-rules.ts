/**
 * House rules that no linter has, one entry each: where it holds, what it refuses, and a planted breach that it must catch.
 *
 * A rule here sees one file by its path from the root and its text; rules over the whole tree are in tidy-tree.ts. The rules are
 * textual: they read comments and strings too, on purpose. This file and its test name what is refused, so they are left out.
 */
export type TidyRule = {
  readonly name: string;
  readonly holdsFor: (path: string) => boolean;
  /** What is wrong, one sentence per breach; empty when the file is clean. */
  readonly check: (path: string, text: string) => readonly string[];
  readonly planted: { readonly path: string; readonly text: string };
};

const LINES_MAX = 400;

const isRuleBook = (path: string): boolean => /^test\/tidy[^/]*\.ts$/.test(path);
const isTypeScript = (path: string): boolean => path.endsWith('.ts');
const isScript = (path: string): boolean => /\.(ts|mjs|js)$/.test(path);
const isText = (path: string): boolean => !/\.(png|jpg|gif|ico|woff2?|gz|zip|pdf)$/.test(path);
const isTestCode = (path: string): boolean => path.startsWith('test/') && isTypeScript(path);

/** One breach per line that matches; with `unlessExplained`, a comment on that line or the one above answers for it. */
function refuseLines(pattern: RegExp, why: string, unlessExplained = false): TidyRule['check'] {
  return (path, text) => {
    const lines = text.split('\n');
    return lines.flatMap((line, index) => {
      if (!pattern.test(line)) return [];
      if (unlessExplained && [line, lines[index - 1] ?? ''].some((near) => near.includes('//'))) return [];
      return [`${path}:${index + 1} ${why}: ${line.trim().slice(0, 100)}`];
    });
  };
}

export const TIDY_RULES: readonly TidyRule[] = [
  {
    name: `a file has at most ${LINES_MAX} lines`,
    holdsFor: isScript,
    check: (path, text) => {
      const lines = text.split('\n').length - 1;
      return lines > LINES_MAX ? [`${path} has ${lines} lines: split it by responsibility`] : [];
    },
    planted: { path: 'core/long.ts', text: 'x\n'.repeat(LINES_MAX + 1) },
  },
  {
    name: 'nothing is called utils, helpers, manager or common',
    holdsFor: () => true,
    check: (path) =>
      /(^|[/.-])(utils?|helpers?|managers?|commons?)([/.-]|$)/i.test(path)
        ? [`${path}: name it after what it does`]
        : [],
    planted: { path: 'workers/queue-helpers.ts', text: '' },
  },
  {
    name: 'names of files and folders are kebab-case',
    holdsFor: isTypeScript,
    check: (path) =>
      path
        .split('/')
        .filter((part) => !/^[a-z0-9]+([-.][a-z0-9]+)*$/.test(part))
        .map((part) => `${path}: ${part} is not kebab-case`),
    planted: { path: 'core/orderState.ts', text: '' },
  },
  {
    name: 'nothing is left unfinished, no type silenced',
    holdsFor: (path) => isScript(path) || path.endsWith('.sql'),
    check: refuseLines(/\b(TODO|FIXME)\b|@ts-(ignore|nocheck)|\bas any\b/, 'finish it or open an issue'),
    planted: { path: 'core/a.ts', text: 'const x = 1; // TODO: think\n' },
  },
  {
    name: 'no test is focused, skipped or left for later',
    holdsFor: isTestCode,
    check: refuseLines(
      /\.(only|skip|todo|fails)\(|\b(it|test|describe)\.(only|skip)\b|\bx(it|describe)\(/,
      'every test runs',
    ),
    planted: { path: 'test/core/a.test.ts', text: "it.skip('counts', () => {});\n" },
  },
  {
    name: 'the environment is read by workers/config.ts, scripts and tests alone',
    holdsFor: (path) => isScript(path) && !/^(workers\/config\.ts$|scripts\/|test\/)/.test(path),
    check: refuseLines(
      /\bprocess\s*\.\s*env\b|\bprocess\[|\benv\b[^=]*\}\s*=\s*process\b|\{[^}]*\benv\b[^}]*\}\s*from\s*'node:process'/,
      'take it from the configuration',
    ),
    planted: { path: 'db/client.ts', text: 'const url = process.env.DATABASE_URL;\n' },
  },
  {
    name: 'core has no clock and no randomness',
    holdsFor: (path) => path.startsWith('core/') && isTypeScript(path),
    check: refuseLines(
      /\bDate\.now\b|\bMath\.random\b|\bDate\(\s*\)|\bnew Date\s*(;|$)|\bperformance\.now\b|\brandomUUID\b/,
      'hand the value in',
    ),
    planted: { path: 'core/a.ts', text: 'const now = new Date().getTime();\n' },
  },
  {
    name: 'tests wait on signals, never sleep',
    holdsFor: (path) => isTestCode(path) && !path.startsWith('test/support/'),
    check: refuseLines(
      /=>\s*setTimeout\(|setTimeout\(\s*(resolve|done|ok|r)\b|\bsleep\(|timers\/promises|promisify\(setTimeout/,
      'wait on a condition (test/support)',
    ),
    planted: { path: 'test/db/a.test.ts', text: 'await new Promise((resolve) => setTimeout(resolve, 50));\n' },
  },
  {
    name: 'no error is swallowed without a word',
    holdsFor: isScript,
    check: refuseLines(
      /\bcatch\s*(\([^)]*\))?\s*\{\s*\}|\.catch\(\s*\(\s*\w*\s*\)\s*=>\s*(\{\s*\}|undefined|null)\s*\)/,
      'say why it may be dropped',
      true,
    ),
    planted: { path: 'workers/a.ts', text: 'await close().catch(() => undefined);\n' },
  },
  {
    name: 'no path of one machine, no registry host',
    holdsFor: isText,
    check: refuseLines(
      /(^|[\s'"`(=:])(file:\/\/)?\/(home|Users|root|work)\/[\w.-]|[A-Z]:\\Users\\|"resolved": "https?:|\bregistry\.\w+\.\w+\/|_authToken/,
      'is true on one machine only',
    ),
    planted: { path: 'package-lock.json', text: '"resolved": "https://registry.example.org/zod/-/zod-4.6.7.tgz",\n' },
  },
];

/** What the rules say of one file. */
export function checkFile(rule: TidyRule, path: string, readText: (path: string) => string): readonly string[] {
  if (!rule.holdsFor(path) || isRuleBook(path)) return [];
  return rule.check(path, readText(path));
}

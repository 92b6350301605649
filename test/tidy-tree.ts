/** House rules over the whole tree, as pure functions of paths and texts: each answers one sentence per breach. */

/** Relative links of a Markdown file that lead nowhere; `hasFile` is asked with paths from the root. */
export function findBrokenLinks(path: string, text: string, hasFile: (path: string) => boolean): readonly string[] {
  const targets = [...text.matchAll(/\]\(\s*<?([^)\s>]+)>?[^)]*\)/g)].map((match) => match[1] ?? '');
  return targets
    .filter((target) => !/^([a-z]+:|#)/.test(target))
    .map((target) => target.replace(/#.*$/, ''))
    .filter((target) => !hasFile(new URL(target, `file:///${path}`).pathname.slice(1).replace(/\/$/, '')))
    .map((target) => `${path} links to ${target}, which does not exist`);
}

/** Names that stand more than once in `names`, each once. */
export function findRepeated(names: readonly string[]): readonly string[] {
  return [...new Set(names.filter((name, index) => names.indexOf(name) !== index))];
}

/** Migrations are called `0001_words.sql`, 0002 and so on: append-only, without a gap and without a number used twice. */
export function findMigrationGaps(fileNames: readonly string[]): readonly string[] {
  return fileNames.toSorted().flatMap((name, index) => {
    const expected = String(index + 1).padStart(4, '0');
    if (!/^\d{4}_[a-z0-9_]+\.sql$/.test(name)) return [`${name} is not called NNNN_words.sql`];
    return name.startsWith(`${expected}_`) ? [] : [`${name} stands where ${expected}_ should`];
  });
}

/** Names of exported classes that descend from Error, over all files, as often as they are exported. */
export function listErrorClasses(texts: readonly string[]): readonly string[] {
  const classes = texts.flatMap((text) =>
    [...text.matchAll(/^(export )?(?:abstract )?class (\w+)(?:<[^>]*>)? extends (\w+)/gm)].map((match) => ({
      isExported: match[1] !== undefined,
      name: match[2] ?? '',
      parent: match[3] ?? '',
    })),
  );
  const errors = new Set(['Error', 'AggregateError', 'TypeError', 'RangeError']);
  for (let before = 0; before !== errors.size; ) {
    before = errors.size;
    for (const { name, parent } of classes) if (errors.has(parent)) errors.add(name);
  }
  return classes.filter(({ isExported, name }) => isExported && errors.has(name)).map(({ name }) => name);
}

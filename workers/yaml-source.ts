/**
 * A YAML text with the place of every key and value, so that a mistake anywhere is told as `file:line:col`.
 *
 * Guarantees: keys stay the text that was written (SKU 00123 does not become 123); tags, unknown anchors and second documents are
 * mistakes. With broken syntax there is no data: what a parser made of it would only raise false alarms.
 */
import { isAlias, isMap, isNode, isScalar, LineCounter, type Node, type Pair, parseDocument, visit } from 'yaml';

export type YamlPath = readonly (string | number)[];

/** A sentence about one place: what is wrong, and how to mend it. `offset` is where in the text. */
export type YamlProblem = { readonly offset: number; readonly path: YamlPath; readonly says: string };

export type YamlSource = {
  /** Undefined when the syntax is broken. */
  readonly data: unknown;
  readonly problems: readonly YamlProblem[];
  /** Of the value at `path`, its key, or the nearest thing around it that is there. */
  offsetOf(path: YamlPath, at: 'key' | 'value'): number;
  /** As it was written, for a plain value. */
  textOf(path: YamlPath): string | undefined;
  /** `file:line:col`, both from 1. */
  placeOf(offset: number): string;
};

type YamlDocument = ReturnType<typeof parseDocument>;

const FIXES: Readonly<Record<string, string>> = {
  TAB_AS_INDENT: 'Indent with spaces.',
  BLOCK_AS_IMPLICIT_KEY: 'A value that contains ": " needs quotes; a nested block starts on its own line.',
  MULTIPLE_DOCS: 'Keep one document: take the "---" out.',
  NON_STRING_KEY: 'Write a plain word as the key.',
  MISSING_CHAR: 'Close it.',
  TAG_RESOLVE_FAILED: 'Take the tag out.',
};

export function readYaml(text: string, name: string): YamlSource {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter, stringKeys: true, prettyErrors: false });
  const problems = findSyntaxProblems(document);
  const isBroken =
    document.errors.some(({ code }) => code !== 'DUPLICATE_KEY') || problems.some(({ isFatal }) => isFatal);
  const converted = isBroken ? { data: undefined, problem: undefined } : toData(document);
  const end = text.trimEnd().length;
  const all = converted.problem === undefined ? problems : [...problems, converted.problem];
  return {
    data: converted.data,
    problems: all.map((problem) => ({ ...problem, offset: Math.min(problem.offset, end) })),
    offsetOf: (path, at) => Math.min(offsetOf(document, path, at), end),
    textOf: (path) => {
      const node = document.getIn(path, true);
      return isScalar(node) ? node.source : undefined;
    },
    placeOf: (offset) => {
      const { line, col } = lineCounter.linePos(offset);
      return `${name}:${Math.max(1, line)}:${Math.max(1, col)}`;
    },
  };
}

/** One slip makes the parser stumble over every token after it. */
const SYNTAX_TOLD_MAX = 3;

function findSyntaxProblems(document: YamlDocument): (YamlProblem & { readonly isFatal?: boolean })[] {
  const keys = document.errors.filter(({ code }) => code === 'DUPLICATE_KEY');
  const broken = document.errors.filter(({ code }) => code !== 'DUPLICATE_KEY').slice(0, SYNTAX_TOLD_MAX);
  const told = [...keys, ...broken, ...document.warnings].map(({ code, message, pos: [offset] }) => {
    const path = pathAt(document, offset);
    if (code === 'DUPLICATE_KEY') {
      return { offset, path, says: 'the key stands twice in one block. Keep one of them.' };
    }
    const fix = FIXES[code] ?? 'Mend it here or just above.';
    return { offset, path: [], says: `is not YAML: ${message.split(';')[0]?.trim()}. ${fix}` };
  });
  return [...told, ...findUnknownAnchors(document)];
}

function findUnknownAnchors(document: YamlDocument) {
  const problems: (YamlProblem & { readonly isFatal: true })[] = [];
  visit(document, {
    Alias(_, alias) {
      if (alias.resolve(document) !== undefined) return;
      const says = `no anchor is called "${alias.source}". Define it above as &${alias.source}, or put the value in quotes.`;
      problems.push({ offset: alias.range?.[0] ?? 0, path: [], says, isFatal: true });
    },
  });
  return problems;
}

/** Fails only on anchors that unfold without end. */
function toData(document: YamlDocument): { readonly data: unknown; readonly problem: YamlProblem | undefined } {
  try {
    return { data: document.toJS(), problem: undefined };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { data: undefined, problem: { offset: 0, path: [], says: `cannot be read: ${reason}. Use fewer anchors.` } };
  }
}

/** The path of the key that begins at this offset. */
function pathAt(document: YamlDocument, offset: number): YamlPath {
  let found: YamlPath = [];
  visit(document, {
    Pair(_, pair, ancestors) {
      if (!isNode(pair.key) || pair.key.range?.[0] !== offset) return undefined;
      found = pathOf([...ancestors, pair]);
      return visit.BREAK;
    },
  });
  return found;
}

function pathOf(chain: readonly unknown[]): YamlPath {
  return chain.flatMap((step, index): YamlPath => {
    const parent = chain[index - 1];
    if (isPair(step)) return [String(isScalar(step.key) ? step.key.value : step.key)];
    const list = typeof parent === 'object' && parent !== null && 'items' in parent ? parent.items : undefined;
    return Array.isArray(list) && !isMap(parent) ? [list.indexOf(step)] : [];
  });
}

const isPair = (step: unknown): step is Pair =>
  typeof step === 'object' && step !== null && 'key' in step && 'value' in step && !isNode(step);

function offsetOf(document: YamlDocument, path: YamlPath, at: 'key' | 'value'): number {
  for (let depth = path.length; depth > 0; depth--) {
    const key = keyNodeOf(document, path.slice(0, depth));
    const value = resolved(document, document.getIn(path.slice(0, depth), true));
    const isWhole = depth === path.length;
    // A missing field is told at the block that lacks it, an empty value at its key.
    const node = (isWhole && at === 'key') || isEmpty(value) ? (key ?? value) : value;
    const offset = node?.range?.[0];
    if (offset !== undefined) return offset;
  }
  return document.contents?.range?.[0] ?? 0;
}

const isEmpty = (node: Node | undefined): boolean =>
  node === undefined || (isScalar(node) && node.value === null && node.source === '');

function resolved(document: YamlDocument, node: unknown): Node | undefined {
  if (isAlias(node)) return node.resolve(document) ?? node;
  return isNode(node) ? node : undefined;
}

function keyNodeOf(document: YamlDocument, path: YamlPath): Node | undefined {
  const parent: unknown = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
  const block = resolved(document, parent);
  if (!isMap(block)) return undefined;
  const pair = block.items.find(({ key }) => isScalar(key) && key.value === path.at(-1));
  return pair !== undefined && isNode(pair.key) ? pair.key : undefined;
}

/**
 * What is wrong with a configuration, told so that a person mends it in one go: all problems at once, each with its place, what
 * is wrong and what to write instead. Sentences are made from the schema's own descriptions ("a whole percent from 0 to 100").
 */
import { z } from 'zod';
import { suggest } from './did-you-mean.ts';
import type { YamlPath, YamlProblem, YamlSource } from './yaml-source.ts';

/** The configuration cannot be used. The message has one line per problem. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.problems = problems;
  }
}

export type CheckOptions = {
  /** Where the checked part stands in the file. */
  readonly prefix?: YamlPath;
  /** Never shows text values: a connector's settings may hold what somebody mistook for their place. */
  readonly hidesText?: boolean;
};

/** One line per problem, in the order of the file. */
export function sayProblems(source: YamlSource, problems: readonly YamlProblem[]): string[] {
  const sorted = [...problems].sort((a, b) => a.offset - b.offset);
  return [...new Set(sorted.map(({ offset, path, says }) => `${source.placeOf(offset)} ${sayPath(path)}: ${says}`))];
}

export function sayPath(path: YamlPath): string {
  if (path.length === 0) return '(file)';
  const parts = path.map((part) => {
    if (typeof part === 'number') return `[${part}]`;
    return /^[\w:-]+$/.test(part) ? `.${part}` : `[${JSON.stringify(part)}]`;
  });
  return parts.join('').replace(/^\./, '');
}

/** Parses with the schema; what does not fit comes back as problems of that file. */
export function checkAgainst<Schema extends z.ZodType>(
  source: YamlSource,
  schema: Schema,
  data: unknown,
  options: CheckOptions = {},
): { readonly value: z.output<Schema> | undefined; readonly problems: readonly YamlProblem[] } {
  const result = schema.safeParse(data, { reportInput: true });
  if (result.success) return { value: result.data, problems: [] };
  const problems = result.error.issues.flatMap((issue) => sayIssue(source, schema, issue, options));
  return { value: undefined, problems };
}

type Issue = z.core.$ZodIssue;

function sayIssue(source: YamlSource, schema: z.ZodType, issue: Issue, options: CheckOptions): YamlProblem[] {
  const inner = issue.path.map((part) => (typeof part === 'number' ? part : String(part)));
  const path = [...(options.prefix ?? []), ...inner];
  if (issue.code === 'unrecognized_keys') {
    const known = keysOf(schemaAt(schema, inner));
    return issue.keys.map((key) => ({
      offset: source.offsetOf([...path, key], 'key'),
      path: [...path, key],
      says: `is not a known key. ${suggest(key, known)}`,
    }));
  }
  if (issue.code === 'invalid_key') {
    const says = `cannot be a key here. Write ${describe(keySchemaOf(schemaAt(schema, inner.slice(0, -1)))) ?? 'another'}.`;
    return [{ offset: source.offsetOf(path, 'key'), path, says }];
  }
  const says = sayMisfit(source, {
    path,
    schema: schemaAt(schema, inner),
    issue,
    hidesText: options.hidesText === true,
  });
  return [{ offset: source.offsetOf(path, 'value'), path, says }];
}

type Misfit = {
  readonly path: YamlPath;
  readonly schema: z.core.$ZodType | undefined;
  readonly issue: Issue;
  readonly hidesText: boolean;
};

function sayMisfit(source: YamlSource, { path, schema, issue, hidesText }: Misfit): string {
  const { input } = issue;
  const wanted = describe(schema);
  if (input === undefined) return `is missing. Write ${wanted ?? 'it'}.`;
  const value = sayValue(input, hidesText);
  if (issue.code === 'invalid_value' && typeof input === 'string' && !hidesText) {
    return `is ${value}. ${suggest(input, issue.values.map(String))}`;
  }
  const isPlain = typeof input === 'number' || typeof input === 'boolean';
  if (issue.code === 'invalid_type' && issue.expected === 'string' && isPlain) {
    const quoted = JSON.stringify(source.textOf(path) ?? String(input));
    // A SKU or a date that YAML takes for something else is the commonest slip: say what saves it.
    return wanted?.includes('duration') === true
      ? `is ${value}. Write ${wanted}.`
      : `is ${value}, not text. Put it in quotes: ${quoted}.`;
  }
  // A message of the schema's own (a connector's "write the shop as ...") knows more than the type does.
  if (wanted === undefined || !/^(Invalid|Too) /.test(issue.message)) return `is ${value}: ${issue.message}.`;
  return `is ${value}. Write ${wanted}.`;
}

const VALUE_SHOWN_MAX = 40;

function sayValue(value: unknown, hidesText: boolean): string {
  if (value === null) return 'empty';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (typeof value !== 'string') return 'a block of keys';
  if (hidesText) return 'text that does not fit';
  return JSON.stringify(value.length > VALUE_SHOWN_MAX ? `${value.slice(0, VALUE_SHOWN_MAX)}...` : value);
}

/** What a schema wraps (optional, default, nullable, transform), one layer at a time: each may have a description. */
function peel(schema: z.core.$ZodType): z.core.$ZodType {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable) return schema.unwrap();
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) return schema.unwrap();
  return schema instanceof z.ZodPipe ? schema.in : schema;
}

function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
  const inner = peel(schema);
  return inner === schema ? schema : unwrap(inner);
}

/** Where a value may be a block or something plain: the block, whose keys a path goes on by. */
function unwrapBlock(schema: z.core.$ZodType): z.core.$ZodType {
  const inner = unwrap(schema);
  if (!(inner instanceof z.ZodUnion)) return inner;
  return inner.options.map(unwrap).find((option) => option instanceof z.ZodObject) ?? inner;
}

function schemaAt(schema: z.core.$ZodType, path: YamlPath): z.core.$ZodType | undefined {
  let at: z.core.$ZodType | undefined = schema;
  for (const part of path) {
    const inner: z.core.$ZodType | undefined = at === undefined ? undefined : unwrapBlock(at);
    if (inner instanceof z.ZodObject) at = inner.shape[String(part)] as z.core.$ZodType | undefined;
    else if (inner instanceof z.ZodArray) at = inner.element;
    else if (inner instanceof z.ZodRecord) at = inner.valueType;
    else return undefined;
  }
  return at;
}

function keysOf(schema: z.core.$ZodType | undefined): string[] {
  const inner = schema === undefined ? undefined : unwrapBlock(schema);
  return inner instanceof z.ZodObject ? Object.keys(inner.shape) : [];
}

function keySchemaOf(schema: z.core.$ZodType | undefined): z.core.$ZodType | undefined {
  const inner = schema === undefined ? undefined : unwrap(schema);
  return inner instanceof z.ZodRecord ? inner.keyType : undefined;
}

/** What to write there, as a noun phrase: the schema's description, else its type. */
function describe(schema: z.core.$ZodType | undefined): string | undefined {
  if (schema === undefined) return undefined;
  const own = schema instanceof z.ZodType ? schema.description : undefined;
  if (own !== undefined) return own;
  const inner = peel(schema);
  if (inner !== schema) return describe(inner);
  if (inner instanceof z.ZodString) return 'text';
  if (inner instanceof z.ZodNumber) return inner.isInt ? 'a whole number' : 'a number';
  if (inner instanceof z.ZodBoolean) return 'true or false';
  if (inner instanceof z.ZodArray) return 'a list';
  if (inner instanceof z.ZodEnum) return `one of ${inner.options.join(', ')}`;
  return inner instanceof z.ZodObject || inner instanceof z.ZodRecord ? 'a block of keys' : undefined;
}

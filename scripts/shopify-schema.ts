/**
 * Makes connectors/shopify/sandbox/admin-2026-10.graphql: of Shopify's Admin schema only what our documents use, names and types
 * without a word of its descriptions.
 *
 *     node scripts/shopify-schema.ts ../shared/data/shopify/admin_2026-10.json.gz [connectors/shopify/sandbox/admin-2026-10.graphql]
 *
 * A type that implements Node keeps its id; an input object keeps the fields named below, since a document passes it whole in a
 * variable and so does not show which it uses. The output depends on the input alone.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import {
  buildClientSchema,
  buildSchema,
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLNamedType,
  type GraphQLSchema,
  getNamedType,
  type IntrospectionQuery,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isIntrospectionType,
  isObjectType,
  isScalarType,
  isSpecifiedScalarType,
  parse,
  TypeInfo,
  validate,
  visit,
  visitWithTypeInfo,
} from 'graphql';
import { DOCUMENTS } from '#connectors/shopify/documents.ts';
import { WANTED_TOPICS } from '#connectors/shopify/subscriptions.ts';

const OUTPUT = fileURLToPath(new URL('../connectors/shopify/sandbox/admin-2026-10.graphql', import.meta.url));

const HEADER = `# Part of Shopify's Admin GraphQL schema 2026-10: the types, fields and arguments that connectors/shopify/documents.ts uses.
# Made by scripts/shopify-schema.ts from the introspection file in npm @shopify/dev-mcp 1.16.0 (Shopify Inc., ISC). Do not edit:
# change the documents and run the script again.
`;

/** Fields of input objects and values of the largest enum that we use; all others are kept whole. PRODUCTS_UPDATE is a topic not wanted. */
const INPUT_FIELDS: Readonly<Record<string, readonly string[]>> = {
  WebhookSubscriptionInput: ['uri', 'format', 'filter', 'includeFields'],
};
const ENUM_VALUES: Readonly<Record<string, readonly string[]>> = {
  WebhookSubscriptionTopic: [...WANTED_TOPICS, 'PRODUCTS_UPDATE'],
};

/** Type name -> field name -> names of its arguments. A type without fields (scalar, enum, input) has an empty map. */
type Used = Map<string, Map<string, Set<string>>>;

const fieldsOf = (used: Used, type: string): Map<string, Set<string>> => {
  const known = used.get(type) ?? new Map<string, Set<string>>();
  used.set(type, known);
  return known;
};

function useInput(used: Used, inputType: GraphQLInputType): void {
  const type = getNamedType(inputType);
  if (used.has(type.name)) return;
  fieldsOf(used, type.name);
  if (!isInputObjectType(type)) return;
  for (const field of Object.values(type.getFields())) {
    if (isKept(INPUT_FIELDS, type.name, field.name)) useInput(used, field.type);
  }
}

const isKept = (kept: Readonly<Record<string, readonly string[]>>, type: string, name: string): boolean =>
  kept[type]?.includes(name) ?? true;

/** Walks one document and marks all it touches. */
function useDocument(schema: GraphQLSchema, used: Used, text: string): void {
  const typeInfo = new TypeInfo(schema);
  const document = parse(text);
  const faults = validate(schema, document);
  if (faults[0] !== undefined) throw new Error(`a document is not valid: ${faults[0].message}\n${text}`);
  visit(
    document,
    visitWithTypeInfo(typeInfo, {
      Field: () => {
        const parent = typeInfo.getParentType();
        const field = typeInfo.getFieldDef();
        if (!parent || !field || field.name.startsWith('__')) return;
        const fields = fieldsOf(used, parent.name);
        if (!fields.has(field.name)) fields.set(field.name, new Set());
        fieldsOf(used, getNamedType(field.type).name);
      },
      Argument: () => {
        const argument = typeInfo.getArgument();
        if (!argument) return;
        useInput(used, argument.type);
        const parent = typeInfo.getParentType();
        const field = typeInfo.getFieldDef();
        // The arguments of a directive are met here too.
        if (parent && field?.args.includes(argument)) fieldsOf(used, parent.name).get(field.name)?.add(argument.name);
      },
      InlineFragment: (node) => {
        if (node.typeCondition) fieldsOf(used, node.typeCondition.name.value);
      },
    }),
  );
}

function printField(field: GraphQLField<unknown, unknown>, args: ReadonlySet<string>): string {
  const kept = field.args.filter(({ name }) => args.has(name)).map(({ name, type }) => `${name}: ${String(type)}`);
  return `  ${field.name}${kept.length === 0 ? '' : `(${kept.join(', ')})`}: ${String(field.type)}`;
}

function printType(type: GraphQLNamedType, used: Used): string {
  if (isScalarType(type)) return `scalar ${type.name}`;
  if (isEnumType(type)) {
    const values = type.getValues().filter((value) => isKept(ENUM_VALUES, type.name, value.name));
    return `enum ${type.name} {\n${values.map((value) => `  ${value.name}`).join('\n')}\n}`;
  }
  if (isInputObjectType(type)) {
    const fields = Object.values(type.getFields()).filter((field) => isKept(INPUT_FIELDS, type.name, field.name));
    return `input ${type.name} {\n${fields.map((field) => `  ${field.name}: ${String(field.type)}`).join('\n')}\n}`;
  }
  if (!isObjectType(type) && !isInterfaceType(type)) throw new Error(`${type.name} is a union: teach this script`);
  const isNode = type.getInterfaces().some((face) => face.name === 'Node');
  const fields = fieldsOf(used, type.name);
  const kept = Object.values(type.getFields()).filter(
    (field) => fields.has(field.name) || (isNode && field.name === 'id'),
  );
  const lines = kept.map((field) => printField(field, fields.get(field.name) ?? new Set()));
  const head = `${isObjectType(type) ? 'type' : 'interface'} ${type.name}${isNode ? ' implements Node' : ''}`;
  return `${head} {\n${lines.join('\n')}\n}`;
}

/** The whole text of the pruned schema, from the gzipped introspection file. */
export function pruneSchema(gzipped: Uint8Array): string {
  const file = JSON.parse(gunzipSync(gzipped).toString('utf8')) as { readonly data: IntrospectionQuery };
  const schema = buildClientSchema(file.data);
  const used: Used = new Map();
  for (const document of Object.values(DOCUMENTS)) useDocument(schema, used, document);
  const types = [...used.keys()].sort().flatMap((name) => {
    const type = schema.getType(name);
    if (type === undefined || isIntrospectionType(type) || (isScalarType(type) && isSpecifiedScalarType(type)))
      return [];
    return [printType(type, used)];
  });
  const roots = `schema {\n  query: ${schema.getQueryType()?.name}\n  mutation: ${schema.getMutationType()?.name}\n}`;
  const text = `${[`${HEADER}\n${roots}`, 'directive @idempotent(key: String!) on FIELD', ...types].join('\n\n')}\n`;
  buildSchema(text);
  return text;
}

if (import.meta.main) {
  const [input, output = OUTPUT] = process.argv.slice(2);
  if (input === undefined) {
    console.error('usage: node scripts/shopify-schema.ts ../shared/data/shopify/admin_2026-10.json.gz [OUTPUT]');
    process.exitCode = 2;
  } else {
    writeFileSync(output, pruneSchema(readFileSync(input)));
    console.log(`wrote ${output}`);
  }
}

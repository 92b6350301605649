/**
 * GraphQL over HTTP as Shopify answers it: valid documents only, the cost in `extensions`, THROTTLED with HTTP 200.
 * A document is parsed and validated once, then found by its text.
 */
import { readFileSync } from 'node:fs';
import {
  buildSchema,
  type DocumentNode,
  executeSync,
  type FragmentDefinitionNode,
  GraphQLError,
  Kind,
  type OperationDefinitionNode,
  OperationTypeNode,
  parse,
  validate,
} from 'graphql';
import { z } from 'zod';
import type { ApiResponse } from '../../sandbox/platform.ts';
import { actualCost, type Bucket, COST_MAX, requestedCost } from './cost.ts';
import { type CallContext, type Root, rootOf } from './resolvers.ts';

const schema = buildSchema(readFileSync(new URL('./admin-2026-10.graphql', import.meta.url), 'utf8'));

/** Texts kept; the connector has a dozen. */
const DOCUMENTS_MAX = 200;

type Compiled = {
  readonly document: DocumentNode;
  readonly operation: OperationDefinitionNode;
  readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>;
};

const requestSchema = z.object({ query: z.string(), variables: z.record(z.string(), z.unknown()).nullish() });

const refused = (code: string, message: string): GraphQLError => new GraphQLError(message, { extensions: { code } });

function compile(text: string): Compiled | readonly GraphQLError[] {
  let document: DocumentNode;
  try {
    document = parse(text);
  } catch (error) {
    return [error instanceof GraphQLError ? error : refused('parseError', String(error))];
  }
  const faults = validate(schema, document);
  if (faults.length > 0) return faults;
  const operation = document.definitions.find((each) => each.kind === Kind.OPERATION_DEFINITION);
  if (operation === undefined) return [refused('missingOperation', 'the document has no operation')];
  const fragments = document.definitions.filter((each) => each.kind === Kind.FRAGMENT_DEFINITION);
  return { document, operation, fragments: new Map(fragments.map((each) => [each.name.value, each])) };
}

export type GraphqlApi = {
  answer(rawBody: string, context: CallContext): ApiResponse;
  throttled(requestedQueryCost?: number): ApiResponse;
};

const ok = (body: unknown): ApiResponse => ({ status: 200, body: JSON.stringify(body) });

export function openGraphql(root: Root, bucket: Bucket): GraphqlApi {
  const compiled = new Map<string, Compiled | readonly GraphQLError[]>();
  const rootValue = rootOf(root);

  const find = (text: string): Compiled | readonly GraphQLError[] => {
    const known = compiled.get(text) ?? compile(text);
    if (compiled.size < DOCUMENTS_MAX) compiled.set(text, known);
    return known;
  };

  const throttled = (requestedQueryCost = 10): ApiResponse =>
    ok({
      errors: [{ message: 'Throttled', extensions: { code: 'THROTTLED', documentation: 'the rate limits page' } }],
      extensions: { cost: { requestedQueryCost, actualQueryCost: null, throttleStatus: bucket.status } },
    });

  return {
    throttled,
    answer(rawBody, context) {
      const request = requestSchema.safeParse(JSON.parse(rawBody));
      if (!request.success)
        return { status: 400, body: JSON.stringify({ errors: { query: 'Required parameter missing or invalid' } }) };
      const found = find(request.data.query);
      if (!('operation' in found)) return ok({ errors: found });
      const variables = request.data.variables ?? {};
      const requestedQueryCost = requestedCost({ schema, ...found, variables });
      if (requestedQueryCost > COST_MAX) {
        return ok({
          errors: [
            refused(
              'MAX_COST_EXCEEDED',
              `Query cost is ${requestedQueryCost}, which exceeds the single query max cost ${COST_MAX}`,
            ),
          ],
        });
      }
      if (!bucket.take(requestedQueryCost)) return throttled(requestedQueryCost);
      const { document, operation } = found;
      const result = executeSync({ schema, document, rootValue, contextValue: context, variableValues: variables });
      const actualQueryCost = actualCost(result.data ?? {}, operation.operation === OperationTypeNode.MUTATION);
      bucket.giveBack(Math.max(0, requestedQueryCost - actualQueryCost));
      return ok({
        ...result,
        extensions: { cost: { requestedQueryCost, actualQueryCost, throttleStatus: bucket.status } },
      });
    },
  };
}

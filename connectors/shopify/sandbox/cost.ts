/**
 * What a query costs, and the bucket it is paid from, in Shopify's points: an object 1, a connection its `first` times what one node
 * costs, a list of ids or names its length, a mutation 10, a scalar nothing. Shopify's exact formula is not published; this one
 * counts every connection at its full size, so that what passes here is not refused there.
 */
import {
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLCompositeType,
  type GraphQLOutputType,
  type GraphQLSchema,
  getNamedType,
  isCompositeType,
  isListType,
  isNonNullType,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql';

/** Above this Shopify refuses a query whatever the bucket holds. */
export const COST_MAX = 1_000;

const MUTATION_COST = 10;

type Variables = Readonly<Record<string, unknown>>;

export type Costed = {
  readonly schema: GraphQLSchema;
  readonly operation: OperationDefinitionNode;
  readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  readonly variables: Variables;
};

const isList = (type: GraphQLOutputType): boolean => (isNonNullType(type) ? isList(type.ofType) : isListType(type));

/** How many of it are asked for: `first`, or the length of `ids` or `names`. */
function countOf(field: FieldNode, variables: Variables): number {
  for (const argument of field.arguments ?? []) {
    const { value } = argument;
    const given = value.kind === Kind.VARIABLE ? variables[value.name.value] : undefined;
    if (argument.name.value === 'first') return value.kind === Kind.INT ? Number(value.value) : Number(given ?? 1);
    if (['ids', 'names'].includes(argument.name.value)) {
      if (value.kind === Kind.LIST) return value.values.length;
      return Array.isArray(given) ? given.length : 1;
    }
  }
  return 1;
}

/** `first` is how many nodes the connection holds, where the parent is one. */
function selectionCost(set: SelectionSetNode, parent: GraphQLCompositeType, costed: Costed, first?: number): number {
  let sum = 0;
  let largestFragment = 0;
  for (const selection of set.selections) {
    if (selection.kind === Kind.FIELD) {
      sum += fieldCost(selection, parent, costed, first);
      continue;
    }
    const fragment = selection.kind === Kind.INLINE_FRAGMENT ? selection : costed.fragments.get(selection.name.value);
    const name = fragment?.typeCondition?.name.value;
    const type = name === undefined ? parent : costed.schema.getType(name);
    if (fragment === undefined || !isCompositeType(type)) continue;
    const cost = selectionCost(fragment.selectionSet, type, costed);
    // Of fragments on other types only one can hold for a node.
    if (type === parent) sum += cost;
    else largestFragment = Math.max(largestFragment, cost);
  }
  return sum + largestFragment;
}

function fieldCost(field: FieldNode, parent: GraphQLCompositeType, costed: Costed, first?: number): number {
  if (!('getFields' in parent) || field.selectionSet === undefined) return 0;
  const definition = parent.getFields()[field.name.value];
  const type = definition === undefined ? undefined : getNamedType(definition.type);
  if (definition === undefined || !isCompositeType(type)) return 0;
  const count = countOf(field, costed.variables);
  if (type.name.endsWith('Connection')) return selectionCost(field.selectionSet, type, costed, count);
  const inside = selectionCost(field.selectionSet, type, costed);
  if (parent === costed.schema.getMutationType()) return MUTATION_COST + inside;
  return isList(definition.type) ? (first ?? count) * (1 + inside) : 1 + inside;
}

export function requestedCost(costed: Costed): number {
  const root = costed.schema.getRootType(costed.operation.operation);
  return root ? selectionCost(costed.operation.selectionSet, root, costed) : 0;
}

/** What was really read: the objects of the answer. */
export function actualCost(data: unknown, isMutation: boolean): number {
  const count = (value: unknown): number => {
    if (Array.isArray(value)) return value.reduce((sum: number, each) => sum + count(each), 0);
    if (typeof value !== 'object' || value === null) return 0;
    return Object.values(value).reduce((sum: number, each) => sum + count(each), 1);
  };
  return count(data) - 1 + (isMutation ? MUTATION_COST : 0);
}

export type BucketOptions = { readonly maximumAvailable: number; readonly restoreRate: number };

export type ThrottleStatus = BucketOptions & { readonly currentlyAvailable: number };

export type Bucket = {
  /** False when it holds too little; then nothing is taken. */
  take(points: number): boolean;
  giveBack(points: number): void;
  readonly status: ThrottleStatus;
};

export function openBucket({ maximumAvailable, restoreRate }: BucketOptions, now: () => number): Bucket {
  let available = maximumAvailable;
  let at = now();
  const refill = (): void => {
    available = Math.min(maximumAvailable, available + (restoreRate * (now() - at)) / 1_000);
    at = now();
  };
  return {
    take(points) {
      refill();
      if (available < points) return false;
      available -= points;
      return true;
    },
    giveBack(points) {
      available = Math.min(maximumAvailable, available + points);
    },
    get status() {
      refill();
      return { maximumAvailable, restoreRate, currentlyAvailable: Math.floor(available) };
    },
  };
}

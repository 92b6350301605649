/** The control API's routes: paths and shapes in, the platform's answers out. 404 for no such path, 422 for a wrong shape. */
import { z } from 'zod';
import {
  cancelRequestSchema,
  catalogueRequestSchema,
  editRequestSchema,
  fulfilRequestSchema,
  orderRequestSchema,
  type SandboxStats,
  webhookRequestSchema,
} from './control.ts';
import { type FaultDice, faultsSchema } from './faults.ts';
import type { ApiRequest, ApiResponse, SandboxPlatform } from './platform.ts';

type Control = { readonly platform: SandboxPlatform; readonly dice: FaultDice; readonly stats: SandboxStats };
type Route = (request: ApiRequest, control: Control, orderRef: string) => unknown;

class WrongShape extends Error {}

function readShape<T>(schema: z.ZodType<T>, request: ApiRequest): T {
  const text = request.rawBody.toString('utf8');
  let document: unknown;
  try {
    document = text === '' ? {} : JSON.parse(text);
  } catch (error) {
    throw new WrongShape('the body is not JSON', { cause: error });
  }
  const parsed = schema.safeParse(document);
  if (!parsed.success) throw new WrongShape(z.prettifyError(parsed.error));
  return parsed.data;
}

const afterOf = (request: ApiRequest): number => Math.max(0, Math.trunc(Number(request.query.get('after') ?? 0)) || 0);

const ROUTES: Readonly<Record<string, Route>> = {
  'POST /catalogue': (request, { platform }) => platform.seed(readShape(catalogueRequestSchema, request)),
  'POST /orders': (request, { platform }) => platform.placeOrder(readShape(orderRequestSchema, request)),
  'GET /orders': (request, { platform }) => platform.orders(afterOf(request)),
  'POST /orders/:ref/cancel': (request, { platform }, orderRef) =>
    platform.cancelOrder(orderRef, readShape(cancelRequestSchema, request)),
  'POST /orders/:ref/fulfil': (request, { platform }, orderRef) =>
    platform.fulfilOrder(orderRef, readShape(fulfilRequestSchema, request)),
  'GET /levels': (_, { platform }) => ({ levels: platform.levels() }),
  'POST /levels': (request, { platform }) => {
    platform.editLevels(readShape(editRequestSchema, request));
    return { levels: platform.levels() };
  },
  'GET /stats': (_, { stats }) => stats,
  'GET /log': (request, { platform }) => platform.log(afterOf(request)),
  'POST /webhook': (request, { platform }) => {
    const webhook = readShape(webhookRequestSchema, request);
    platform.setWebhook(webhook);
    return webhook;
  },
  'POST /faults': (request, { dice }) => dice.set(readShape(faultsSchema, request)),
};

/** `request.path` begins with /sandbox/. */
export function routeControl(request: ApiRequest, control: Control): ApiResponse {
  const parts = request.path.slice('/sandbox/'.length).split('/');
  const orderRef = parts[0] === 'orders' && parts.length > 2 ? decodeURIComponent(parts[1] ?? '') : '';
  const name = `${request.method} /${orderRef === '' ? parts.join('/') : `orders/:ref/${parts.slice(2).join('/')}`}`;
  const route = Object.hasOwn(ROUTES, name) ? ROUTES[name] : undefined;
  if (route === undefined)
    return { status: 404, body: JSON.stringify({ error: `there is no ${name} in the control API` }) };
  try {
    return { status: 200, body: JSON.stringify(route(request, control, orderRef)) };
  } catch (error) {
    if (error instanceof WrongShape) return { status: 422, body: JSON.stringify({ error: error.message }) };
    throw error;
  }
}

/** The few static files, read once: our own, and those of htmx and uPlot as their packages bring them. Named by their content. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';

const require = createRequire(import.meta.url);
const here = (name: string): string => join(import.meta.dirname, 'static', name);
const JS = 'text/javascript; charset=utf-8';
const CSS = 'text/css; charset=utf-8';

const FILES = {
  'console.css': { path: here('console.css'), type: CSS },
  'console.js': { path: here('console.js'), type: JS },
  'icon.svg': { path: here('icon.svg'), type: 'image/svg+xml' },
  'htmx.js': { path: require.resolve('htmx.org/dist/htmx.min.js'), type: JS },
  'htmx-sse.js': { path: require.resolve('htmx.org/dist/ext/hx-sse.min.js'), type: JS },
  'uplot.js': { path: require.resolve('uplot/dist/uPlot.iife.min.js'), type: JS },
  'uplot.css': { path: require.resolve('uplot/dist/uPlot.min.css'), type: CSS },
} as const;
type AssetName = keyof typeof FILES;

/** Without the pointer to a source map that is not served. */
const readAsset = (path: string): Buffer =>
  Buffer.from(readFileSync(path, 'utf8').replace(/^\/\/# sourceMappingURL=.*$/m, ''));

const LOADED = new Map(
  Object.entries(FILES).map(([name, { path, type }]) => {
    const body = readAsset(path);
    return [name, { body, type, tag: createHash('sha256').update(body).digest('hex').slice(0, 16) }] as const;
  }),
);

/** Its address, which changes with its content: browsers may keep it for ever. */
export const asset = (name: AssetName): string => `/console/assets/${LOADED.get(name)?.tag}/${name}`;

export function serveAssets(app: FastifyInstance): void {
  for (const [name, { body, type, tag }] of LOADED) {
    app.get(`/assets/${tag}/${name}`, async (_, reply) =>
      reply.header('cache-control', 'public, max-age=31536000, immutable').type(type).send(body),
    );
  }
}

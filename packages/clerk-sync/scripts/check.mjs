// What is packed, checked as an app would meet it. `node scripts/check.mjs --write` accepts the public types as they are.
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'

const ENTRIES = ['index', 'query', 'react', 'vue', 'testing']
const COMPILERS = {
  'TypeScript 5.9': 'tests/oldest/node_modules/typescript/bin/tsc',
  'TypeScript 6': 'node_modules/typescript/bin/tsc',
  'TypeScript 7': 'node_modules/typescript-7/bin/tsc',
}

const STEPS = [
  ['sources and tests compile', 'node_modules/typescript/bin/tsc', '-p', '.'],
  ['types of the wire are those of docs/openapi.json (else: npm run generate)', 'openapi-typescript', '../../docs/openapi.json', '--output', 'src/core/openapi.ts', '--check'],
  ['publint', 'publint', '--strict'],
  ['are the types wrong', 'attw', '--pack', '.', '--profile', 'esm-only', '--exclude-entrypoints', 'styles.css', '--format', 'ascii', '--quiet'],
  ...Object.entries(COMPILERS).flatMap(([name, compiler]) => [
    [`${name}, newest React and TanStack Query, Clerk 5 and 6`, compiler, '-p', 'tests/types'],
    [`${name}, oldest React and TanStack Query`, compiler, '-p', 'tests/oldest'],
  ]),
  ['nothing unused', 'knip'],
]

/** The public types, one entry after the other: a change of them is a change of this file, and is seen in review. */
function publicTypes() {
  return ENTRIES.map((entry) => `// ${entry}\n${readFileSync(`dist/${entry}.d.ts`, 'utf8').replace(/\n\/\/# .*/g, '')}`).join('\n')
}

function run(program, words) {
  const path = program.includes('/') ? program : `node_modules/.bin/${program}`
  return spawnSync(process.execPath, [path, ...words], { encoding: 'utf8' })
}

if (process.argv.includes('--write')) {
  writeFileSync('api.d.ts', publicTypes())
  process.exit()
}

let failed = 0
function report(name, begun, fault) {
  console.log(`${fault === undefined ? 'ok    ' : 'FAILED'} ${name} (${((performance.now() - begun) / 1000).toFixed(1)} s)`)
  if (fault === undefined) return
  failed++
  console.log(fault)
}

for (const [name, program, ...words] of STEPS) {
  const begun = performance.now()
  const { status, stdout, stderr } = run(program, words)
  report(name, begun, status === 0 ? undefined : `${stdout}${stderr}`)
}
const same = readFileSync('api.d.ts', 'utf8') === publicTypes()
report('public types are as in api.d.ts', performance.now(), same ? undefined : 'npm run build && node scripts/check.mjs --write, and look at the difference')
process.exit(failed === 0 ? 0 : 1)

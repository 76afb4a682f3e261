import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

const ours = [
  { find: /^clerk-sync$/, replacement: here('src/core/index.ts') },
  { find: /^clerk-sync\/(query|react|vue|testing)$/, replacement: here('src/$1/index.ts') },
]

/** The oldest of everything that is supported, instead of the newest. */
const oldest = [
  { find: /^(react|react-dom|@testing-library\/react|@tanstack\/react-query)(\/.*)?$/, replacement: here('tests/oldest/node_modules/$1$2') },
]

const reactTests = ['tests/react/**/*.test.tsx', 'tests/faults/*.test.tsx']

export default defineConfig({
  test: {
    isolate: false,
    projects: [
      {
        resolve: { alias: ours },
        test: { name: 'core', include: ['tests/core/**/*.test.ts'], environment: 'node' },
      },
      {
        resolve: { alias: ours },
        test: { name: 'vue', include: ['tests/vue/**/*.test.ts'], environment: 'happy-dom' },
      },
      {
        resolve: { alias: ours },
        test: { name: 'newest', include: reactTests, environment: 'happy-dom', setupFiles: 'tests/hooks.ts' },
      },
      {
        resolve: { alias: [...ours, ...oldest] },
        test: {
          name: 'oldest',
          include: reactTests,
          environment: 'happy-dom',
          setupFiles: 'tests/hooks.ts',
          // Inlined, so that their own imports of React are replaced as well.
          server: { deps: { inline: [/@testing-library\/react/, /@tanstack/] } },
        },
      },
    ],
  },
})

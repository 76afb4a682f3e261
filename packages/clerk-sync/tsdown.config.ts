import { defineConfig } from 'tsdown'

export default defineConfig({
  entry: {
    index: 'src/core/index.ts',
    query: 'src/query/index.ts',
    react: 'src/react/index.ts',
    vue: 'src/vue/index.ts',
    testing: 'src/testing/index.ts',
  },
  platform: 'neutral',
  dts: true,
  copy: ['src/styles.css'],
  // JSX becomes calls of `createElement`, of the entry of React's that is imported anyway: 40 bytes less than `react/jsx-runtime`.
  inputOptions: {
    transform: {
      jsx: { runtime: 'classic', pragma: 'createElement', pragmaFrag: 'Fragment' },
      inject: { createElement: ['react', 'createElement'] },
    },
  },
  // The entries find each other by name, so that an app has one core and one `Register`.
  external: [/^clerk-sync(\/|$)/],
})

// Minified for production and compressed with gzip; React, TanStack Query and Vue are not counted. The limits are the budgets.
const core = { 'dist/index.js': '{ createUserSync }' }
const everything =
  '{ UserSyncProvider, UserSyncBoundary, UserSyncLoading, useUserProfile, useSuspenseUserProfile, useUserSyncStatus, useWaitForUser }'

/** What an app's bundler does in a production build. */
const inProduction = (config) => ({ ...config, transform: { define: { 'process.env.NODE_ENV': '"production"' } } })

export default [
  { name: 'core', import: { 'dist/index.js': '{ createUserSync, UserSyncError, parseRetryAfter }' }, limit: '2 kB' },
  { name: 'one hook, with provider and core', import: { 'dist/react.js': '{ UserSyncProvider, useUserProfile }', ...core }, limit: '2.8 kB' },
  { name: 'all of react, with core', import: { 'dist/react.js': everything, 'dist/index.js': '{ createUserSync, UserSyncError, parseRetryAfter }' }, limit: '4 kB' },
  { name: 'vue, without core', path: 'dist/vue.js', import: '{ useUserProfile }', ignore: ['vue', 'clerk-sync'], limit: '0.8 kB' },
  { name: 'stylesheet', path: 'dist/styles.css', rolldown: false, limit: '0.8 kB' },
].map((check) => ({
  path: Object.keys(check.import ?? {})[0],
  ...check,
  gzip: true,
  ...(check.rolldown !== false && { modifyRolldownConfig: inProduction }),
}))

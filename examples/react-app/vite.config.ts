import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

declare const process: { env: Record<string, string | undefined> }

const DEV = 'http://127.0.0.1:8787'
/** `clerk-sync dev` is both: an offline Clerk under `/__clerk`, and the API. Another backend has an address of its own. */
const { CLERK_URL = DEV, API_URL = DEV } = process.env

const proxy = {
  '/api': { target: API_URL, rewrite: (path: string) => path.replace(/^\/api/, '') },
  '/__clerk': { target: CLERK_URL },
}

export default defineConfig({
  plugins: [react()],
  // The package is linked from this repository, where it has a React of its own for its tests.
  resolve: { dedupe: ['react', 'react-dom', '@tanstack/react-query'] },
  build: { chunkSizeWarningLimit: 2_000 },
  server: { port: 5173, strictPort: true, proxy },
  preview: { port: 5173, strictPort: true, proxy },
})

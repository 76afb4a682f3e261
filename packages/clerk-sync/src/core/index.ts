export { createUserSync, type UserKey, type UserSync } from './createUserSync'
export { UserSyncError, type UserSyncErrorCode } from './errors'
export { keepTrying, type KeepTryingOptions } from './keepTrying'
export { type Phase, phaseOf } from './phase'
export { onProgress, progressOf, reportProgress } from './progress'
export type { Register, RegisteredUser } from './register'
export { parseRetryAfter } from './retryAfter'
export type {
  Auth,
  Backoff,
  GetToken,
  Progress,
  Retries,
  StandardSchema,
  UserSyncOptions,
  WaitOptions,
} from './types'
export type { Me, ServerCode } from './wire'

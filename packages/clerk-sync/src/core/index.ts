export { createUserSync, type UserKey, type UserSync } from './createUserSync'
export { UserSyncError, type UserSyncErrorCode } from './errors'
export { type Phase, phaseOf } from './phase'
export type { ProgressStore } from './progress'
export type { Register, RegisteredUser } from './register'
export { parseRetryAfter } from './retryAfter'
export type {
  Auth,
  Backoff,
  GetToken,
  Progress,
  Retries,
  StandardSchema,
  UserSyncEvent,
  UserSyncOptions,
  WaitOptions,
} from './types'
export type { Me, ServerCode } from './wire'

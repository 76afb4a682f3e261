export { type Account, type HowToWait, type UserQueryOptions, userQueryOptions } from './userQueryOptions'

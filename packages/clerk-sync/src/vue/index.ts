export { type UserProfile, useUserProfile, type VueAuth } from './useUserProfile'

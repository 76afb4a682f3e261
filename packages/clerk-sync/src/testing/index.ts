export { authLoading, signedIn, signedOut, unsignedToken } from './auth'
export {
  type Answer,
  broken,
  type FakeServer,
  fakeServer,
  found,
  heldInVain,
  notSynced,
  page,
  problem,
  type SeenRequest,
  silence,
} from './server'

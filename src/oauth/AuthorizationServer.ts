import { Layer } from "effect"
import { AccessTokenKeys } from "../auth/AccessTokenKeys.ts"
import { AccessTokens } from "../auth/AccessTokens.ts"
import { Passwords } from "../auth/Passwords.ts"
import { Attempts } from "./Attempts.ts"
import { AuthorizationRequests } from "./AuthorizationRequests.ts"
import { ClientAuthentication } from "./ClientAuthentication.ts"
import { Clients } from "./Clients.ts"
import { Codes } from "./Codes.ts"
import { Consent } from "./Consent.ts"
import { Grants } from "./Grants.ts"
import { Introspection } from "./Introspection.ts"
import { Registration } from "./Registration.ts"
import { Sessions } from "./Sessions.ts"
import { SignIn } from "./SignIn.ts"
import { SignUp } from "./SignUp.ts"
import { SweeperLayer } from "./Sweeper.ts"
import { TokenRequests } from "./TokenRequests.ts"
import { TokenRevocation } from "./TokenRevocation.ts"
import { Tokens } from "./Tokens.ts"

/** The whole room: what the gateway gives routes to. */
export const AuthorizationServer = Layer.mergeAll(
  AuthorizationRequests.layer,
  Consent.layer,
  SignIn.layer,
  SignUp.layer,
  TokenRequests.layer,
  TokenRevocation.layer,
  Introspection.layer,
  Registration.layer,
  SweeperLayer
).pipe(
  Layer.provideMerge([Codes.layer, Sessions.layer]),
  Layer.provideMerge([Clients.layer, Grants.layer]),
  Layer.provide([ClientAuthentication.layer.pipe(Layer.provide(Clients.layer)), Tokens.layer]),
  Layer.provide([Attempts.layer, AccessTokens.layer, AccessTokenKeys.layer, Passwords.layer])
)
